"""A loaded run as an HTML table, for notebooks."""

from typing import TYPE_CHECKING

from torchnet.data import Classes, DataError
from torchnet.html.tables import table
from torchnet.layers import Linear
from torchnet.network import MLP
from torchnet.printable import printable
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import run_of

if TYPE_CHECKING:
    from torchnet.runs.prediction.loaded_run import LoadedRun

_LONGEST = 200  # characters


def run_table(run: "LoadedRun") -> str:
    """Return a row each for the steps, the task, the scores, the network and the files of a run."""
    targets = run.preprocessing.targets
    what = "classes" if isinstance(targets, Classes) else "quantities"
    rows = {
        "steps": f"{run.steps:,}",
        "task": f"{run.preprocessing.task}, {targets.width} {what}: {', '.join(map(printable, targets.names))}",
        "score": _scores(run),
        "network": _network(run.net),
        "weights": printable(run.path),
        "folder": printable(run_of(run.path).absolute()),
    }
    return table(f"run {run.name}", (), [[name, _cut(value)] for name, value in rows.items()])


def _scores(run: "LoadedRun") -> str:
    """Return the score of each split, if the run has a report that can be read."""
    try:
        report = run.report()
    except (DataError, UsageError, OSError):
        return "none: the run has no report"
    name, form = ("R²", ".4f") if report.get("task") == "regression" else ("accuracy", ".2%")
    scores = report["r2" if name == "R²" else "accuracy"]
    return ", ".join(f"{split} {name} {score:{form}}" for split, score in scores.items())


def _network(net: MLP) -> str:
    """Say what a network is, such as "784-64-10 of Linear, Sigmoid: 50,890 weights"."""
    linears = [part for part in net.modules() if isinstance(part, Linear)]
    widths = [linears[0].in_features, *(linear.out_features for linear in linears)]
    kinds = dict.fromkeys(type(part).__name__ for part in net.modules() if part is not net)
    count = sum(weight.numel() for weight in net.parameters())
    return f"{'-'.join(map(str, widths))} of {', '.join(kinds)}: {count:,} weights"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."
