"""K8: the trainer is broken on purpose, and the trials have to notice, each in its words."""

import re
from collections.abc import Callable
from functools import partial

from .kill_points import WHILE_TRAINING
from .saves import in_order
from .trial import Case, MissError, Trial


def cases(sample: bool) -> list[Case]:
    """Return a case for each fault."""
    everything = "everything, blocks of 4"
    return [
        _case("momentum is not restored", "replayed", _killed_while_training, "metrics.csv, line"),
        _case("the position in the epoch is off by one", "replayed", _killed_while_training, "expected the steps"),
        _case("the order comes from a global generator", "replayed", _killed_while_training, "other samples"),
        _case("steps are counted from the resume", everything, _killed_while_training, "metrics.csv, line"),
        _case("no fsync", "plain", in_order, "expected a save to go through"),
        _case("a save does not wait for the metrics", "plain", in_order, "rows of metrics to be on the disk"),
        _case("a checkpoint is written where it stands", "plain", _killed_while_saving, "left a damaged checkpoint"),
    ]


def _case(fault: str, task: str, go: Callable[[Trial], None], words: str) -> Case:
    return Case("K8", fault, task, partial(_notice, go, words), disturbances=0, faults=(fault,))


def _notice(go: Callable[[Trial], None], words: str, trial: Trial) -> None:
    try:
        go(trial)
    except MissError as miss:
        if re.search(words, str(miss)) is None:
            raise MissError(f"expected the fault to be noticed by {words!r}, got: {miss}") from miss
    else:
        raise MissError("expected the fault to be noticed, but the trial came to what the golden run came to")


def _killed_while_training(trial: Trial) -> None:
    trial.kill(WHILE_TRAINING, 12)
    trial.finish()


def _killed_while_saving(trial: Trial) -> None:
    trial.kill("at 50 % of a checkpoint", 5)
    trial.finish()
