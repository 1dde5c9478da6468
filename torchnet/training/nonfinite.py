"""Numbers stay finite, or the run ends with the step and the tensor where they first were not."""

import copy
import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from torchnet.data import Block
from torchnet.engine import Engine
from torchnet.runs.errors import NonFiniteError

_COPY_SHARE = 0.001  # of the time of a run, the most that copies may take


class FiniteSteps:
    """Take the steps of an engine; look at their losses, and at gradients, weights and optimizer once a block.

    Once a block is enough to notice, and costs next to nothing. To know the step, and the tensor, the steps are taken
    again one by one from the last copy that was made of the state, with the same bits.

    Args:
        engine: takes the steps.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.copy: list[dict[str, Any]] = []  # of the state of each part
        self.options: Any = None  # of the optimizer then
        self.blocks: list[tuple[Block, Any, int]] = []  # taken since
        self.copied_at = self.copy_seconds = 0.0

    def run(self, block: Block, schedule: Any, step: int) -> list[float]:
        """Take one step for each mini-batch; return their losses.

        Args:
            block: the mini-batches.
            schedule: as for Engine.run.
            step: the number of the first step.

        Raises:
            NonFiniteError: if a loss, a gradient, a weight or a number that the optimizer keeps is not finite.
        """
        options = [{key: value for key, value in group.items() if key != "params"} for group in self._groups]
        is_time = time.monotonic() - self.copied_at > self.copy_seconds / _COPY_SHARE
        if self.engine.replicas is not None:  # which must take the same steps again
            is_time = self.engine.replicas.of_first(is_time, self.engine.images.device)
        if options != self.options or is_time:
            self._copy(copy.deepcopy(options))
        self.blocks.append((block, schedule, step))
        losses: list[float] = self.engine.run(block.indices, block.batch_size, block.divisor, schedule, step).tolist()
        if not all(map(math.isfinite, losses)) or not self._all_finite():
            self._find()
        return losses

    @property
    def _parts(self) -> list[Any]:
        parts = (self.engine.net, self.engine.average, self.engine.optimizer)
        return [part for part in parts if part is not None]

    @property
    def _groups(self) -> list[dict[str, Any]]:
        return self.engine.optimizer.param_groups

    def _all_finite(self) -> bool:
        """Return whether all are: one number is read from the device, as the sum of finite numbers is finite.

        Of very large ones it may not be, and each is looked at.
        """
        numbers = [tensor for _, tensor in self._named() if tensor.is_floating_point()]
        total = torch.stack([tensor.sum() for tensor in numbers]).sum().item()
        return math.isfinite(total) or all(tensor.isfinite().all() for tensor in numbers)

    def _named(self) -> Iterator[tuple[str, Tensor]]:
        """Yield what a step computes, in the order in which it does."""
        net = self.engine.net
        for name, weight in reversed(list(net.named_parameters())):
            if weight.grad is not None:
                yield f"the gradient of {name}", weight.grad
        yield from net.named_buffers()
        yield from net.named_parameters()
        for name, weight in net.named_parameters():  # AdamW's squares overflow long before the gradients do
            for key, kept in self.engine.optimizer.state.get(weight, {}).items():
                if isinstance(kept, Tensor) and kept.device == weight.device:  # some count their steps on the CPU
                    yield f"{key} of {name}", kept

    def _copy(self, options: Any) -> None:
        self.copied_at = time.monotonic()
        self.copy = copy.deepcopy([part.state_dict() for part in self._parts])
        self.options = options
        self.blocks.clear()
        self.copy_seconds = time.monotonic() - self.copied_at

    def _find(self) -> None:
        """Take the steps since the copy again, and raise the error where it first shows."""
        for part, state in zip(self._parts, self.copy, strict=True):
            part.load_state_dict(state)
        for block, schedule, first in self.blocks:
            for k, indices in enumerate(block.indices.split(block.batch_size)):
                options = None if schedule is None else schedule[k : k + 1]
                (loss,) = self.engine.run(indices, block.batch_size, block.divisor, options, first + k)
                for name, tensor in (("the loss", loss), *self._named()):
                    if not tensor.isfinite().all():
                        what = "not a number" if tensor.isnan().any() else "infinite"
                        raise NonFiniteError(
                            f"step {first + k + 1}: {name} is {what}; what was saved before stays as it is: "
                            "try a smaller --model.lr"
                        )
        raise NonFiniteError(
            f"by step {first + k + 1} a loss, gradient or weight is not finite: try a smaller --model.lr"
        )
