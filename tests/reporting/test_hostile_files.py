"""Files of a run that were edited or come from somebody else: the report works, or refuses them in one sentence."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from torchnet.cli.main import main as train
from torchnet.commands import main
from torchnet.data import Classes, NumericColumn, Pixels, Preprocessing, Table
from torchnet.reporting import page, read_report, write_report
from torchnet.reporting.run_data import RunData
from torchnet.reporting.run_files import read_metrics

from ..conftest import ROOT
from ..run_folders import DIGITS, newest
from .hostile_files import FILES, VALUES, hostile, with_value


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("finished")
    options = [DIGITS, "--trainer.max_epochs=2", "--report=false", f"--trainer.default_root_dir={root}"]
    assert train(ROOT / "configs", options) == 0
    (folder,) = root.glob("digits/*")
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the run that tests may change, as the only run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(finished, Path("runs") / "digits" / finished.name))


@pytest.fixture
def report(run: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call the report command; return its error message, empty if it wrote the page."""

    def call(*words: object) -> str:
        code = main(["report", *map(str, words or [run])])
        err = capsys.readouterr().err
        if code == 0:
            assert err == ""
            return ""
        assert code == 65, err
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert err[:-1].isprintable()
        assert len(err) < 1000
        return err

    return call


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "_figures", lambda *_: {})


def refused(path: Path, cases: list[Callable[[], str]], report: Callable[..., str]) -> int:
    """Put each case in the place of a file; return how many were refused, each with the name of the file."""
    count = 0
    for case in cases:
        path.write_text(case(), encoding="utf-8", errors="surrogatepass", newline="")
        if err := report():
            assert f"{path}: expected " in err
            assert err.endswith(": remove it, or train again\n")
            count += 1
    return count


@pytest.mark.parametrize("name", ["report.json", "facts.json", "metrics.csv"])
def test_a_sample_of_hostile_values_is_refused_or_works(name, run, report, undrawn):
    cases = random.Random(name).sample(hostile(run / name), 50)
    assert refused(run / name, cases, report) > 16


@pytest.mark.sweep
@pytest.mark.parametrize("name", ["report.json", "facts.json", "metrics.csv"])
def test_every_third_hostile_value_is_refused_or_works(name, run, report, undrawn):
    cases = hostile(run / name)[::3]
    assert len(cases) / 3 < refused(run / name, cases, report) < len(cases)


@pytest.mark.parametrize("what", VALUES)
@pytest.mark.parametrize("name", ["report.json", "facts.json"])
def test_a_file_of_another_value_is_refused(name, what, run, report):
    (run / name).write_text(VALUES[what])
    assert f"{name}: expected " in report()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("report.json", ("title",)),
        ("report.json", ("accuracy", "test")),
        ("report.json", ("mistakes", "test", 0, "pixels")),
        ("facts.json", ("command",)),
        ("facts.json", ("environment", "torch")),
    ],
)
def test_ten_megabytes_of_text_are_refused(name, key, run, report):
    path = run / name
    path.write_text(with_value(path.read_text(), key, f'"{10**7 * "x"}"'))
    assert f"{path}: expected " in report()


@pytest.mark.parametrize("line", ["step,{}\n0,1\n", "step,a\n0,{}\n", "step,a\n{},0\n", 'step,a\n"{}",0\n', "{}"])
def test_ten_megabytes_of_text_are_no_metrics(line, run, report):
    (run / "metrics.csv").write_text(line.format(10**7 * "x"))
    assert ("metrics.csv: expected the metrics of a run" in report()) == (line != "{}")


@pytest.mark.parametrize("what", FILES)
def test_other_metrics_are_refused_or_work(what, run, report):
    (run / "metrics.csv").write_bytes(FILES[what])
    is_usable = what in ("empty", "a line without an end", "an empty line", "a header", "NUL bytes", "many columns")
    assert ("metrics.csv: expected the metrics of a run" in report()) != is_usable


def test_a_hostile_file_is_refused_among_several_runs(run, report):
    other = Path(shutil.copytree(run, "runs/digits/other"))
    (other / "metrics.csv").write_text("step\nmany\n")
    assert f"{other / 'metrics.csv'}: expected the metrics of a run" in report(run, other)


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        (("accuracy", "test"), "1.5", "accuracy.test: expected a number from 0 to 1, got 1.5"),
        (("accuracy", "test"), "NaN", "expected finite numbers, got NaN"),
        (("accuracy",), '{"train": 1}', "accuracy: expected an object with test, got an object with 'train'"),
        (("confusion_matrix", "test"), "[]", "confusion_matrix.test: expected a list of 10, got a list of 0"),
        (("confusion_matrix", "test"), "[[1, 2]]", "confusion_matrix.test: expected a list of 10, got a list of 1"),
        (("confusion_matrix", "train", 3), "[1]", "confusion_matrix.train[3]: expected a list of 10, got a list of 1"),
        (("confusion_matrix", "test", 0, 0), "-1", "confusion_matrix.test[0][0]: expected a whole number from 0 to"),
        (("mistakes", "test", 0, "label"), "10", "mistakes.test[0].label: expected a whole number from 0 to 9, got 10"),
        (("mistakes", "test", 0, "shape"), "[8, 9]", "mistakes.test[0]: expected pixels of shape [8, 9] in base64"),
        (("mistakes", "test", 0, "pixels"), '"é"', "mistakes.test[0]: expected pixels of shape [8, 8] in base64"),
        (("classes",), "[]", "classes: expected a list of 1 to 10000, got a list of 0"),
        (("classes", 3), "4", "classes[3]: expected text of at most 1000 characters, got 4"),
        (("title",), r'"\u001b[2J"', ""),
    ],
)
def test_the_sentence_names_the_place(key, text, words, run, report):
    path = run / "report.json"
    path.write_text(with_value(path.read_text(), key, text))
    err = report()
    assert words in err
    assert bool(words) == bool(err)


def extreme_report(classes: int, count: int, content: dict[str, Any]) -> dict[str, Any]:
    columns = [*map(str, range(classes)), "macro avg", "micro avg", "weighted avg"]
    rows = {row: dict.fromkeys(columns, 0.0) for row in ("f1-score", "precision", "recall")}
    rows["support"] = dict.fromkeys(columns, count)
    mistake = {"label": 0, "predicted": classes - 1, "probabilities": [0.0] * classes, "shape": [3000, 1]}
    return content | {
        "classes": [str(label) for label in range(classes)],
        "accuracy": {"test": 0},
        "classification_report": {"test": rows},
        "confusion_matrix": {"test": [[count] * classes] * classes},
        "mistakes": {"test": [mistake | {"pixels": "AAAA" * 1000}] * 12},
    }


@pytest.mark.parametrize(
    ("classes", "count"), [(1, 0), (1, 2**53), (2, 0), pytest.param(32, 2**53, marks=pytest.mark.sweep)]
)
def test_extreme_reports_are_drawn(classes, count, run, report):
    content = extreme_report(classes, count, json.loads((run / "report.json").read_text()))
    write_report(content, run / "report.json")
    assert read_report(run / "report.json") == content
    assert report() == ""
    assert (run / "figures" / "confusion.png").is_file()
    assert (run / "figures" / "mistakes.png").is_file()


EXTREMES = ("0", "-1", "1e-320", "1e-300", "1e300", "1e308", "-1e308", "inf", "nan", "1" * 90, "")
EPOCHS = (0, 10**15, 2**53)
METRICS = ("train/loss", "test/loss", "val/accuracy", "gradient_norm/layer_1", "gradient_norm/layer_2")
METRICS += ("update_ratio/layer_1", "saturated/layer_1", "dead/layer_000001")


def draw_extremes(first: str, epoch: int, folder: Path) -> None:
    lines = [",".join(("step", "epoch", *METRICS))]
    for k, value in enumerate((first, *EXTREMES[epoch % 7 :: 3], first)):
        lines.append(",".join((str(epoch), str(max(0, epoch - k)), *[value] * len(METRICS))))
    (folder / "metrics.csv").write_text("\n".join(lines) + "\n")
    page.write_page([RunData(folder, {}, "", "", 0, None)], folder / "report.html", folder / "figures")


@pytest.mark.parametrize(("first", "epoch"), [(value, EPOCHS[k % 3]) for k, value in enumerate(EXTREMES)])
def test_extreme_metrics_are_drawn(first, epoch, tmp_path):
    draw_extremes(first, epoch, tmp_path)
    assert (tmp_path / "report.html").is_file()
    if abs(float(first or "nan")) < 1e200:
        assert (tmp_path / "figures" / "loss.png").is_file()


@pytest.mark.sweep
@pytest.mark.parametrize("epoch", EPOCHS)
@pytest.mark.parametrize("first", EXTREMES)
def test_all_extreme_metrics_are_drawn(first, epoch, tmp_path):
    draw_extremes(first, epoch, tmp_path)


@pytest.mark.parametrize(
    "inputs", [Pixels((3, 4)), Pixels((2, 2, 3)), Table(tuple(NumericColumn(str(k), 0.0, 1.0) for k in range(12)))]
)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308, 5e-324, 0.0])
def test_extreme_weights_are_drawn(value, inputs, tmp_path):
    weight = np.random.default_rng(0).normal(size=(5, 12))
    weight[0, 0], weight[1], weight[2] = value, value, -value
    run = RunData(tmp_path, {}, "", "", 0, weight, Preprocessing(inputs, Classes(("0", "1"))))
    page.write_page([run], tmp_path / "report.html", tmp_path / "figures")
    assert (tmp_path / "figures" / "first_layer.png").is_file()


@pytest.mark.parametrize("name", ["report.json", "facts.json", "metrics.csv"])
@pytest.mark.parametrize("what", ["a pipe", "a folder", "a device", "a broken link"])
def test_what_is_no_file_is_refused(name, what, run, report):
    path = run / name
    path.unlink()
    {
        "a pipe": lambda: os.mkfifo(path),
        "a folder": path.mkdir,
        "a device": lambda: path.symlink_to("/dev/zero"),
        "a broken link": lambda: path.symlink_to("nowhere"),
    }[what]()
    assert f"{path}: expected " in report()


def test_a_last_line_without_its_end_is_not_a_row(run):
    path = run / "metrics.csv"
    rows = read_metrics(path)
    content = path.read_bytes()
    for cut in range(1, len(content.splitlines()[-1])):
        path.write_bytes(content[:-cut])
        assert read_metrics(path) == rows[:-1]


@pytest.mark.parametrize("what", ["inf", "too many cells", "no step", "400 digits", "brackets", "empty", "pipe"])
def test_a_run_resumes_without_the_rows_of_hostile_metrics(what, run, capsys):
    path = run / "metrics.csv"
    path.write_text(
        {
            "inf": "step,epoch\n0,inf\n",
            "too many cells": "step,a\n0,1,2\n",
            "no step": "epoch,a\n0,1\n",
            "400 digits": f"step,a\n0,{'9' * 400}\n",
            "brackets": "[" * 10**6 + "\n",
            "empty": "",
            "pipe": "",
        }[what]
    )
    if what == "pipe":
        path.unlink()
        os.mkfifo(path)
    options = [DIGITS, "--trainer.max_epochs=3", f"--ckpt_path={newest()}", "--report=false"]
    assert train(ROOT / "configs", options) == 0
    out, err = capsys.readouterr()
    assert "the logs " in out
    assert err == ""
    assert all(row["step"] > 0 for row in read_metrics(newest().parent.parent / "metrics.csv"))
