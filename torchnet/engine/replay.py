"""Capture a step once and replay it from then on: as a tape of its operations, or as a CUDA graph.

The third step is replayed first and then repeated eagerly. Every tensor that a step changes must get the same bits, or
the run ends.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from torchnet.engine.cuda_graph import Graph
from torchnet.engine.tape import CaptureError, Tape
from torchnet.engine.variants import same_bits
from torchnet.state import TrainingState
from torchnet.step import Recipe


def capture(step: Callable[[], Any], device: torch.device) -> Tape | Graph:
    """Run a step once and record it; return the recording that replays it on this device."""
    return Graph(step) if device.type == "cuda" else Tape(step)


class ReplayedStep:
    """A step that runs eagerly at first, then is captured, compared with its replay, and replayed from then on.

    The step changes `state` and the tensors `others`. It reads everything that differs between steps from tensors.
    """

    def __init__(self, step: Callable[[], Any], state: TrainingState, others: dict[str, Tensor]) -> None:
        self.step, self.state, self.others = step, state, others
        self.gradients: list[tuple[nn.Parameter, Tensor]] = []  # which the replay writes to
        self._turns = self._take_turns()

    def take(self) -> None:
        """Run one step; raise a CaptureError if it cannot be replayed, or if its replay gives other bits."""
        next(self._turns)

    def point_gradients(self) -> None:
        """Make every `.grad` the tensor that the replay writes to; a step of another size may have replaced it."""
        for weight, grad in self.gradients:
            weight.grad = grad

    def _take_turns(self) -> Iterator[None]:
        self.step()  # optimizers allocate their state in the first step, so it differs from the others
        yield
        replayed = capture(self.step, next(self.state.net.parameters()).device)
        self.gradients = [(weight, weight.grad) for weight in self.state.net.parameters() if weight.grad is not None]
        yield
        self._compare(replayed)
        while True:
            yield
            replayed.replay()

    def _compare(self, replayed: Tape | Graph) -> None:
        """Run the step eagerly and as a replay, and keep the memory that the replay writes to."""
        attributes = [(module, name, value) for _, module, name, value in self.state.plain_attributes()]
        before = self._copies()
        replayed.replay()
        after = self._copies()
        for name, tensor in self._tensors().items():
            tensor.copy_(before[name])
        self.step()
        if not all(same_bits(tensor, after[name]) for name, tensor in self._tensors().items()):
            raise CaptureError(
                "the replay of this network's step differs from the step itself: the step keeps something outside of "
                "tensors, or in new tensors each time; train it with captured=False"
            )
        for owner, name, tensor in [*attributes, *((weight, "grad", grad) for weight, grad in self.gradients)]:
            setattr(owner, name, tensor.copy_(getattr(owner, name)))

    def _tensors(self) -> dict[str, Tensor]:
        return self.others | self.state.gradients() | self.state.kept() | self.state.attributes()

    def _copies(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self._tensors().items()}


def assumptions(recipe: Recipe, state: TrainingState, block_size: int, per_step: tuple[str, ...]) -> Any:
    """Return what a captured step takes for granted: if any of it changes, the step has to be captured again.

    These are the addresses of its tensors, and everything that is not in tensors. The step reads the options of the
    optimizer in `per_step` from tensors.
    """
    tensors = (recipe.images, recipe.targets, *state.kept().values(), *state.attributes().values())
    options = [
        value
        for group in recipe.optimizer.param_groups
        for name, value in group.items()
        if name not in ("params", "lr", *per_step)
    ]
    parts = (recipe.net, recipe.loss, recipe.optimizer, recipe.augment, recipe.clip, recipe.average)
    return [tensor.data_ptr() for tensor in tensors], options, parts, block_size, recipe.net.training, per_step
