"""A function of PyTorch, and how its inputs are drawn."""

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional
from torch.utils import _pytree as pytree

Draw = Callable[[Generator], Tensor]


@dataclass(frozen=True)
class Constant:
    """A floating-point input that has no gradient, such as the weights of classes."""

    draw: Draw

    def __call__(self, generator: Generator) -> Tensor:
        return self.draw(generator)


@dataclass(frozen=True)
class Case:
    """A function, and its inputs: tensors are given as functions that draw them.

    Attributes:
        name: a unique name.
        function: what is checked.
        inputs: its arguments; each may be a list or tuple of tensors.
        kwargs: its keyword arguments.
        is_random: whether it draws random numbers.
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    is_random: bool = False

    @property
    def repeatable(self) -> Callable[..., Any]:
        """The function; if it is random, it draws the same numbers in every call."""

        @functools.wraps(self.function)
        def seeded(*args: Any, **kwargs: Any) -> Any:
            with torch.random.fork_rng(devices=()):
                torch.manual_seed(0)
                return self.function(*args, **kwargs)

        return seeded if self.is_random else self.function

    @property
    def differentiated(self) -> list[bool]:
        """Return, for each tensor or other leaf of the inputs, whether there is a gradient for it."""
        generator, leaves = Generator(), pytree.tree_leaves(list(self.inputs))
        tensors = [None if isinstance(x, Constant) else x(generator) if callable(x) else None for x in leaves]
        return [x is not None and (x.is_floating_point() or x.is_complex()) for x in tensors]

    def draw(self, dtype: torch.dtype) -> list[Any]:
        """Return the inputs; those that are floating point or complex have the precision of dtype.

        If some are constants, the others require a gradient: `check` differentiates those only.
        """
        generator = Generator().manual_seed(zlib.crc32(self.name.encode()))
        to = {torch.float64: dtype, torch.complex128: torch.complex128 if dtype == torch.float64 else torch.complex64}
        leaves, structure = pytree.tree_flatten(list(self.inputs))
        has_constants = any(isinstance(x, Constant) for x in leaves)
        drawn = [x(generator) if callable(x) else x for x in leaves]
        drawn = [x.to(to.get(x.dtype, x.dtype)) if isinstance(x, Tensor) else x for x in drawn]
        for x, is_differentiated in zip(drawn, self.differentiated, strict=True):
            if is_differentiated:
                x.requires_grad_(has_constants)
        return pytree.tree_unflatten(drawn, structure)


RANDOM = (
    *(functional.dropout, functional.alpha_dropout, functional.dropout2d, functional.rrelu, functional.gumbel_softmax),
    functional.fractional_max_pool2d,
)


def case(function: Callable[..., Any], *inputs: Any, name: str = "", **kwargs: Any) -> Case:
    return Case(name or function.__name__, function, inputs, kwargs, function in RANDOM)


def constant(draw: Draw) -> Constant:
    return Constant(draw)


def real(*shape: int) -> Draw:
    return lambda generator: torch.randn(shape, generator=generator, dtype=torch.float64)


def between(low: float, high: float, *shape: int) -> Draw:
    return lambda generator: low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)


def positive(*shape: int) -> Draw:
    return between(0.3, 3, *shape)


def unit(*shape: int) -> Draw:
    return between(-0.9, 0.9, *shape)


def complex_(*shape: int) -> Draw:
    return lambda generator: torch.randn(shape, generator=generator, dtype=torch.complex128)


def integers(high: int, *shape: int) -> Draw:
    return lambda generator: torch.randint(high, shape, generator=generator)


def booleans(*shape: int) -> Draw:
    return lambda generator: torch.rand(shape, generator=generator) < 0.6


def signs(*shape: int) -> Draw:
    """Targets of 1 and -1."""
    return lambda generator: 2.0 * torch.randint(2, shape, generator=generator, dtype=torch.float64) - 1


def permutation(n: int) -> Draw:
    return lambda generator: torch.randperm(n, generator=generator)


def well_conditioned(*shape: int) -> Draw:
    """A square matrix, or a batch of them, with a dominant diagonal of distinct elements."""

    def draw(generator: Generator) -> Tensor:
        diagonal = torch.arange(1, shape[-1] + 1, dtype=torch.float64) + 1
        return 0.3 * torch.randn(shape, generator=generator, dtype=torch.float64) + torch.diag(diagonal)

    return draw
