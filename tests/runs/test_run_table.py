"""What notebooks show of a run: what it is, its scores, and where its files are."""

from pathlib import Path

import pytest

import torchnet
from torchnet.reporting.run_data import RunData

from ..html.cells import Cells
from ..raw_examples import EXAMPLES, write_run


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_run_shows_what_it_is_and_where_it_is(name, tmp_path):
    run = torchnet.load(write_run(tmp_path, EXAMPLES[name], "float32"))
    rows = dict(Cells(run._repr_html_()).rows)
    assert list(rows) == ["steps", "task", "score of the run", "network", "weights", "folder"]
    assert rows["steps"] == f"{run.steps:,}"
    assert rows["task"].startswith(f"{run.preprocessing.task}, {run.preprocessing.targets.width} ")
    assert rows["score of the run"] == "none: the run has no report"
    linears = [part for part in run.net if isinstance(part, torchnet.Linear)]
    assert rows["network"].startswith(f"{linears[0].in_features}-{linears[0].out_features}-")
    assert f"{sum(it.numel() for it in run.net.parameters()):,} weights" in rows["network"]
    assert Path(rows["weights"]) == run.path
    assert "checkpoints" in rows["weights"]
    assert "checkpoints" not in rows["folder"]


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (
            {"task": "classification", "accuracy": {"test": 0.98766, "train": 1.0}},
            "test accuracy 98.77%, train accuracy 100.00%",
        ),
        ({"task": "regression", "r2": {"test": 0.51234}}, "test R² 0.5123"),
    ],
)
def test_a_run_shows_its_scores(report, shown, tmp_path, monkeypatch):
    run = torchnet.load(write_run(tmp_path, EXAMPLES[next(iter(EXAMPLES))], "float32"))
    monkeypatch.setattr(RunData, "report", report)
    assert dict(Cells(run._repr_html_()).rows)["score of the run"] == shown
