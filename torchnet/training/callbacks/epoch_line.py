"""One line per epoch: the loss that is trained with, and loss and score on the validation or test set."""

import math
import time
from typing import Any, NamedTuple

from pytorch_lightning import Callback, LightningModule, Trainer
from pytorch_lightning.trainer.states import TrainerFn

from torchnet.runs.errors import NonFiniteError
from torchnet.training.lightning_internals import Position, last_epoch, validation_is_due

_STATE = ("best_loss", "best_epoch", "epoch_loss", "epoch_score")  # in checkpoints
_RISE = 1.1  # of the test loss since its best epoch, which is pointed out
_ALWAYS, _PAUSE = 100, 0.1  # the first epochs all have a line; later ones at most one in so many seconds


class Evaluation(NamedTuple):
    """Loss and score (accuracy or R2) of a split."""

    split: str
    loss: float
    score: float


class EpochLine(Callback):
    """Print a line after each epoch, marked if the epoch had the smallest validation loss so far.

    Loss and score are those of Lightning's validation; of several in an epoch, of the one with the smallest loss.
    Without a validation set, the test set is evaluated after each epoch, and its loss and score are logged.

    An epoch that is cut short will be completed when the run is resumed, so it is never the best one.

    Attributes:
        newest: the last evaluation of this run.

    Raises:
        NonFiniteError, in training: if a loss is Inf or NaN.
    """

    def __init__(self) -> None:
        self.newest: Evaluation | None = None
        self.best_loss: float | None = None
        self.best_epoch = 0  # counted from 1
        self.epoch_loss: float | None = None  # of the best evaluation in the epoch so far
        self.epoch_score: float | None = None
        self.waiting: str | None = None  # a line that is printed only if it is the last one
        self.printed_at = -math.inf

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if self.state_key not in checkpoint["callbacks"]:  # of an earlier version
            self.best_loss = checkpoint["callbacks"].get("Checkpoints", {}).get("best_score")

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        if trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking:
            loss, score = (trainer.callback_metrics[f"val/{name}"].item() for name in ("loss", pl_module.score_name))
            self._keep(trainer, Evaluation("val", loss, score), counts=validation_is_due(trainer))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        position = Position.of(trainer)
        steps, of_steps = position.step % position.steps_per_epoch, position.steps_per_epoch
        validates = trainer.datamodule.validates  # type: ignore[attr-defined]  # set by Trainer.fit
        if not validates:
            self._test(trainer, pl_module, counts=steps == 0)
        epoch, last = trainer.current_epoch + 1, last_epoch(trainer)
        line = f"epoch {epoch}" if last is None else f"epoch {epoch:{len(str(last))}}/{last}"
        line += f" ({steps} of {of_steps} steps)" if steps else ""
        line += f": train loss {shown(pl_module.epoch.loss)}"
        if self.epoch_loss is not None:
            line += f", {'val' if validates else 'test'} loss {shown(self.epoch_loss)}"
        if self.epoch_score is not None:
            line += f", {pl_module.score_title} {self.epoch_score:.4f}"
        self._print(line + (" (best)" if epoch == self.best_epoch else ""), is_due=epoch <= _ALWAYS)
        self.epoch_loss = self.epoch_score = None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.waiting is not None:
            self._print(self.waiting, is_due=True)

    def state_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _STATE}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        best_loss, best_epoch, epoch_loss, epoch_score = (state_dict[name] for name in _STATE)
        are_numbers = all(
            it is None or (type(it) is float and math.isfinite(it)) for it in (best_loss, epoch_loss, epoch_score)
        )
        is_epoch = type(best_epoch) is int and best_epoch >= 0 and not (best_loss is None and best_epoch > 0)
        if not are_numbers or not is_epoch or (epoch_loss is None and epoch_score is not None):
            raise ValueError(f"expected {', '.join(_STATE)} of a run, got {state_dict!r:.200}")
        vars(self).update(state_dict)

    def overfitting(self) -> str | None:
        """Return a sentence if the last weights have a much larger loss on the test set than earlier ones had."""
        newest, best = self.newest, self.best_loss
        if newest is None or newest.split != "test" or best is None or newest.loss <= _RISE * best:
            return None
        return (
            f"the test loss was {shown(best)} after epoch {self.best_epoch} and is {shown(newest.loss)} now: train for "
            "fewer epochs, or keep the best weights with --data.validation_fraction 0.1"
        )

    def _test(self, trainer: Trainer, module: Any, counts: bool) -> None:
        """Evaluate the test set, and log loss and score."""
        found = Evaluation("test", *module.loss_and_score(*module.test_outputs()))
        self._keep(trainer, found, counts)
        row = {"epoch": trainer.current_epoch, "test/loss": found.loss, f"test/{module.score_name}": found.score}
        for logger in trainer.loggers:  # self.log would round to float32
            logger.log_metrics(row, trainer.global_step - 1)

    def _keep(self, trainer: Trainer, found: Evaluation, counts: bool) -> None:
        """Keep an evaluation; `counts` says whether it may be the best one."""
        epoch = trainer.current_epoch + 1
        if not math.isfinite(found.loss):
            raise NonFiniteError(
                f"after epoch {epoch} the loss on the {found.split} data is {found.loss}: this epoch is not saved; try "
                "a smaller --model.lr"
            )
        self.newest = found
        if self.epoch_loss is None or found.loss < self.epoch_loss:
            self.epoch_loss = found.loss
            self.epoch_score = found.score if math.isfinite(found.score) else None  # R2 of equal targets
        if counts and (self.best_loss is None or found.loss < self.best_loss):
            self.best_loss, self.best_epoch = found.loss, epoch

    def _print(self, line: str, is_due: bool) -> None:
        now = time.monotonic()
        if is_due or now - self.printed_at >= _PAUSE:
            print(line, flush=True)
            self.waiting, self.printed_at = None, now
        else:
            self.waiting = line


def shown(loss: float) -> str:
    """Return a loss with four decimals, or with four digits if it is very small or large."""
    return f"{loss:.4f}" if loss == 0 or 1e-3 <= abs(loss) < 1e4 else f"{loss:.3e}"
