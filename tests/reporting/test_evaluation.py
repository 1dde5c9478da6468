"""Evaluation and the report of a run, compared with scikit-learn and NumPy."""

import io
import json

import numpy as np
import pytest
import torch
from rich.console import Console
from sklearn.metrics import accuracy_score
from sklearn.metrics import classification_report as sklearn_report
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from torchnet import MLP
from torchnet.data import BatchLoader, Classes, Preprocessing
from torchnet.reporting import (
    classification_report,
    evaluate,
    print_report,
    read_report,
    run_report,
    write_predictions,
    write_report,
)
from torchnet.reporting.evaluation import MAX_MISTAKES, confident_mistakes, confusion_matrix, pixels_of
from torchnet.step import scale_pixels

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(10, size=400)
LOGITS = GENERATOR.normal(size=(400, 10)) * GENERATOR.uniform(0.5, 5, size=(400, 1)) + 2 * np.eye(10)[LABELS]
NAMES = [str(label) for label in range(10)]
DIGITS = Preprocessing.of_digits(20, 10)
IMAGES = GENERATOR.integers(256, size=(400, 5, 4), dtype=np.uint8)


def random_case(n: int = 300) -> tuple[torch.Tensor, torch.Tensor]:
    random = np.random.default_rng(n)
    labels = random.permutation(np.concatenate([np.arange(10), random.integers(10, size=n - 10)]))
    predictions = np.where(random.random(n) < 0.7, labels, random.integers(10, size=n))
    return torch.tensor(predictions), torch.tensor(labels)


def test_matches_scikit_learn():
    predictions, labels = random_case()
    report = classification_report(predictions, labels, NAMES)
    expected = sklearn_report(labels, predictions, output_dict=True)
    columns = [*map(str, range(10)), "macro avg", "weighted avg"]
    for row in ("f1-score", "precision", "recall", "support"):
        assert list(report[row]) == [*map(str, range(10)), "macro avg", "micro avg", "weighted avg"]
        for column in columns:
            assert report[row][column] == pytest.approx(expected[column][row], rel=1e-14), (row, column)
    for row in ("f1-score", "precision", "recall"):
        assert report[row]["micro avg"] == pytest.approx(accuracy_score(labels, predictions), rel=1e-14)
    assert report["support"]["micro avg"] == 300


def test_a_class_that_is_never_predicted_has_zeros():
    _, labels = random_case()
    report = classification_report(torch.where(labels == 3, 4, labels), labels, NAMES)
    assert [report[row]["3"] for row in ("f1-score", "precision", "recall")] == [0, 0, 0]
    assert report["support"]["3"] == (labels == 3).sum()


def test_evaluate_returns_every_sample_in_order_and_keeps_the_mode():
    net = MLP((4, 10), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    images = torch.randint(256, (23, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(23) % 10
    logits, got_labels = evaluate(net, BatchLoader(images, labels, 5))
    torch.testing.assert_close(logits, net(scale_pixels(images, torch.float64)), rtol=1e-14, atol=1e-14)
    assert torch.equal(got_labels, labels)
    assert net.training
    net.eval()
    evaluate(net, BatchLoader(images, labels, 5))
    assert not net.training


def test_confusion_matrix_matches_scikit_learn():
    predictions = LOGITS.argmax(axis=1)
    predictions[predictions == 3] = 4  # a class that is never predicted
    got = confusion_matrix(torch.from_numpy(predictions), torch.from_numpy(LABELS), num_classes=10)
    assert got == sklearn_confusion_matrix(LABELS, predictions, labels=range(10)).tolist()


def test_the_mistakes_have_the_highest_wrong_probabilities():
    got = confident_mistakes(torch.from_numpy(LOGITS), torch.from_numpy(LABELS), IMAGES.__getitem__)
    shifted = np.exp(LOGITS - LOGITS.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    wrong = np.flatnonzero(LOGITS.argmax(axis=1) != LABELS)
    worst = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MAX_MISTAKES]
    assert len(got) == MAX_MISTAKES
    for mistake, k in zip(got, worst, strict=True):
        assert (mistake["label"], mistake["predicted"]) == (LABELS[k], LOGITS[k].argmax())
        assert np.abs(np.array(mistake["probabilities"]) - probabilities[k]).max() < 1e-15
        assert (pixels_of(mistake) == IMAGES[k]).all()


def test_a_network_without_mistakes_has_none():
    labels = torch.arange(10)
    assert confident_mistakes(torch.eye(10), labels, IMAGES.__getitem__) == []


def example_report() -> dict:
    predictions, labels = random_case()
    logits = torch.nn.functional.one_hot(predictions, 10).double()
    losses = [{"epoch": 1, "test_loss": 0.1, "train_loss": 0.2}]
    images = torch.randint(256, (200, 3, 2), dtype=torch.uint8)
    outputs = {"train": (logits, labels), "test": (logits[:200], labels[:200])}
    return run_report("a run", losses, outputs, DIGITS, {"test": images.numpy().__getitem__})


def test_report_has_title_losses_and_accuracies_and_is_read_back(tmp_path):
    predictions, labels = random_case()
    report = example_report()
    write_report(report, tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text()) == report == read_report(tmp_path / "report.json")
    assert report["title"] == "a run"
    assert report["losses"] == [{"epoch": 1, "test_loss": 0.1, "train_loss": 0.2}]
    assert report["accuracy"]["test"] == pytest.approx(accuracy_score(labels[:200], predictions[:200]), rel=1e-15)
    right = np.diag(sklearn_confusion_matrix(labels, predictions))
    assert report["classification_report"]["train"]["recall"]["7"] == right[7] / (labels == 7).sum().item()


@pytest.mark.parametrize("width", [60, 80, 130, 200])
def test_no_cell_is_cut_off_on_the_console(width):
    report = example_report()
    file = io.StringIO()
    print_report(report, Console(file=file, width=width))
    text = file.getvalue()
    assert "a run" in text
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for row, cells in report["classification_report"]["test"].items():
        assert all((f"{value}" if row == "support" else f"{value:.4f}") in text for value in cells.values())


def test_a_title_is_printed_as_plain_text():
    file = io.StringIO()
    print_report(example_report() | {"title": "[red]a[/red]\x1b[2J\nb"}, Console(file=file, width=130))
    assert "[red]a[/red]\\x1b[2J\\nb\n" in file.getvalue()


def test_predictions_replace_a_link_and_never_follow_it(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    (tmp_path / "predictions.csv").symlink_to(outside)
    write_predictions(torch.tensor([[0.25, 0.75]]), Classes(("0", "1")), tmp_path / "predictions.csv")
    assert outside.read_text() == "precious"
    assert (tmp_path / "predictions.csv").read_bytes() == b"image,label,p0,p1\r\n0,1,0.25,0.75\r\n"
