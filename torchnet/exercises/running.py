"""Call a solution with copies of the inputs, and look at everything about what it returns but the values."""

import contextlib
import functools
import inspect
import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from torchnet.checking.subjects.subject import sentence
from torchnet.exercises.task import Task
from torchnet.exercises.truth import Case
from torchnet.printable import printable


@dataclass(frozen=True)
class Fault:
    """What is wrong with a solution.

    Attributes:
        kind: the kind of mistake.
        where: the name of the result; "" for the function as a whole.
        hints: what to say at the first attempt with this mistake, at the second, and so on.
    """

    kind: str
    where: str
    hints: tuple[str, ...]


class FaultFoundError(Exception):
    """A solution is wrong; nothing else about it is looked at."""

    def __init__(self, kind: str, where: str, *hints: str) -> None:
        super().__init__(kind)
        self.fault = Fault(kind, where, hints)


class EndsProgramError(Exception):
    """A solution would end the program."""


def guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that prints at its first call only, and raises an Exception where it would end the program."""
    calls = itertools.count()

    @functools.wraps(function, updated=())
    def call(*given: Any) -> Any:
        output = contextlib.redirect_stdout(io.StringIO()) if next(calls) else contextlib.nullcontext()
        try:
            with output:
                return function(*given)
        except SystemExit as error:
            raise EndsProgramError("SystemExit") from error

    return call


def run(task: Task, function: Callable[..., Any], case: Case) -> dict[str, Any]:
    """Return the results of a solution by name: tensors, or None or ... where they are not written.

    Raises:
        FaultFoundError: if it cannot be called, raises, changes its arguments, or returns something else.
    """
    given = [x.clone() if isinstance(x, Tensor) else x for x in task.given(case)]
    _expect_signature(task, function)
    try:
        returned = function(*given)
    except NotImplementedError:
        raise FaultFoundError("not written", "") from None
    except EndsProgramError:
        text = "Raises: SystemExit, which ends the program: remove exit() and sys.exit()."
        raise FaultFoundError("raises", "", text) from None
    except Exception as error:
        arguments = ", ".join(f"{name} {_described(x)}" for name, x in zip(task.arguments, given, strict=True))
        text = f"Raises: {printable(sentence(error))}."
        returns = ", ".join(f"{name} {_described(x)}" for name, x in task.truth.results(case).items())
        called, expected = f"It was called with {arguments}.", f"It has to return {returns}."
        raise FaultFoundError("raises", "", text, called, expected) from None
    results = _by_name(task, returned)
    for name, x in zip(task.arguments, given, strict=True):
        if isinstance(x, Tensor) and not _equal(x, case[name]):
            text = f"Side effect: the function changes its argument {name}, which the caller still needs."
            advice = "Avoid +=, *=, methods that end in _, and assignments to elements of an argument."
            raise FaultFoundError("side effect", name, text, advice)
    return results


def _expect_signature(task: Task, function: Callable[..., Any]) -> None:
    try:
        inspect.signature(function).bind(*task.arguments)
    except TypeError:
        expected = f"{task.name}({', '.join(task.arguments)})"
        text = f"Signature: expected {expected}, called with {_count(len(task.arguments), 'argument')} in this order."
        raise FaultFoundError("signature", "", text) from None
    except ValueError:  # a function in C may have no signature
        pass


def _by_name(task: Task, returned: Any) -> dict[str, Any]:
    names = list(task.results)
    if returned is None:
        text = f"The function returned None: end it with `return {', '.join(names)}`."
        raise FaultFoundError("not written", "", text)
    if returned is ...:
        return dict.fromkeys(names)
    several = isinstance(returned, (tuple, list))
    values = list(returned) if several else [returned]
    if len(values) != len(names):
        got = len(values) if several else f"one object of type {type(returned).__name__}"
        text = f"Number of results: expected {_count(len(names), 'result')}, {', '.join(names)}, got {got}."
        raise FaultFoundError("number of results", "", text)
    for name, x in zip(names, values, strict=True):
        if x is not None and x is not ... and not _is_plain(x):
            got = f"{x.layout} on {x.device}" if isinstance(x, Tensor) else type(x).__name__
            text = f"Not a tensor: expected {name} as an ordinary torch.Tensor, got {got}."
            advice = "Write the formulas with the operations of torch, such as torch.exp, and return what they return."
            raise FaultFoundError("not a tensor", name, f"{text} {advice}")
    return {name: x.detach() if isinstance(x, Tensor) else x for name, x in zip(names, values, strict=True)}


def _is_plain(x: Any) -> bool:
    """Whether x is a tensor with all its numbers in the memory of the CPU, where the inputs are."""
    return isinstance(x, Tensor) and x.device.type == "cpu" and x.layout == torch.strided


def _equal(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and torch.equal(a.nan_to_num(), b.nan_to_num())


def _described(x: Any) -> str:
    return f"of shape {tuple(x.shape)}" if isinstance(x, Tensor) else f"= {x!r}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
