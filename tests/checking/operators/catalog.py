"""The catalog of operators: a hand-written backward with its inputs, and mistakes planted by exact source text."""

import inspect
import linecache
import sys
import textwrap
import types
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mistake:
    """A slip in the source of an operator.

    Attributes:
        name: what was done wrong.
        old: text that occurs once in the source of the operator.
        new: what stands in its place in the wrong operator.
        accused: the names of the leaves whose gradients are wrong; none if backward itself is at fault.
        named: regular expressions; a diagnosis that matches one of them names the cause or the place.
        shows_at: makes inputs at which the mistake shows, if it does not at those of the operator.
    """

    name: str
    old: str
    new: str
    accused: frozenset[str]
    named: tuple[str, ...]
    shows_at: Callable[[], tuple[Any, ...]] | None = None


@dataclass(frozen=True)
class Operator:
    """A forward and its hand-written backward.

    Attributes:
        name: its name in the table.
        code: its classes and functions, at the top level of a module.
        make_inputs: makes the arguments of its forward.
        mistakes: the slips.
        form: "function", "callable", "module", "pair", "cache", "derivative", "object" or "loss".
        wrap: makes the subject of the check from the code.
        options: more arguments of torchnet.check.
    """

    name: str
    code: tuple[Any, ...]
    make_inputs: Callable[[], tuple[Any, ...]]
    mistakes: tuple[Mistake, ...]
    form: str
    wrap: Callable[..., Any]
    options: dict[str, Any] = field(default_factory=dict)

    def inputs(self, mistake: Mistake | None = None) -> tuple[Any, ...]:
        """Return fresh inputs, the same each time; those at which the mistake shows, if one is given."""
        make = mistake.shows_at if mistake is not None and mistake.shows_at is not None else self.make_inputs
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(zlib.crc32(self.name.encode()))
            return make()

    def subject(self, mistake: Mistake | None = None) -> Any:
        """Return the right operator, or the one with a mistake."""
        return self.wrap(*(self.code if mistake is None else planted(self.code, mistake)))


OPERATORS: list[Operator] = []


def define(
    name: str,
    code: Any,
    inputs: Callable[[], tuple[Any, ...]],
    *mistakes: Mistake,
    form: str = "",
    wrap: Callable[..., Any] | None = None,
    **options: Any,
) -> None:
    """Add an operator to the catalog; a pair of functions is in the form "pair", unless another is given."""
    form = form or ("pair" if isinstance(code, tuple) else "function")
    parts = code if isinstance(code, tuple) else (code,)
    wrap = wrap or ((lambda *functions: functions) if len(parts) > 1 else (lambda part: part))
    OPERATORS.append(Operator(name, parts, inputs, mistakes, form, wrap, options))


def slip(
    name: str, old: str, new: str, accused: str, *named: str, shows_at: Callable[[], tuple[Any, ...]] | None = None
) -> Mistake:
    """Return a mistake; the names of the accused leaves are separated by spaces."""
    return Mistake(name, old, new, frozenset(accused.split()), named, shows_at)


def planted(code: tuple[Any, ...], mistake: Mistake) -> list[Any]:
    """Return the classes and functions, compiled again with the mistake in their source."""
    source = "\n\n".join(textwrap.dedent(inspect.getsource(part)) for part in code)
    if source.count(mistake.old) != 1:
        raise ValueError(f"{mistake.name}: expected once in the source, got {source.count(mistake.old)}: {mistake.old}")
    source = source.replace(mistake.old, mistake.new)
    # A module of its own, known to inspect and linecache: a tool that reads the source has to see the mistake in it.
    module = types.ModuleType(f"{code[0].__module__}.planted_{zlib.crc32(source.encode())}")
    module.__dict__.update({k: v for k, v in vars(sys.modules[code[0].__module__]).items() if not k.startswith("__")})
    module.__file__ = f"<{module.__name__}>"
    linecache.cache[module.__file__] = (len(source), None, source.splitlines(keepends=True), module.__file__)
    sys.modules[module.__name__] = module
    exec(compile(source, module.__file__, "exec"), vars(module))
    return [vars(module)[part.__name__] for part in code]


def normal(*shape: int) -> Tensor:
    """Return random numbers of both signs."""
    return torch.randn(shape, dtype=torch.float64)


def positive(*shape: int) -> Tensor:
    """Return random numbers between 0.5 and 1.5."""
    return torch.rand(shape, dtype=torch.float64) + 0.5


def ints(*values: int) -> Tensor:
    """Return indices."""
    return torch.tensor(values)
