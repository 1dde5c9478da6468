"""K1: kill a run at a named point, resume it, and see that nothing of it is lost or done twice."""

from functools import partial

from .sites import SITES
from .trial import Case, Trial

OCCURRENCES = 5
WHILE_TRAINING = "between an update and its being counted"


def cases(sample: bool) -> list[Case]:
    """Return a case for each site and each of its occurrences; the sample has one for each site."""
    return [
        Case(
            "K1",
            f"{site} {occurrence + 1}",
            _task_of(site),
            partial(_kill_once, site, occurrence),
        )
        for number, site in enumerate(SITES)
        for occurrence in range(OCCURRENCES)
        if not sample or occurrence == number % OCCURRENCES
    ]


def _task_of(site: str) -> str:
    return {"within a replayed step": "replayed", "before the steps of a fused block": "fused"}.get(site, "plain")


def spread(calls: int) -> list[int]:
    """Return which calls of so many are those of the occurrences: from the first to the last, at equal distances."""
    return [1 + round(k * (calls - 1) / (OCCURRENCES - 1)) for k in range(OCCURRENCES)]


def _kill_once(site: str, occurrence: int, trial: Trial) -> None:
    calls = trial.golden.trace.count(site)
    if calls >= OCCURRENCES:
        trial.kill(site, spread(calls)[occurrence])
    else:  # what comes once in a run, if at all: in one that goes on from elsewhere each time
        trial.kill(WHILE_TRAINING, spread(trial.golden.trace.count(WHILE_TRAINING) - 4)[occurrence] + 4)
        trial.kill(site, 1)
    trial.finish()
