"""Convolutions and poolings to draw with Hypothesis, beside their twins of torch.nn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from torchnet import AvgPool2d, Conv1d, Conv2d, Layer, MaxPool2d

from .test_layers import random
from .twins import randomized

MEMORY_FORMATS = {"NCHW": torch.contiguous_format, "channels last": torch.channels_last}


@dataclass(frozen=True)
class Case:
    """A layer with its twin, and an input."""

    make: Callable[[], Layer]
    twin: nn.Module
    x: Tensor

    def __repr__(self) -> str:
        return f"{self.make()} of {tuple(self.x.shape)}, strides {self.x.stride()}"

    def layer(self, fast: bool = True) -> Any:
        layer: Any = self.make()
        layer.fast = fast
        return layer

    def expected(self) -> dict[str, Tensor] | None:
        """Return the output of the twin and the gradients by autograd; None if torch refuses the input.

        If a window has no pixel of the image, torch's max is -inf, and its backward writes to foreign memory.
        """
        x = self.x.detach().clone().requires_grad_()
        try:
            y = self.twin(x)
        except RuntimeError:
            return None
        if y.isinf().any():
            return {"output": y.detach()}
        y.backward(grad_output(y))
        return {"output": y.detach(), "input": x.grad, **{name: w.grad for name, w in self.twin.named_parameters()}}


def grad_output(y: Tensor) -> Tensor:
    return random(*y.shape, seed=9).to(y.dtype)


def results(layer: Layer, x: Tensor) -> dict[str, Tensor]:
    """Return the output and the gradients of a layer."""
    y = layer(x)
    grad_input = layer.backward(grad_output(y))
    return {"output": y, "input": grad_input, **{name: weight.grad for name, weight in layer.named_parameters()}}


def sizes(smallest: int, largest: int, dimensions: int = 2) -> st.SearchStrategy[Any]:
    """Draw a number for all dimensions, or one for each."""
    number = st.integers(smallest, largest)
    return number | st.tuples(*[number] * dimensions)


@st.composite
def images(draw: st.DrawFn, channels: int, dimensions: int = 2) -> Tensor:
    size = draw(st.tuples(*[st.integers(1, 8)] * dimensions))
    shape = (*draw(st.sampled_from([(), (1,), (3,)])), channels, *size)
    x = random(*shape, seed=draw(st.integers(0, 99)))
    if len(shape) == 4:
        x = x.contiguous(memory_format=MEMORY_FORMATS[draw(st.sampled_from(sorted(MEMORY_FORMATS)))])
    return x


@st.composite
def convolutions(draw: st.DrawFn, dimensions: int | None = None) -> Case:
    dimensions = draw(st.sampled_from([1, 2])) if dimensions is None else dimensions
    groups = draw(st.integers(1, 3))
    channels = tuple(groups * draw(st.integers(1, 3)) for _ in range(2))
    padding = draw(sizes(0, 3, dimensions) | st.sampled_from(["same", "valid"]))
    stride = 1 if padding == "same" else draw(sizes(1, 3, dimensions))
    kernel_size, dilation = draw(sizes(1, 4, dimensions)), draw(sizes(1, 3, dimensions))
    arguments = (*channels, kernel_size, stride, padding, dilation, groups, draw(st.booleans()))
    ours, theirs = ((Conv1d, nn.Conv1d), (Conv2d, nn.Conv2d))[dimensions - 1]

    def make() -> Layer:
        return randomized(ours(*arguments))

    twin = theirs(*arguments, dtype=torch.float64)
    twin.load_state_dict(make().state_dict())
    return Case(make, twin, draw(images(channels[0], dimensions)))


@st.composite
def poolings(draw: st.DrawFn) -> Case:
    window = (draw(sizes(1, 4)), draw(st.none() | sizes(1, 4)), draw(sizes(0, 2)))
    if draw(st.booleans()):
        kinds, arguments = (MaxPool2d, nn.MaxPool2d), (*window, draw(sizes(1, 3)), False, draw(st.booleans()))
    else:
        flags = (draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from([None, 3, -2])))
        kinds, arguments = (AvgPool2d, nn.AvgPool2d), (*window, *flags)
    kernel, padding = ((size, size) if isinstance(size, int) else size for size in (window[0], window[2]))
    if any(p > k // 2 for k, p in zip(kernel, padding, strict=True)):  # which is refused
        arguments = (*window[:2], 0, *arguments[3:])
    x = draw(images(3))
    if draw(st.booleans()):  # many ties
        x = x.round()
    return Case(lambda: kinds[0](*arguments), kinds[1](*arguments), x)
