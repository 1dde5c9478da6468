"""The tables that are printed at the end of a run."""

import io

import pytest
import torch
from rich.console import Console
from sklearn.metrics import precision_recall_fscore_support

from torchnet.data import Classes, Preprocessing
from torchnet.reporting import print_report, run_report


def report_of(outputs: dict, names: list[str] | None = None) -> dict:
    count = outputs["test"][0].shape[1]
    classes = Classes(tuple(names or map(str, range(count))), "str" if names else "int")
    return run_report("title", [], outputs, Preprocessing(Preprocessing.of_digits(9, count).inputs, classes), {})


def printed(report: dict, width: int = 80) -> list[str]:
    file = io.StringIO()
    print_report(report, Console(file=file, width=width))
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.fixture
def outputs() -> dict:
    def of_split(n: int, classes: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
        generator = torch.Generator().manual_seed(n)
        labels = torch.arange(n) % classes
        logits = torch.randn(n, classes, generator=generator) + 3 * torch.eye(classes)[labels]
        return logits, labels

    return {"train": of_split(700), "val": of_split(400), "test": of_split(307)}


def of_classes(outputs: dict, classes: int) -> dict:
    return {
        split: (logits[labels < classes][:, :classes], labels[labels < classes])
        for split, (logits, labels) in outputs.items()
    }


def test_a_row_per_class_with_four_decimals(outputs):
    some = of_classes(outputs, 7)
    lines = printed(report_of(some))
    logits, labels = some["test"]
    start = lines.index("test classification report") + 3
    for label, cells in enumerate(zip(*precision_recall_fscore_support(labels, logits.argmax(1)), strict=True)):
        *shares, support = cells
        assert lines[start + label].split() == [str(label), *(f"{share:.4f}" for share in shares), str(support)]
    assert [line.split()[0] for line in lines[start + 8 : start + 11]] == ["macro", "micro", "weighted"]
    assert all(len(line) <= 80 for line in lines)


def test_of_the_training_set_the_accuracy_alone(outputs):
    lines = printed(report_of(of_classes(outputs, 7)))
    assert [line.split()[0] for line in lines if " accuracy = " in line] == ["train", "val", "test"]
    assert [line.split()[0] for line in lines if line.endswith("classification report")] == ["val", "test"]


def test_of_many_classes_the_worst(outputs):
    report = report_of(outputs)
    lines = printed(report)
    scores = {label: report["classification_report"]["test"]["f1-score"][str(label)] for label in range(30)}
    worst = sorted(scores, key=scores.__getitem__)[:20]
    start = lines.index("test classification report") + 3
    assert [int(line.split()[0]) for line in lines[start : start + 20]] == worst
    assert lines[start + 20].startswith("(10 more")
    assert [line for line in printed(report_of(of_classes(outputs, 20))) if "more" in line] == []


@pytest.mark.parametrize("width", [80, 60])
def test_names_of_classes_may_be_anything(width, outputs):
    names = [
        "[bold]a[/bold]",
        "a very long name of a class that does not fit into any table at all",
        "\x1b[2J",
        "猫" * 50,
        "True",
        "7",
        "",
    ]
    report = report_of(of_classes(outputs, 7), names)
    lines = printed(report, width)
    text = "\n".join(lines)
    assert "[bold]a[/bold]" in text
    assert "a very long name" in text
    assert "\\x1b[2J" in text
    assert "\x1b" not in text
    assert all(len(line) + line.count("猫") <= width for line in lines)
    assert len(lines) == len(printed(report_of(of_classes(outputs, 7)), width))
