"""Where a run stands between two steps: one number, from which Lightning's two dozen counters follow."""

from dataclasses import dataclass
from typing import Any

from pytorch_lightning import Trainer


@dataclass(frozen=True)
class Position:
    """The steps that are behind a run, all that belongs to them included: their logs, validations and epochs' ends.

    Args:
        step: how many steps.
        steps_per_epoch: how many steps an epoch has.
    """

    step: int
    steps_per_epoch: int

    @classmethod
    def of(cls, trainer: Trainer) -> "Position":
        """Return that of a run, at a moment between two steps."""
        return cls(trainer.global_step, int(trainer.num_training_batches))

    @property
    def epochs(self) -> int:
        """The epochs that are whole."""
        return self.step // self.steps_per_epoch

    def loops(self) -> dict[str, Any]:
        """Return the state of Lightning's loops from which it goes on with the next step.

        It is the one that Lightning itself saves behind a mini-batch. Restored from it, it looks upon that mini-batch
        as finished and upon a validation that was due as done, and logs go on with the right step. Of the states that
        it saves at other moments, some are resumed with a validation too many or with shifted steps.
        """
        epoch, in_epoch = divmod(self.step - 1, self.steps_per_epoch)
        in_epoch += 1  # from 1 to the number of steps in an epoch
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
    """Return how Lightning counts mini-batches when the last one is over but for the word of it."""
    return {"ready": batches, "started": batches, "processed": batches, "completed": batches - 1}
