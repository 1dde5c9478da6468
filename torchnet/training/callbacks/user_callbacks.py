"""Callbacks of users and of Lightning: which are refused, and which steps the others have to see."""

import math
from collections.abc import Iterable
from typing import Any

from pytorch_lightning import Callback
from pytorch_lightning.callbacks import (
    BaseFinetuning,
    BatchSizeFinder,
    Checkpoint,
    GradientAccumulationScheduler,
    LearningRateFinder,
    ModelPruning,
    ProgressBar,
    StochasticWeightAveraging,
    WeightAveraging,
)
from pytorch_lightning.callbacks.spike import SpikeDetection

from torchnet.runs.errors import UsageError
from torchnet.storage import plain
from torchnet.training.callbacks.every_n_steps import steps_until_multiple

STEP_HOOKS = ("on_train_batch_start", "on_train_batch_end")
INNER_HOOKS = ("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step")

_AVERAGING = "trains or evaluates other weights than those that are saved: leave it out, and use --model.ema_decay"
REFUSED: dict[type, str] = {  # and their subclasses
    StochasticWeightAveraging: _AVERAGING,
    WeightAveraging: _AVERAGING,
    Checkpoint: "saves before a step is complete, so a resume would not be exact: leave it out (in Python: "
    "Trainer(enable_checkpointing=False)), and use --checkpoints.every_n_steps, every_n_epochs, every_n_seconds and "
    "keep",
    GradientAccumulationScheduler: "expects gradients that are accumulated, and they are not: leave it out, and use "
    "a larger --data.batch_size",
    BatchSizeFinder: "trains in trials that are not part of the run: leave it out, and choose --data.batch_size",
    LearningRateFinder: "trains in trials that are not part of the run: leave it out, and choose --model.lr by short "
    "runs with --trainer.max_steps",
    BaseFinetuning: "freezes weights for autograd, which does not train them here: leave it out",
    ModelPruning: "replaces weights by products with masks, whose gradients torchnet does not write: leave it out, "
    "and choose smaller --model.hidden_sizes",
    SpikeDetection: "ends a run so that it starts again without some mini-batches, which no exact resume has: leave "
    "it out; Inf and NaN always end a run, and EarlyStopping has a divergence_threshold",
}
_REFUSED_ON_THE_COMMAND_LINE: dict[type, str] = {
    ProgressBar: "counts blocks of steps: leave it out, and use --trainer.enable_progress_bar true",
}
_PARTS = ("torchnet.training.callbacks.checkpoints", "torchnet.training.distributed.replica_check")  # of every run
_NEED_NO_STEP = (  # whose hooks lose nothing if they are called once per block
    "torchnet.",
    "pytorch_lightning.callbacks.callback",
    "pytorch_lightning.callbacks.progress.",
    "pytorch_lightning.callbacks.timer",
)
_NEED_LOGGED_STEPS = ("pytorch_lightning.callbacks.lr_monitor", "pytorch_lightning.callbacks.device_stats_monitor")


def refuse_callbacks(callbacks: Iterable[Any]) -> None:
    """Raise a UsageError for a callback that would train something else, or from which no run could be resumed."""
    for callback in callbacks:
        name = type(callback).__name__
        _refuse_kinds(callback, REFUSED)
        if _is_of_torchnet(callback):
            continue
        if not _module_of(callback, "on_save_checkpoint").startswith("pytorch_lightning."):
            raise UsageError(
                f"trainer.callbacks: {name} has on_save_checkpoint, but a checkpoint holds nothing else than what an "
                "exact resume needs: use state_dict and load_state_dict of the callback instead"
            )
        try:
            plain(callback.state_dict(), "state_dict()")
        except Exception as error:
            raise UsageError(
                f"trainer.callbacks: a checkpoint cannot hold the state of {name} ({error}): return numbers, strings, "
                "tensors, and lists and dicts of them, also before training starts"
            ) from error


def refuse_asked_callbacks(callbacks: Iterable[Any]) -> None:
    """Raise a UsageError for a callback that the command line adds itself, or that does not fit beside those."""
    for callback in callbacks:
        _refuse_kinds(callback, _REFUSED_ON_THE_COMMAND_LINE)
        if _is_of_torchnet(callback) or any(base.__module__ in _PARTS for base in type(callback).__mro__):
            raise UsageError(
                f"trainer.callbacks: {type(callback).__name__} is part of every run: leave it out, and set its options "
                "with --checkpoints, --loss_line, --gradient_check, --gradient_health or --together"
            )
    refuse_callbacks(callbacks)


def steps_until_seen(callback: Any, step: int, log_every_n_steps: int) -> float:
    """Return how many steps the next block may have, so that a callback sees each step that it acts on.

    A callback that acts at certain steps has a method `steps_until_due(global_step)`.
    """
    if hasattr(callback, "steps_until_due"):
        return float(callback.steps_until_due(step))
    needs = _needs(callback, (*STEP_HOOKS, *INNER_HOOKS))
    if "every" in needs:
        return 1
    if "logged" in needs:  # a block of its own, as these callbacks act before the step as well
        return max(1, steps_until_multiple(step, log_every_n_steps) - 1)
    return math.inf


def has_inner_hooks(callbacks: Iterable[Any]) -> bool:
    """Return whether a callback acts in the middle of steps."""
    return any("every" in _needs(callback, INNER_HOOKS) for callback in callbacks)


def print_speed_notice(trainer: Any) -> None:
    """Say which callbacks make training slower, if there are any."""
    every = [it for it in trainer.callbacks if not hasattr(it, "steps_until_due") and steps_until_seen(it, 0, 0) == 1]
    inner = [it for it in trainer.callbacks if has_inner_hooks([it])]
    if trainer.is_global_zero and (every or inner):
        names = ", ".join(dict.fromkeys(type(callback).__name__ for callback in (*every, *inner)))
        how = "one by one and not captured" if inner else "one by one"
        print(f"training is slower, with the same results: {names} needs every step, so they run {how}", flush=True)


def _refuse_kinds(callback: Callback, kinds: dict[type, str]) -> None:
    for kind, reason in kinds.items():
        if isinstance(callback, kind):
            raise UsageError(f"trainer.callbacks: {type(callback).__name__} {reason}")


def _needs(callback: Any, hooks: Iterable[str]) -> set[str]:
    """Return which steps the hooks of a callback have to see: "every" one, "logged" ones, or no particular ones."""
    needs = set[str]()
    for hook in hooks:
        module = _module_of(callback, hook)
        if module.startswith(_NEED_LOGGED_STEPS):
            needs.add("logged")
        elif not module.startswith(_NEED_NO_STEP):
            needs.add("every")
    return needs


def _module_of(callback: Any, hook: str) -> str:
    """Return the module of the function that a callback has as this hook."""
    return str(getattr(getattr(callback, hook), "__module__", ""))


def _is_of_torchnet(callback: Any) -> bool:
    return type(callback).__module__.startswith("torchnet.")
