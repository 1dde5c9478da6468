"""A loaded run as an HTML table, for notebooks."""

from typing import TYPE_CHECKING

from torchnet.data import Classes, DataError
from torchnet.html.tables import table
from torchnet.network import Network, describe_sizes
from torchnet.printable import printable
from torchnet.runs.errors import UsageError
from torchnet.runs.exported import SUFFIX as EXPORTED
from torchnet.runs.folders import run_of
from torchnet.runs.record import read_outline

if TYPE_CHECKING:
    from torchnet.runs.prediction.loaded_run import LoadedRun

_LONGEST = 200  # characters
_NO_REPORT = "none: the run has no report"


def run_table(run: "LoadedRun") -> str:
    """Return a row each for the steps, the task, the scores of the whole run, the network and the files of a run."""
    targets = run.preprocessing.targets
    what = "classes" if isinstance(targets, Classes) else "quantities"
    rows = {
        "steps": f"{run.steps:,}",
        "task": f"{run.preprocessing.task}, {targets.width} {what}: {', '.join(map(printable, targets.names))}",
        "score of the run": _scores(run),
        "network": _network(run.net),
        "weights": printable(run.path),
        "folder": printable(run_of(run.path).absolute()),
    }
    return table(f"run {run.name}", (), [[name, _cut(value)] for name, value in rows.items()])


def _scores(run: "LoadedRun") -> str:
    """Return the score of each split, if the run has a report that can be read."""
    if run.path.suffix == EXPORTED:
        return _NO_REPORT
    try:
        record = read_outline(run_of(run.path))
        scores = [f"{split} {record.score_title} {record.shown_score(split)}" for split in record.scores]
    except (DataError, UsageError, OSError):
        return _NO_REPORT
    return ", ".join(scores) or _NO_REPORT


def _network(net: Network) -> str:
    """Say what a network is, such as "784-64-10 of Linear, Sigmoid: 50,890 weights"."""
    kinds = dict.fromkeys(type(part).__name__ for part in net.modules() if part is not net)
    count = sum(weight.numel() for weight in net.parameters())
    return f"{describe_sizes(net)} of {', '.join(kinds)}: {count:,} weights"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."
