"""All 122 numbers that the notebook printed, from the command line and from the NumPy reference.

notebook_numbers.json holds them as the text that the notebook printed: 16 losses, 2 accuracies, 104 cells of reports.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import classification_report

from torchnet import reference

from .conftest import ROOT

COMMAND = [sys.executable, str(ROOT / "train.py"), f"--config={ROOT / 'configs' / 'notebook.yaml'}", "--report=false"]


def loss_lines(numbers: dict) -> list[str]:
    return [
        f"notebook loss after epoch {line['epoch']}: test = {line['test_loss']}, train = {line['train_loss']}"
        for line in numbers["losses"]
    ]


def expect_the_notebooks_figures(accuracy: dict, reports: dict, numbers: dict) -> None:
    compared = 0
    for split in ("train", "test"):
        assert f"{accuracy[split]:.6g}" == numbers["accuracy"][split]
        for row, cells in numbers["classification_report"][split].items():
            assert reports[split][row].keys() == cells.keys()
            for column, text in cells.items():
                assert f"{round(reports[split][row][column], 6):.6g}" == f"{float(text):.6g}", (split, row, column)
                compared += 1
    assert compared == 104


def run_command(*options: str, folder: Path) -> tuple[str, list[str]]:
    """Return what the command printed, and the lines of losses in it."""
    done = subprocess.run([*COMMAND, *options], cwd=folder, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout, [line for line in done.stdout.splitlines() if line.startswith("notebook loss")]


def test_the_command_line_prints_the_first_of_them(mnist_place, notebook_numbers, tmp_path):
    _, printed = run_command("--data.source", str(mnist_place), "--trainer.max_epochs=6", folder=tmp_path)
    assert printed == loss_lines(notebook_numbers)[:2]


@pytest.mark.sweep
def test_the_command_line_prints_them(mnist_place, notebook_numbers, tmp_path):
    out, printed = run_command("--data.source", str(mnist_place), folder=tmp_path)
    assert printed == loss_lines(notebook_numbers)
    assert "train accuracy = 0.990183\ntest accuracy = 0.9746\n" in out
    (path,) = tmp_path.glob("runs/notebook/*/report.json")
    expect_the_reports_figures(path, notebook_numbers)


def expect_the_reports_figures(path: Path, numbers: dict) -> None:
    report = json.loads(path.read_text())
    expect_the_notebooks_figures(report["accuracy"], report["classification_report"], numbers)
    printed = [
        {
            "epoch": line["epoch"],
            "test_loss": f"{line['test_loss']:.12g}",
            "train_loss": f"{line['train_loss']:.12g}",
        }
        for line in report["losses"]
    ]
    assert printed == numbers["losses"]


@pytest.mark.sweep
def test_a_run_interrupted_after_epoch_20_goes_on_to_print_them(mat_file, notebook_numbers, tmp_path):
    lines = loss_lines(notebook_numbers)
    command = [*COMMAND, "--data.source", str(mat_file)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        before = []
        while len(before) < 5:  # epochs 1, 6, 11, 16 and 21: epoch 20 is behind it
            line = process.stdout.readline().rstrip()
            before += [line] if line.startswith("notebook loss") else []
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=600)
    assert process.returncode == 130, err
    assert before == lines[:5]
    done = subprocess.run([*command, "--ckpt_path", "last"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    after = [line for line in done.stdout.splitlines() if line.startswith("notebook loss")]
    assert after[-3:] == lines[5:]
    expect_the_reports_figures(max(tmp_path.glob("runs/notebook/*/report.json")), notebook_numbers)


@pytest.fixture
def train_reference(mnist) -> Callable[..., tuple[reference.Params, dict, dict, list[str]]]:
    """Train the NumPy reference on MNIST; return its weights, the images, the labels and the lines of losses."""
    images, labels, Y, lines = {}, {}, {}, []
    for split in ("train", "test"):
        digits = getattr(mnist, f"{split}_labels")
        order = reference.notebook_order(digits)
        images[split] = getattr(mnist, f"{split}_images")[order].reshape(-1, 784).T / 255.0
        labels[split], Y[split] = digits[order], np.eye(10)[digits[order]].T

    def keep_losses(epoch: int, params: reference.Params) -> None:
        if epoch % 5 == 1:
            test, train = (
                reference.one_vs_rest_cross_entropy(Y[split], reference.forward(params, images[split])[0][-1])
                for split in ("test", "train")
            )
            lines.append(f"notebook loss after epoch {epoch}: test = {test:.12g}, train = {train:.12g}")

    def train(**options: int) -> tuple[reference.Params, dict, dict, list[str]]:
        params = reference.train(images["train"], Y["train"], (784, 64, 64, 10), after_epoch=keep_losses, **options)
        return params, images, labels, lines

    return train


def test_the_reference_prints_the_first_of_them(train_reference, notebook_numbers):
    *_, lines = train_reference(epochs=1)
    assert lines == loss_lines(notebook_numbers)[:1]


@pytest.mark.sweep
def test_the_reference_prints_them(train_reference, notebook_numbers):
    params, images, labels, lines = train_reference()
    assert lines == loss_lines(notebook_numbers)
    accuracy, reports = {}, {}
    for split in ("train", "test"):
        predictions = reference.predict(params, images[split])
        accuracy[split] = np.mean(predictions == labels[split])
        by_column = classification_report(labels[split], predictions, output_dict=True)
        # scikit-learn names the micro average "accuracy" where it is one, and gives it as one number
        micro = dict.fromkeys(("f1-score", "precision", "recall"), by_column["accuracy"])
        by_column["micro avg"] = micro | {"support": len(predictions)}
        del by_column["accuracy"]
        reports[split] = {
            row: {column: cells[row] for column, cells in by_column.items()}
            for row in ("f1-score", "precision", "recall", "support")
        }
    expect_the_notebooks_figures(accuracy, reports, notebook_numbers)
