"""The report page: written at the end of training, drawn again from the folder, and comparing several runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import torchnet
from torchnet.cli.main import main as train
from torchnet.commands import main
from torchnet.data import load
from torchnet.reporting.evaluation import pixels_of

from ..browser import reset, set_media, set_width
from ..conftest import ROOT
from ..run_folders import DIGITS, last_of

FIGURES = {"loss", "accuracy", "confusion", "mistakes", "first_layer", "gradient_norm", "update_ratio", "blocked"}
VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Parse a page: collect its text and links, and check that elements are closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text, self.links, self.captions, self.figures = "", [], 0, 0
        self.open: list[str] = []
        self.feed(path.read_text())
        self.close()
        assert self.open == [], f"{path}: elements are not closed"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.figures += tag == "figure"
        self.captions += tag == "figcaption"
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href", "data", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


def all_runs() -> list[Path]:
    return sorted(Path("runs").glob("*/*"), key=lambda run: run.name)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of a run that wrote its page when training ended; tests must not change it."""
    root = tmp_path_factory.mktemp("finished")
    assert train(ROOT / "configs", [DIGITS, "--trainer.max_epochs=6", f"--trainer.default_root_dir={root}"]) == 0
    (folder,) = root.glob("digits/*")
    return folder


@pytest.fixture
def run(finished, tmp_path, monkeypatch) -> Path:
    """A copy of the run that tests may change, as the only run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished, Path("runs") / "digits" / finished.name))


def expect_sound(path: Path) -> Page:
    """Expect a page without external links whose figures have captions."""
    page = Page(path)
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in page.links), page.links
    assert page.figures >= page.captions > 0
    return page


def test_training_ends_with_a_page_and_its_figures(finished):
    page = expect_sound(finished / "report.html")
    assert page.figures == page.captions == len(FIGURES)
    assert {path.stem for path in (finished / "figures").iterdir()} == FIGURES
    for path in (finished / "figures").iterdir():
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"
            pixels = np.asarray(image.convert("L"))
            assert pixels.std() > 5, f"{path} is blank"
    report = json.loads((finished / "report.json").read_text())
    assert f"{report['accuracy']['test']:.2%}" in page.text
    for split in ("train", "test"):
        for rows in report["classification_report"][split].values():
            assert all(f"{value:.4f}" in page.text or f"{value:,}" in page.text for value in rows.values())
    facts = json.loads((finished / "facts.json").read_text())
    assert facts["images"] == 6 * 1437
    assert facts["seconds"] > 0
    assert facts["command"].startswith("python train.py fit --config=")
    for text in (
        facts["environment"]["processor"],
        "python train.py --config",
        "64-64-64-10, sigmoid",
        "8,970 weights",
    ):
        assert text in page.text
    assert "max_epochs: 6" in page.text  # its configuration
    assert "The gradient reaches all layers" in page.text


def test_the_report_has_the_confusion_matrix_and_the_images_of_the_test_set(finished):
    report = json.loads((finished / "report.json").read_text())
    counts = np.array(report["confusion_matrix"]["test"])
    assert counts.sum() == 360
    assert np.trace(counts) / 360 == pytest.approx(report["accuracy"]["test"])
    shown = {tuple(row) for row in load("digits").test_inputs.reshape(360, -1).tolist()}
    for mistake in report["mistakes"]["test"]:
        assert tuple(pixels_of(mistake).reshape(-1).tolist()) in shown


def test_the_command_draws_the_same_page_again(run, capsys):
    before = {path.name: path.read_bytes() for path in run.rglob("*") if path.suffix in (".html", ".png")}
    shutil.rmtree(run / "figures")
    (run / "report.html").unlink()
    assert main(["report", "last"]) == 0
    assert capsys.readouterr().out == f"{run / 'report.html'}\n"
    assert {path.name for path in run.rglob("*") if path.suffix in (".html", ".png")} == set(before)
    for path in (run / "figures").iterdir():
        assert path.read_bytes() == before[path.name], path
    assert main(["report", str(run), "--output", "elsewhere.html"]) == 0
    expect_sound(Path("elsewhere.html"))
    assert {path.stem for path in Path("elsewhere").iterdir()} == FIGURES


def test_the_page_can_be_turned_off(cli):
    assert cli(DIGITS, "--trainer.max_epochs=1", "--report=false") == 0
    (run,) = all_runs()
    assert not (run / "report.html").exists()
    assert not (run / "figures").exists()
    assert (run / "report.json").is_file()


def test_runs_are_compared_side_by_side(cli, capsys):
    validated = ("--data.validation_fraction=0.2", "--model.activation=relu", "--model.lr=0.1", "--name=second")
    assert cli(DIGITS, "--trainer.max_epochs=2") == 0
    assert cli(DIGITS, "--trainer.max_epochs=3", *validated) == 0
    first, second = all_runs()
    capsys.readouterr()
    assert main(["report", str(first), str(second), str(first)]) == 0
    assert capsys.readouterr().out == "comparison.html\n"
    page = expect_sound(Path("comparison.html"))
    assert page.figures == 2 + 2 * 6
    assert page.captions == 2 + 6, "a caption is not repeated for the second run"
    per_run = {f"{name}_{k}" for name in FIGURES - {"loss", "accuracy"} for k in (1, 2)}
    assert {path.stem for path in Path("comparison").iterdir()} == {"loss", "accuracy"} | per_run
    for text in ("digits", "second", "model.activation", "sigmoid", "relu", "2 runs", "side by side", "val accuracy"):
        assert text in page.text
    assert "Sorted by best val accuracy." in page.text
    assert "data.batch_size" not in page.text.partition("Options that differ")[2].partition("Learning")[0]


def similar_runs(finished: Path, root: Path, count: int) -> list[Path]:
    """Return runs that differ in an option and in the accuracy; those after the sixth have the options of the first."""
    folders = []
    for k in range(count):
        folder = Path(shutil.copytree(finished, root / f"2026-01-31_12-00-0{k}.000Z"))
        config, lr = folder / "config.yaml", (k + 1) / 100 if k < 6 else 0.01
        keep = 2 + k % 2
        config.write_text(config.read_text().replace("lr: 0.3", f"lr: {lr}").replace("keep: 2", f"keep: {keep}"))
        report = json.loads((folder / "report.json").read_text())
        report["accuracy"]["test"] = 0.5 + 0.05 * k
        (folder / "report.json").write_text(json.dumps(report))
        folders.append(folder)
    return folders


@pytest.fixture(scope="module")
def comparison(finished, tmp_path_factory) -> Path:
    """The page of eight runs; tests must not change it."""
    root = tmp_path_factory.mktemp("comparison")
    folders = similar_runs(finished, root / "runs", 8)
    assert main(["report", *map(str, folders), f"--output={root / 'all.html'}"]) == 0
    return root / "all.html"


def test_many_runs_are_sorted_and_told_apart(comparison):
    page = expect_sound(comparison)
    rows = re.findall(r"<tr.*?</tr>", comparison.read_text(), re.DOTALL)[1:9]
    expected = ["lr 0.01 (3)", "lr 0.01 (2)", "lr 0.06", "lr 0.05", "lr 0.04", "lr 0.03", "lr 0.02", "lr 0.01 (1)"]
    assert [next(label for label in expected if label in row) for row in rows] == expected
    for k, row in enumerate(rows):
        assert f"{0.85 - 0.05 * k:.2%}" in row
        assert f"2026-01-31 12:00:0{7 - k} UTC" in row
        assert ("best" in row) == (k == 0)
    assert "Sorted by final test accuracy. There is no validation split" in page.text
    assert "Equal options: lr 0.01 (3); lr 0.01 (2); lr 0.01 (1)." in page.text
    other = page.text.partition("Options that differ")[2].partition("Learning")[0]
    assert "checkpoints.keep" in other
    assert "model.lr" not in other, "the labels say it"
    assert "What follows them is of the 6 best ones" in page.text
    assert {path.stem for path in (comparison.parent / "all").glob("confusion_*")} == {
        f"confusion_{k}" for k in range(1, 7)
    }
    assert page.figures == 2 + 6 * 6


@pytest.mark.parametrize("width", [360, 390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_the_comparison_at_every_width(scheme, width, comparison, browser, request):
    request.addfinalizer(lambda: reset(browser))
    set_width(browser, width)
    set_media(browser, {"prefers-color-scheme": scheme})
    browser.get_log("browser")
    browser.get(comparison.as_uri())
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    for table in browser.find_elements("css selector", "table.runs"):
        hidden = "const box = arguments[0].parentElement; return box.scrollWidth - box.clientWidth"
        assert browser.execute_script(hidden, table) <= 0, "a part of the table is hidden"
    cut = """
        return [...document.querySelectorAll(".runs td, .runs tbody th")]
            .filter((it) => it.scrollWidth > it.clientWidth + 1).map((it) => it.textContent);
    """
    assert browser.execute_script(cut) == []
    best = browser.find_elements("css selector", ".runs b")
    assert [it.is_displayed() for it in best] == [True, True]


def test_a_run_that_was_stopped_early_has_a_page_without_evaluation(run):
    for name in ("report.json", "facts.json", "report.html"):
        (run / name).unlink()
    assert main(["report", str(run)]) == 0
    page = expect_sound(run / "report.html")
    assert "This run was stopped early" in page.text
    assert "The gradient reaches all layers" in page.text
    assert page.figures == len(FIGURES) - 2


def test_a_run_without_logs_and_checkpoints_has_a_page(cli):
    without = ("--trainer.logger=false", "--trainer.enable_checkpointing=false")
    assert cli(DIGITS, "--trainer.max_epochs=1", *without, "--report=true") == 0
    (run,) = all_runs()
    page = expect_sound(run / "report.html")
    assert "Gradients were not logged" in page.text
    (run / "report.html").unlink()
    assert main(["report", str(run)]) == 0
    text = expect_sound(run / "report.html").text
    assert "sigmoid, 0 epochs, started" in text
    assert "0 weights" not in text


def test_flat_inputs_have_no_images_in_the_report(cli):
    data = load("digits")
    images = {f"x_{split}": getattr(data, f"{split}_inputs").reshape(-1, 64)[:, :60] for split in ("train", "test")}
    np.savez("flat.npz", **images, y_train=data.train_targets, y_test=data.test_targets)
    assert cli(DIGITS, "--trainer.max_epochs=1", "--data.source=flat.npz", "--report=true") == 0
    (run,) = all_runs()
    expect_sound(run / "report.html")
    assert {path.stem for path in (run / "figures").iterdir()} == FIGURES - {"first_layer", "mistakes"}


def test_a_table_has_the_inputs_that_the_first_layer_uses(cli):
    random = np.random.default_rng(0)
    x = random.normal(size=(120, 3))
    np.savez("rows.npz", x=x, y=np.where(x[:, 0] > 0, "large", "small"))
    table = f"--config={ROOT / 'configs' / 'table.yaml'}"
    assert cli(table, "--trainer.max_epochs=2", "--data.source=rows.npz", "--report=true") == 0
    (run,) = all_runs()
    page = expect_sound(run / "report.html")
    for text in (
        "inputs: 3 numeric columns",
        "2 classes: large, small",
        "Which inputs the first layer uses",
        "column 0",
    ):
        assert text in page.text
    before = (run / "report.html").read_bytes()
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").read_bytes() == before, "the checkpoint has what turns rows into inputs"


def test_reports_of_earlier_versions_have_a_page(run):
    assert main(["report", str(run)]) == 0
    expected = (run / "report.html").read_bytes()
    report = json.loads((run / "report.json").read_text())
    del report["task"], report["classes"]
    (run / "report.json").write_text(json.dumps(report))
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").read_bytes() == expected


@pytest.mark.parametrize("best", ["null", "[]", '{"epoch": 1}', '{"step": 1, "epoch": "x", "val_loss": 1.0}'])
def test_a_best_epoch_that_was_edited_is_refused(best, run, capsys):
    text = (run / "report.json").read_text()
    (run / "report.json").write_text(text.replace("{", f'{{"best": {best},', 1))
    assert main(["report", str(run)]) == 65
    assert "best" in capsys.readouterr().err


def test_user_input_is_escaped(cli):
    data = load("digits")
    name = "<script>alert(1)<.npz"  # & < > in a configuration
    np.savez(
        name, x_train=data.train_inputs, y_train=data.train_targets, x_test=data.test_inputs, y_test=data.test_targets
    )
    assert cli(DIGITS, "--trainer.max_epochs=1", f"--data.source={name}", "--report=true") == 0
    (run,) = all_runs()
    text = (run / "report.html").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;.npz" in text


def test_a_corrupt_checkpoint_is_skipped(run, capsys):
    for path in (run / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    assert main(["report", str(run)]) == 0
    assert "skipped: " in capsys.readouterr().err
    assert "first_layer" not in {path.stem for path in (run / "figures").iterdir() if os.path.getmtime(path) > 1e12}
    expect_sound(run / "report.html")


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_at_every_width(scheme, width, finished, browser, request):
    request.addfinalizer(lambda: reset(browser))
    set_width(browser, width)
    set_media(browser, {"prefers-color-scheme": scheme})
    browser.get_log("browser")
    browser.get((finished / "report.html").as_uri())
    assert browser.get_log("browser") == []
    size = "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    wide, high = browser.execute_script(size)
    assert wide <= width, "the page scrolls sideways"
    assert high > 3000
    drawn = """
        return [...document.querySelectorAll("figure svg, figure img")].map((it) => it.getBoundingClientRect().width);
    """
    widths = browser.execute_script(drawn)
    assert len(widths) == 5 + 1 + len(json.loads((finished / "report.json").read_text())["mistakes"]["test"])
    assert min(widths) > 60
    color = "return getComputedStyle(document.querySelector('figure svg text')).fill"
    red, green, blue = map(int, re.findall(r"\d+", browser.execute_script(color)))
    assert (red + green + blue > 3 * 128) == (scheme == "dark"), "text and background are both dark or both light"


def test_a_link_in_the_folder_of_a_run_is_replaced_and_never_followed(run, tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    for name in ("figures/loss.png", "figures/confusion.png", "report.html"):
        (run / name).unlink()
        (run / name).symlink_to(outside)
    (run / "figures" / "accuracy.png").unlink()
    os.mkfifo(run / "figures" / "accuracy.png")
    assert main(["report", str(run)]) == 0
    assert outside.read_text() == "precious"
    expect_sound(run / "report.html")
    for name in ("loss", "confusion", "accuracy"):
        path = run / "figures" / f"{name}.png"
        assert path.is_file()
        assert not path.is_symlink()


@pytest.mark.parametrize("target", ["outside", "nowhere"])
def test_a_folder_of_figures_that_is_a_link_is_refused(target, run, tmp_path, capsys):
    (tmp_path / "outside").mkdir()
    shutil.rmtree(run / "figures")
    (run / "figures").symlink_to(tmp_path / target)
    assert main(["report", str(run)]) == 74
    err = capsys.readouterr().err
    assert str(run / "figures") in err
    assert err.count("\n") == 1
    assert list((tmp_path / "outside").iterdir()) == []


def test_names_from_files_are_printed_as_plain_text(run, capsys):
    hostile = run.rename(run.with_name("a\x1b[2J\n$(id) b"))
    corrupt = next((hostile / "checkpoints").glob("step=*.ckpt"))
    corrupt.write_bytes(b"")
    assert main(["report", str(hostile)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{hostile.parent}/a\\x1b[2J\\n$(id) b/report.html\n"
    assert err.startswith(f"skipped: {hostile.parent}/a\\x1b[2J\\n$(id) b/checkpoints/")
    page = expect_sound(hostile / "report.html")
    assert f"python train.py --config '{hostile}/config.yaml'" in page.text, "a shell would run a part of the name"


def test_the_name_of_a_run_is_no_formula(run, tmp_path):
    other = Path(shutil.copytree(run, tmp_path / "other"))
    for folder, name in ((run, r"$\nonsense$"), (other, 3 * 10**4 * "x")):
        config = (folder / "config.yaml").read_text()
        (folder / "config.yaml").write_text(config.replace("name: digits\n", f"name: {name}\n"))
    assert main(["report", str(run), str(other)]) == 0
    page = expect_sound(Path("comparison.html"))
    assert r"$\nonsense$" in page.text


@pytest.mark.parametrize(
    "program",
    [["-m", "torchnet", "report", "last"], pytest.param([str(ROOT / "train.py"), DIGITS], marks=pytest.mark.sweep)],
)
def test_no_display_is_needed(program, run):
    environment = os.environ | {"MPLBACKEND": "nonsense", "PYTHONPATH": str(ROOT)}
    options = ["--trainer.max_epochs=1"] if "train.py" in program[0] else []
    done = subprocess.run([sys.executable, *program, *options], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout
    assert done.stderr == (f"last is {last_of(run)}\n" if "last" in program else "")


def test_a_network_of_images_has_filters_and_feature_maps_and_is_exported(cli, capsys, expect_equal):
    options = ["--model.network=convnet", "--model.widths=[4, 6]", "--model.lr=0.1", "--data.source=digits"]
    assert cli(*options, "--trainer.max_epochs=1", "--report=true") == 0
    (run,) = all_runs()
    page = expect_sound(run / "report.html")
    assert "First layer and feature maps" in page.text
    assert "One tile per filter of the first convolution" in page.text
    assert {path.stem for path in (run / "figures").iterdir()} >= {"first_layer", "feature_maps"}
    before = (run / "report.html").read_bytes()
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").read_bytes() == before, "the maps are in report.json"
    images, trained = load("digits").test_inputs[:20], torchnet.load(run)
    for name in ("net.onnx", "net.safetensors"):
        capsys.readouterr()
        assert main(["export", str(run), name]) == 0
        program = capsys.readouterr().out.partition("without torchnet:\n\n")[2]
        names: dict = {"images": images if name == "net.onnx" else torch.tensor(images)}
        exec(program, names)
        expect_equal(name, torch.as_tensor(names["logits"]).detach(), trained(images), "run(x)", 2e-6)
    assert np.array_equal(torchnet.load("net.safetensors")(images), trained(images))
