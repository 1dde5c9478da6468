"""The options of the optimizer for the steps of a block, from a scheduler of torch, which knows one step at a time."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from torchnet.runs.errors import UsageError

INTERVALS = ("step", "epoch")


@dataclass(frozen=True)
class Schedule:
    """How options of the optimizer change during training.

    Attributes:
        make: makes the scheduler for an optimizer.
        options: the names of the options that it changes: lr, and for some schedulers momentum or betas.
        interval: "step" or "epoch": how often it is called.
        metric: the name of the metric that it reads, for ReduceLROnPlateau.
    """

    make: Callable[[Optimizer], Any]
    options: tuple[str, ...]
    interval: str
    metric: str | None


def schedule_of(
    make: Callable[[Optimizer], Any] | None, interval: str, metric: str, optimizer: Optimizer
) -> Schedule | None:
    """Return the schedule of a scheduler; try it on an optimizer first."""
    if make is None:
        return None
    (group,) = optimizer.param_groups
    before = dict(group)
    scheduler = make(optimizer)
    if isinstance(scheduler, ReduceLROnPlateau):
        if interval != "epoch":
            raise ValueError("scheduler_interval: expected epoch for ReduceLROnPlateau, whose metric needs an epoch")
        return Schedule(make, ("lr",), interval, metric)
    _advance(scheduler)
    others = (key for key in before if key not in ("params", "lr") and group[key] != before[key])
    return Schedule(make, ("lr", *others), interval, None)


def next_options(scheduler: Any, names: tuple[str, ...], steps: int) -> list[dict[str, Any]]:
    """Return the options of the next steps, and advance the scheduler to the last of them."""
    options = []
    for step in range(steps):
        if step > 0:
            advance(scheduler)
        options.append({name: scheduler.optimizer.param_groups[0][name] for name in names})
    return options


def advance(scheduler: Any, *metric: Any) -> None:
    """Advance the scheduler to the next step or epoch; ReduceLROnPlateau gets its metric.

    Raises:
        UsageError: if the schedule has fewer steps than the run.
    """
    try:
        _advance(scheduler, *metric)
    except ValueError as error:
        raise UsageError(
            f"scheduler: {error}. Give it as many steps as the run has (--model.scheduler.init_args.total_steps), "
            "or end the run with it (--trainer.max_steps)"
        ) from error


def _advance(scheduler: Any, *metric: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning that the optimizer steps later
        scheduler.step(*metric)
