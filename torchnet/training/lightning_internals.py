"""Every private name of Lightning that torchnet uses, and every place where it relies on Lightning's inner counters.

A test names them one by one, so that a new version of Lightning in which one is missing fails there first. They are:

- `_data_fetcher`, `_batches_that_stepped` (loops): a training step that ran a block of mini-batches counts all of them.
- `_checkpoint_connector.dump_checkpoint`: the state of a run in memory, without writing a file.
- `_logger_connector._callback_metrics`: metrics of a resumed run, for an EarlyStopping that reads them at once.
- `_val_check_time_interval`: a validation after some time, not after some steps.
- `_call_callback_hooks`: hooks in the middle of a step.
- `_signal_connector.register_signal_handlers`: Lightning's handlers would talk to other processes inside a signal.
- `_set_num_threads_if_needed`: several processes divide the cores among them.
- `_check_on_train_epoch_end` (EarlyStopping): whether it reads its metric after an epoch or after a validation.
- `_SubprocessScriptLauncher`, `_call_children_scripts`: how Lightning starts the processes of a machine.
- `_configure_launcher`, `_launcher`, `_timeout`, `_get_process_group_backend` (DDPStrategy): torchnet's launcher.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import torch
from lightning_fabric.utilities.distributed import _set_num_threads_if_needed
from pytorch_lightning import Trainer
from pytorch_lightning.strategies import DDPStrategy
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher
from pytorch_lightning.trainer.call import _call_callback_hooks
from torch import Tensor

from torchnet.training.callbacks.every_n_steps import steps_until_multiple
from torchnet.training.callbacks.user_callbacks import has_inner_hooks, steps_until_seen


def steps_until_due(trainer: Any, block_size: int) -> int:
    """Return how many steps the next block may have, at most block_size.

    Lightning adds about a hundred microseconds to each training step, which doubles the time of a small network. So one
    training step of Lightning is a block of steps. A block ends where Lightning or a callback has something to do.
    """
    progress = trainer.fit_loop.epoch_loop.batch_progress
    step, epoch_step = trainer.global_step, progress.current.ready
    due: list[float] = [block_size, trainer.num_training_batches - epoch_step]
    if trainer.max_steps >= 0:
        due.append(trainer.max_steps - step)
    if trainer.loggers:
        due.append(steps_until_multiple(step, trainer.log_every_n_steps))
    if trainer.val_check_batch is not None and trainer.val_check_batch < math.inf:
        validated = epoch_step if trainer.check_val_every_n_epoch is not None else progress.total.ready
        due.append(steps_until_multiple(validated, int(trainer.val_check_batch)))
    if trainer.should_stop:  # and waits for min_steps or min_epochs; until then it logs every step
        due.append(1)
    due += [steps_until_seen(callback, step, trainer.log_every_n_steps) for callback in trainer.callbacks]
    return max(1, int(min(due)))


def validation_is_due(trainer: Any) -> bool:
    """Return whether the validation after a step would take place if nothing had asked training to stop."""
    progress, every = trainer.fit_loop.epoch_loop.batch_progress, trainer.val_check_batch
    if trainer._val_check_time_interval is not None or progress.is_last_batch:
        return True
    done = progress.current.ready if trainer.check_val_every_n_epoch is not None else progress.total.ready
    return every is not None and every < math.inf and done % int(every) == 0


def count_steps(trainer: Any, steps: int) -> None:
    """Tell Lightning, within a training step, that it ran this many mini-batches, each with an optimizer step.

    Its counters, and with them global_step, the logs and every checkpoint, then do not depend on the size of blocks.
    """
    loop, fetcher = trainer.fit_loop.epoch_loop, trainer.fit_loop._data_fetcher
    fetcher.fetched += steps - 1  # Lightning counts one itself
    fetcher.done = fetcher.fetched >= trainer.num_training_batches
    loop.batch_progress.increment_by(steps - 1, is_last_batch=fetcher.done)
    loop.manual_optimization.optim_step_progress.increment_by(steps)
    loop._batches_that_stepped += steps - 1


class CallbackHooks:
    """The hooks of callbacks that Lightning calls in the middle of a step, as torchnet/step.py calls them."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer

    def before_backward(self, loss: Tensor) -> None:
        _call_callback_hooks(self.trainer, "on_before_zero_grad", self.trainer.optimizers[0])
        _call_callback_hooks(self.trainer, "on_before_backward", loss)

    def after_backward(self) -> None:
        _call_callback_hooks(self.trainer, "on_after_backward")
        _call_callback_hooks(self.trainer, "on_before_optimizer_step", self.trainer.optimizers[0])


def inner_hooks(trainer: Any) -> CallbackHooks | None:
    """Return the hooks in the middle of a step; None if no callback of the Trainer has one."""
    return CallbackHooks(trainer) if has_inner_hooks(trainer.callbacks) else None


@dataclass(frozen=True)
class Position:
    """The position of a run between two steps: the number of completed steps, from which Lightning's counters follow.

    Attributes:
        step: completed steps, with their logs, validations and epoch ends.
        steps_per_epoch: steps per epoch.
    """

    step: int
    steps_per_epoch: int

    @classmethod
    def of(cls, trainer: Trainer) -> "Position":
        """Return the position of a run. It must be between two steps."""
        return cls(trainer.global_step, int(trainer.num_training_batches))

    @property
    def epochs(self) -> int:
        """The number of completed epochs."""
        return self.step // self.steps_per_epoch

    def loops(self) -> dict[str, Any]:
        """Return the state of Lightning's loops from which it continues with the next step.

        This is the state that Lightning saves after a mini-batch. After restoring it, Lightning treats that mini-batch
        as finished and a validation that was due as done. From the states that it saves at other moments, some runs
        resume with one validation too many or with shifted steps.
        """
        epoch, in_epoch = divmod(self.step - 1, self.steps_per_epoch)
        in_epoch += 1  # from 1 to steps_per_epoch
        epochs = {"ready": epoch + 1, "started": epoch + 1, "processed": epoch, "completed": epoch}
        steps = {"ready": self.step, "completed": self.step}
        fit_loop = {
            "state_dict": {"combined_loader": [{"position": in_epoch}]},
            "epoch_progress": {"total": epochs, "current": epochs},
            "epoch_loop.state_dict": {"_batches_that_stepped": self.step - 1},
            "epoch_loop.batch_progress": {
                "total": _processed(self.step),
                "current": _processed(in_epoch),
                "is_last_batch": in_epoch == self.steps_per_epoch,
            },
            "epoch_loop.manual_optimization.optim_step_progress": {"total": steps, "current": steps},
        }
        return {"fit_loop": fit_loop, "validate_loop": {}, "test_loop": {}, "predict_loop": {}}


def _processed(batches: int) -> dict[str, int]:
    """Return Lightning's counts when the last mini-batch is processed but not yet marked as completed."""
    return {"ready": batches, "started": batches, "processed": batches, "completed": batches - 1}


def last_step(trainer: Any) -> int | None:
    """Return the number of steps that max_epochs and max_steps allow; None without a limit."""
    limits = [trainer.max_steps] if trainer.max_steps >= 0 else []
    if trainer.max_epochs is not None and trainer.max_epochs >= 0:
        limits.append(int(trainer.max_epochs * trainer.num_training_batches))
    return min(limits, default=None)


def last_epoch(trainer: Any) -> int | None:
    """Return the number of epochs, begun ones too, that max_epochs and max_steps allow; None without a limit."""
    steps = last_step(trainer)
    return None if steps is None else math.ceil(steps / trainer.num_training_batches)


def dump_state(trainer: Any) -> dict[str, Any]:
    """Return the whole state of a run, as Lightning would save it."""
    return cast(dict[str, Any], trainer._checkpoint_connector.dump_checkpoint(weights_only=False))


def restore_metrics(trainer: Any, metrics: Mapping[str, float]) -> None:
    """Give callbacks the metrics of an earlier run, until new ones are computed."""
    restored = {name: torch.tensor(value) for name, value in metrics.items()}
    trainer._logger_connector._callback_metrics.update(restored)


def start_resumed_epoch(trainer: Any) -> None:
    """Call the hooks at the start of an epoch for a run that resumes between two epochs: Lightning leaves them out."""
    position, loop = Position.of(trainer), trainer.fit_loop
    if loop.restarted_mid_epoch and position.step % position.steps_per_epoch == 0:
        loop.epoch_loop._batches_that_stepped += 1  # Lightning itself counts the last step later
        _call_callback_hooks(trainer, "on_train_epoch_start")
        loop.epoch_loop._batches_that_stepped -= 1


def reads_metric_after_epoch(early_stopping: Any) -> bool:
    """Return whether an EarlyStopping reads its metric at the end of a training epoch, not after a validation."""
    return bool(early_stopping._check_on_train_epoch_end)


def prepare_for_several_processes(trainer: Any) -> None:
    """Keep Lightning's signal handlers out, and divide the cores among the processes."""
    trainer._signal_connector.register_signal_handlers = lambda: None
    _set_num_threads_if_needed(trainer.strategy.num_processes)


class ScriptLauncher(_SubprocessScriptLauncher):
    """Lightning's launcher, which starts the program again for each further process of this machine."""

    def start_children(self) -> None:
        """Start the other processes; `self.procs` then holds them."""
        self._call_children_scripts()


class OwnLauncherStrategy(DDPStrategy):
    """Lightning's strategy for several processes, with a launcher that a subclass makes."""

    @abstractmethod
    def make_launcher(self) -> ScriptLauncher:
        """Return the launcher of this machine's processes."""

    def _configure_launcher(self) -> None:
        self._launcher = self.make_launcher()

    @property
    def timeout(self) -> timedelta:
        """How long a process waits for the others."""
        return cast(timedelta, self._timeout)

    @property
    def backend(self) -> str:
        """The communication backend, nccl or gloo."""
        return self._get_process_group_backend()
