"""The contract that every layer keeps: a forward pass and, below it, its hand-written backward pass."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from torchnet.replicas import Share


class Layer(nn.Module, ABC):
    """A step of the network whose backward pass is written by hand.

    An nn.Module is used as a container only. Weights are raw leaf tensors, registered with requires_grad=False: `.to`,
    `state_dict` and optimizers see them, autograd never does.

    A subclass writes `forward`, which remembers the tensors that its backward needs, and directly below it `backward`,
    which recalls them, writes `.grad` of the layer's own weights and returns the gradient of the layer's input.

    Shape letters, here and everywhere: N batch, I in_features, O out_features, C classes.

    Attributes:
        share: the rows of the mini-batch that x holds, where several processes divide it among them; None if x is all
            of it. A layer that looks at other samples, or at the place of one, asks it (torchnet/replicas.py).
    """

    def __init__(self) -> None:
        super().__init__()
        self.share: Share | None = None
        self._remembered: tuple[Tensor, ...] | None = None

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the layer; in training mode, remember what backward needs."""

    @abstractmethod
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write `.grad` of the layer's weights; return the gradient of its input, None if input_grad is False."""

    def remember(self, *tensors: Tensor) -> None:
        """Keep tensors for backward; in evaluation mode, keep nothing."""
        if self.training:
            self._remembered = tuple(tensor.detach() for tensor in tensors)

    def recall(self) -> Any:
        """Hand out what the last forward pass remembered, once: the tensor, or the tuple of them if it was several.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
        """
        if self._remembered is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward has nothing to work from: make a forward pass in training mode first "
                "(net.train(), then net(x)), one for each backward, and let forward call remember"
            )
        tensors, self._remembered = self._remembered, None
        return tensors if len(tensors) > 1 else next(iter(tensors))


def expect_shape(name: str, tensor: Tensor, shape: Sequence[int], hint: str) -> None:
    """Raise a ValueError unless the tensor has this shape: broadcasting would turn a slip into a wrong answer."""
    if tensor.shape != tuple(shape):
        raise ValueError(f"expected {name} of shape {tuple(shape)}, got {tuple(tensor.shape)}: {hint}")


def expect_rows(x: Tensor, weight: Tensor) -> None:
    """Raise a ValueError unless x has one row a sample, of as many features as the weight has and in its dtype."""
    if x.dim() != 2 or x.shape[1] != len(weight):
        raise ValueError(
            f"expected input of shape (N, {len(weight)}), got {tuple(x.shape)}: flatten each sample to one row"
        )
    if x.dtype != weight.dtype:
        raise ValueError(f"expected input of dtype {weight.dtype}, got {x.dtype}: convert it with x.to({weight.dtype})")
