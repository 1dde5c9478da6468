"""The contract of every layer: a forward pass and a hand-written backward pass."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from torchnet.html.network import network_table

if TYPE_CHECKING:
    from torchnet.replicas import Share


class Layer(nn.Module, ABC):
    """A layer whose backward pass is written by hand.

    nn.Module serves only as a container. Weights are leaf tensors registered with requires_grad=False, so `.to()`,
    `state_dict` and optimizers see them and autograd does not.

    A subclass implements `forward`, which stores what backward needs with `remember`, and `backward`, which retrieves
    it with `recall`. Both keep the contracts below; a subclass documents only what it adds.

    Shape letters used throughout: N batch size, I in_features or in_channels, O out_features or out_channels, C classes
    or channels, L length, H height, W width; * any number of leading dimensions.

    Attributes:
        share: the rows of the mini-batch that x holds, if several processes divide it; None if x is the whole of it. A
            layer that depends on other samples, or on the position of a sample, reads it.
        step_counter: the number of the training step, (), int64; None if nobody counts steps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.share: Share | None = None
        self.step_counter: Tensor | None = None
        self._remembered: tuple[Any, ...] | None = None

    def __call__(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Run `forward`, with its hooks.

        Raises:
            TypeError: if x is not a tensor.
        """
        if not isinstance(x, Tensor):
            raise TypeError(f"expected a tensor as input, got {type(x).__name__}: convert it with torch.as_tensor")
        return super().__call__(x, *args, **kwargs)

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return the output; in training mode, also remember what backward needs.

        Raises:
            ValueError: if x has the wrong shape or dtype.
        """

    @abstractmethod
    def backward(self, grad_output: Tensor, input_grad: bool = True) -> Tensor | None:
        """Write `.grad` of the layer's weights; return the gradient of its input.

        Each call consumes what one forward pass in training mode remembered. `.grad` is overwritten, not accumulated.

        Args:
            grad_output: G = ∂L/∂y, the upstream gradient.
            input_grad: False to skip the gradient of the input, which the first layer of a network does not need.

        Shape:
            grad_output: the shape of the output.
            returns: the shape of the input, or None if input_grad is False.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
            ValueError: if grad_output does not have the shape of the output.
        """

    def remember(self, *values: Any) -> None:
        """Store tensors, and what else backward needs, such as a shape; do nothing in evaluation mode."""
        if self.training:
            self._remembered = tuple(value.detach() if isinstance(value, Tensor) else value for value in values)

    def recall(self) -> Any:
        """Return and clear what the last forward pass remembered: one value, or a tuple if there were several.

        Raises:
            RuntimeError: if no forward pass was made in training mode since the last backward.
        """
        if self._remembered is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward has nothing to work from: make a forward pass in training mode first "
                "(net.train(), then net(x)), one for each backward, and let forward call remember; a layer that a "
                "network runs twice must be two layers"
            )
        values, self._remembered = self._remembered, None
        return values if len(values) > 1 else next(iter(values))

    def _repr_html_(self) -> str:
        return network_table(self)


def expect_shape(name: str, tensor: Tensor, shape: Sequence[int], hint: str) -> None:
    """Raise a ValueError unless the tensor has this shape: broadcasting would hide the mistake in a wrong result."""
    if tensor.shape != tuple(shape):
        raise ValueError(f"expected {name} of shape {tuple(shape)}, got {tuple(tensor.shape)}: {hint}")


def expect_features(x: Tensor, shape: Sequence[int], *dtypes: torch.dtype) -> None:
    """Raise a ValueError unless x has shape (*, *shape), with at least one value, and one of these dtypes."""
    if x.shape[max(0, x.dim() - len(shape)) :] != tuple(shape):
        fits = len(shape) == 1 and x.shape[1:].numel() == shape[0]
        hint = "flatten each sample to one row" if fits else "make the layer with the sizes of its input"
        raise ValueError(f"expected input of shape (*, {', '.join(map(str, shape))}), got {tuple(x.shape)}: {hint}")
    expect_values(x, *dtypes)


def expect_values(x: Tensor, *dtypes: torch.dtype) -> None:
    """Raise a ValueError unless x has at least one value, and one of these dtypes; the first is that of the weights."""
    if x.numel() == 0:
        raise ValueError(f"expected at least one sample, got an empty batch of shape {tuple(x.shape)}")
    if x.dtype not in dtypes:
        raise ValueError(f"expected input of dtype {dtypes[0]}, got {x.dtype}: convert it with x.to({dtypes[0]})")


def input_dtypes(dtype: torch.dtype) -> tuple[torch.dtype, ...]:
    """Return the dtypes of inputs for weights of this one: for float32 also bfloat16, which convolutions may return."""
    return (dtype, torch.bfloat16) if dtype == torch.float32 else (dtype,)


def expect_floats(x: Tensor) -> None:
    """Raise a ValueError unless x is of floating point, or complex: torch refuses whole numbers, or rounds results."""
    if not (x.is_floating_point() or x.is_complex()):
        raise ValueError(f"expected input of floating point, got {x.dtype}: convert it with x.to(torch.float32)")


def expect_counts(**counts: Any) -> None:
    """Raise a ValueError unless each argument is a whole number from 1 up."""
    for name, count in counts.items():
        if not isinstance(count, Integral) or count < 1:
            raise ValueError(f"{name}: expected a whole number from 1 up, got {count!r}")


def refuse(**arguments: Any) -> None:
    """Raise a ValueError for the first argument that is true: torch.nn's layer has it, ours does not."""
    for name, value in arguments.items():
        if value:
            overwrites = "it would overwrite what the layer before needs for its backward pass"
            hint = overwrites if name == "inplace" else "torch.nn has it, torchnet does not"
            raise ValueError(f"{name}: expected it to be left out, got {value!r}: {hint}")
