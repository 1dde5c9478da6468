"""Inf and NaN end a run, with an error that names the step and the tensor in which they first appeared."""

import copy
import math
from typing import Any

from torchnet.data import Block
from torchnet.engine import Engine
from torchnet.runs.errors import NonFiniteError
from torchnet.state import first_nonfinite
from torchnet.training.callbacks.throttle import Throttle

_COPY_SHARE = 0.001  # the largest share of a run's time that copies may take


class WatchedSteps:
    """Run the steps of an engine; look at losses, gradients and the state of training once per block.

    That is enough to notice Inf or NaN, and costs next to nothing. To find the step and the tensor, the steps since the
    last copy of the state run again one by one, with the same bits.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.snapshot: dict[str, Any] = {}
        self.options: Any = None  # the options of the optimizer at the snapshot
        self.blocks: list[tuple[Block, Any, int]] = []  # since the snapshot
        self.copies = Throttle(_COPY_SHARE)

    def run(self, block: Block, schedule: Any, step: int) -> list[float]:
        """Run one step per mini-batch and return their losses; schedule and step are those of Engine.run.

        Raises:
            NonFiniteError: if a loss, a gradient, a weight or a number of the optimizer is Inf or NaN.
        """
        groups = self.engine.recipe.optimizer.param_groups
        options = [{name: value for name, value in group.items() if name != "params"} for group in groups]
        is_due = self.copies.is_due
        if self.engine.replicas is not None:  # all processes must run the same steps again
            is_due = self.engine.replicas.decision_of_first(is_due, self.engine.step.device)
        if is_due or options != self.options:
            with self.copies.measured():
                self.snapshot = self.engine.state.snapshot()
            self.options = copy.deepcopy(options)
            self.blocks.clear()
        self.blocks.append((block, schedule, step))
        losses: list[float] = self.engine.run(block.indices, block.batch_size, block.divisor, schedule, step).tolist()
        state = self.engine.state
        if not all(map(math.isfinite, losses)) or first_nonfinite(state.gradients() | state.kept()) is not None:
            self._find()
        return losses

    def _find(self) -> None:
        """Run the steps since the snapshot again, and raise the error where it first appears."""
        state = self.engine.state
        state.restore(self.snapshot)
        self.engine.recipe.hooks = None  # they have seen these steps
        for block, schedule, first in self.blocks:
            for k, indices in enumerate(block.indices.split(block.batch_size)):
                step, options = first + k, None if schedule is None else schedule[k : k + 1]
                (loss,) = self.engine.run(indices, block.batch_size, block.divisor, options, step)
                tensors = {"the loss": loss, **state.gradients(), **state.kept()}
                if (name := first_nonfinite(tensors)) is not None:
                    what = "NaN" if bool(tensors[name].isnan().any()) else "Inf"
                    raise NonFiniteError(
                        f"step {step + 1}: {name} is {what}; earlier checkpoints stay as they are: try a smaller "
                        "--model.lr"
                    )
        raise NonFiniteError(f"by step {step + 1} a loss, gradient or weight is not finite: try a smaller --model.lr")
