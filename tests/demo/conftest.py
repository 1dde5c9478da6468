"""A browser without a window, and the page of a run that was trained for two epochs."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from torchnet.commands import main
from torchnet.training.cli import main as train

ROOT = Path(__file__).parent.parent.parent
# No window and no traffic of its own; the sandbox needs rights that a container has not.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        reason = "no browser to open the page in: install chromium and chromium-driver"
        pytest.fail(reason) if os.environ.get("TORCHNET_REQUIRE_BROWSER") else pytest.skip(reason)
    options = ChromeOptions()
    options.binary_location = program
    for flag in (*_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})  # the console; the requests
    chrome = Chrome(options=options, service=Service(executable_path=driver))
    # What moves would have to be waited for.
    chrome.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    )
    yield chrome
    chrome.quit()


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on the small digits, with a layer of every kind that a configuration can ask for."""
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
    """The page that the command wrote for the run."""
    assert main(["demo", str(digits_run)]) == 0
    return digits_run / "demo.html"


@pytest.fixture
def opened(browser: Chrome, page: Path) -> Iterator[Chrome]:
    """The browser with the page just loaded; in the end, the page must have reported no error."""
    browser.get_log("browser")
    browser.get(page.as_uri())
    yield browser
    # Its advice on reading pixels back is for the tests, which do.
    assert [entry for entry in browser.get_log("browser") if entry["source"] != "rendering"] == []


@pytest.fixture
def call(browser: Chrome, page: Path) -> Callable[..., Any]:
    """Call a function of `window.torchnet` with arguments; the last may be a network as `describe` gives it."""
    if browser.current_url != page.as_uri():
        browser.get(page.as_uri())

    def call(name: str, *arguments: object, net: tuple[dict, str] | None = None) -> Any:
        code = """
            const [name, given, net] = arguments;
            return torchnet[name](...given, ...(net ? [torchnet.build(...net)] : []));
        """
        return browser.execute_script(code, name, arguments, net)

    return call
