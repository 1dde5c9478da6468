"""K5: what a save does to the disk, in its order: only in this one does a crash of the machine leave a whole file."""

from .sites import SAVE
from .task import TASKS
from .trial import Case, Trial, expect


def cases(sample: bool) -> list[Case]:
    """Return a case for each task."""
    return [Case("K5", "in order", task, in_order, disturbances=0) for task in list(TASKS)[: 1 if sample else None]]


def in_order(trial: Trial) -> None:
    """Expect each save of the undisturbed run to come by all its sites in their order, behind its rows of metrics."""
    trace = trial.golden.trace
    passed = [site for site in trace if site in SAVE]
    expect(len(passed) > 0, "expected saves, got none")
    for start in range(0, len(passed), len(SAVE)):
        save = passed[start : start + len(SAVE)]
        expect(save == list(SAVE), f"expected a save to go through {', '.join(SAVE)}; got {', '.join(save)}")
    rows_on_disk = True
    for site in trace:
        if site in ("after a row of metrics", "after the fsync of the metrics"):
            rows_on_disk = site == "after the fsync of the metrics"
        expect(rows_on_disk or site not in SAVE, f"{site}: expected its rows of metrics to be on the disk before")
