"""Blocks of mini-batches in Lightning, which counts, saves, validates and logs by single ones.

Lightning takes a hundred microseconds and more for what it does around a training step, as long as a small network
takes for the step itself. So it is called once for a block of them. A block ends where Lightning or a callback has
something to do, and Lightning is told how many mini-batches it was: its counters, and with them global_step, the axis
of the logs and every checkpoint, are the same whatever the size of the blocks.
"""

import math
from typing import Any


def steps_until_due(trainer: Any, block_size: int) -> int:
    """Return how many steps may be taken in the next block, at most block_size.

    A callback that looks at certain steps has a method `steps_until_due(global_step)`.
    """
    progress = trainer.fit_loop.epoch_loop.batch_progress
    step, epoch_step = trainer.global_step, progress.current.ready
    due: list[Any] = [block_size, trainer.num_training_batches - epoch_step]
    if trainer.max_steps >= 0:
        due.append(trainer.max_steps - step)
    if trainer.loggers:
        due.append(_until_multiple(step, trainer.log_every_n_steps))
    if trainer.val_check_batch is not None:
        validated = epoch_step if trainer.check_val_every_n_epoch is not None else progress.total.ready
        due.append(_until_multiple(validated, trainer.val_check_batch))
    for callback in trainer.callbacks:
        if hasattr(callback, "steps_until_due"):
            due.append(callback.steps_until_due(step))
    return max(1, min(due))


def count_steps(trainer: Any, steps: int) -> None:
    """Tell Lightning, within a training step, that it was so many mini-batches, each with an optimizer step."""
    loop, fetcher = trainer.fit_loop.epoch_loop, trainer.fit_loop._data_fetcher
    fetcher.fetched += steps - 1  # one it counts itself
    fetcher.done = fetcher.fetched >= trainer.num_training_batches
    loop.batch_progress.increment_by(steps - 1, is_last_batch=fetcher.done)
    loop.manual_optimization.optim_step_progress.increment_by(steps)
    loop._batches_that_stepped += steps - 1


def _until_multiple(step: int, n: float) -> float:
    return n - step % n if 0 < n < math.inf else math.inf
