"""The demo page of a run on the digits of scikit-learn."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from torchnet import MLP
from torchnet.cli.main import main as train
from torchnet.commands import main
from torchnet.data import Preprocessing
from torchnet.demo import ShownNetwork, demo_page, playground_page
from torchnet.demo.web_files import PLAYGROUND

from ..browser import reset
from ..conftest import ROOT
from .pages import two_frames


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on scikit-learn's digits, with dropout, batch norm, residual blocks and two activations."""
    root = tmp_path_factory.mktemp("runs")
    arguments = (
        f"--config={ROOT / 'configs' / 'digits.yaml'}",
        f"--trainer.default_root_dir={root}",
        "--trainer.max_epochs=20",
        "--model.hidden_sizes=[36, 36]",
        "--model.activation=[gelu, relu]",
        "--model.normalization=batch_norm",
        "--model.dropout=0.1",
        "--model.residual=true",
    )
    assert train(ROOT / "configs", list(arguments)) == 0
    (folder,) = {path.parent.parent for path in root.rglob("checkpoints/*.ckpt")}
    return folder


@pytest.fixture(scope="session")
def page(digits_run: Path) -> Path:
    """The page that the command writes for the run."""
    assert main(["demo", str(digits_run)]) == 0
    return digits_run / "demo.html"


@pytest.fixture
def opened(browser: Chrome, page: Path) -> Iterator[Chrome]:
    """The browser with the page just loaded. At the end, the page must not have reported an error."""
    browser.get_log("browser")
    browser.get(page.as_uri())
    yield browser
    # The browser warns that the tests read pixels from a canvas.
    assert [entry for entry in browser.get_log("browser") if entry["source"] != "rendering"] == []


@pytest.fixture
def show(browser: Chrome, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Open the page of a network with a preprocessing. At the end, the page must not have reported an error."""
    browser.get_log("browser")

    def show(net: MLP, preprocessing: Preprocessing) -> None:
        loss = "cross_entropy" if preprocessing.task == "classification" else "mean_squared_error"
        path = tmp_path / "page.html"
        path.write_text(demo_page([ShownNetwork(net, loss, "shown", 0)], preprocessing), encoding="utf-8")
        browser.get(path.as_uri())
        two_frames(browser)

    yield show
    assert [entry for entry in browser.get_log("browser") if entry["source"] != "rendering"] == []


@pytest.fixture
def call(browser: Chrome, page: Path) -> Callable[..., Any]:
    """Call a function of `window.torchnet` with arguments, and with a network from `describe` if one is given."""
    if browser.current_url != page.as_uri():
        browser.get(page.as_uri())

    def call(name: str, *arguments: object, net: tuple[dict, str] | None = None) -> Any:
        code = """
            const [name, given, net] = arguments;
            return torchnet[name](...given, ...(net ? [torchnet.build(...net)] : []));
        """
        return browser.execute_script(code, name, arguments, net)

    return call


@pytest.fixture(scope="session")
def scripts_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty page with the mathematics and the experiments of the playground."""
    web = ROOT / "torchnet" / "demo" / "web"
    text = "\n".join((web / f"{name}.js").read_text(encoding="utf-8") for name in PLAYGROUND)
    path = tmp_path_factory.mktemp("scripts") / "scripts.html"
    path.write_text(f"<!doctype html><meta charset=utf-8><title>scripts</title><script>{text}</script>", "utf-8")
    return path


@pytest.fixture
def run_script(browser: Chrome, scripts_page: Path) -> Callable[..., Any]:
    """Run the body of a JavaScript function, which has `given`, beside the mathematics; return its result."""
    if browser.current_url != scripts_page.as_uri():
        browser.get(scripts_page.as_uri())

    def run(body: str, given: object = None) -> Any:
        # The result as one text: the browser is slow at returning long arrays.
        code = "const given = JSON.parse(arguments[0]); return JSON.stringify((() => {" + body + "})())"
        return json.loads(browser.execute_script(code, json.dumps(given)))

    return run


@pytest.fixture(scope="session")
def playground_url(tmp_path_factory):
    path = tmp_path_factory.mktemp("playground") / "playground.html"
    path.write_text(playground_page(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def visit(browser, playground_url):
    """Open the page with some settings. At the end, it must not have reported an error."""
    browser.get_log("browser")

    def visit(settings=""):
        browser.get("about:blank")
        browser.get(f"{playground_url}#{settings}" if settings else playground_url)
        two_frames(browser)

    yield visit
    # The browser warns that a test reads pixels from a canvas.
    assert [entry for entry in browser.get_log("browser") if entry["source"] != "rendering"] == []
    reset(browser)
