"""Learning rates for the steps of a block, from a scheduler of torch, which knows of one step at a time."""

import warnings
from typing import Any

from torchnet.training.errors import UsageError


def next_lrs(scheduler: Any, steps: int) -> list[float]:
    """Return the learning rates of the next steps, and let the scheduler go on to that of the one after.

    Raises:
        UsageError: if the schedule has fewer steps than the run.
    """
    lrs = []
    for _ in range(steps):
        lrs.append(scheduler.optimizer.param_groups[0]["lr"])
        try:
            _advance(scheduler)
        except ValueError as error:
            raise UsageError(
                f"scheduler: {error}. Give it as many steps as the run has (--model.scheduler.init_args.total_steps), "
                "or end the run with it (--trainer.max_steps)"
            ) from error
    return lrs


def refuse_unless_lr_alone(scheduler: Any) -> None:
    """Raise a ValueError if a scheduler needs to be told a metric, or changes more than the learning rate."""
    (group,) = scheduler.optimizer.param_groups
    before = dict(group)
    try:
        _advance(scheduler)
    except TypeError as error:
        raise ValueError(f"scheduler: expected one that needs nothing but the step, got one where {error}") from error
    for key, value in before.items():
        if key not in ("params", "lr") and group[key] != value:
            raise ValueError(
                f"scheduler: expected one that changes the learning rate alone, but it changes the {key}, too: "
                "OneCycleLR and CyclicLR leave it alone with cycle_momentum: false"
            )


def _advance(scheduler: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the step itself comes later
        scheduler.step()
