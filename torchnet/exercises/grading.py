"""Compare the results of a solution with the right ones, and find the kind of mistake in a wrong one."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from torchnet.checking.reports.report import Diagnosis
from torchnet.checking.subjects.subject import sentence
from torchnet.exercises.hints import explained, look_at, named
from torchnet.exercises.running import Fault, FaultFoundError, guarded, run
from torchnet.exercises.task import Mistake, Task
from torchnet.exercises.truth import Case

_TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-4}  # relative to the largest element
_SAME = 1e-6  # the same, of a wrong result and that of a known mistake
_EXPLAINS = 1e-2  # the largest rest of an explained error, relative to the error


def find_fault(task: Task, function: Any) -> Fault | None:
    """Return what is wrong with a solution, None if it is right. It never raises for what a solution does."""
    if not callable(function):
        text = f"Not a function: expected the function {task.name}, got an object of type {type(function).__name__}."
        return Fault("not a function", "", (text,))
    function = guarded(function)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of a solution say less than a hint
            for where, case in task.cases().items():
                _Trial(task, function, where, case).grade()
            _prove(task, function)
    except FaultFoundError as found:
        return found.fault
    return None


@dataclass(frozen=True)
class _Trial:
    """A solution at some inputs; `where` describes these, "" for the first ones."""

    task: Task
    function: Callable[..., Any]
    where: str
    case: Case

    def grade(self) -> None:
        """Compare the results with the right ones.

        Raises:
            FaultFoundError: if one is wrong, or not written.
        """
        results = run(self.task, self.function, self.case)
        unwritten = [name for name, x in results.items() if x is None or x is ...]
        if len(unwritten) == len(results):
            raise FaultFoundError("not written", "")
        true = self.task.truth.results(self.case)
        for name in self.task.where:
            if name not in unwritten:
                self._compare(name, results[name], true[name])
        if unwritten:
            text = f"Still to write: {', '.join(unwritten)}. The rest is right so far."
            raise FaultFoundError("not written", unwritten[0], text)

    def _compare(self, name: str, written: Tensor, true: Tensor) -> None:
        if written.shape == true.shape and written.dtype != true.dtype:
            text = f"Dtype: {name} has {_dtype(written)}, expected {_dtype(true)}, the dtype of the inputs."
            advice = (
                "The function is called with inputs of float64 and of float32: create new tensors with "
                "torch.zeros_like(x), or with dtype=x.dtype, where x is an argument."
            )
            raise FaultFoundError("dtype", name, f"{text} {advice}")
        if _close(written, true, _TOLERANCE[true.dtype]):
            return
        at = f"{self.where[0].upper()}{self.where[1:]}: " if self.where else ""
        first = f"{at}{_difference(name, written, true, self._inputs_of(true))}."
        look, more = self.task.where[name], f"Read on in {self.task.derivation}."
        for mistake in self.task.mistakes:
            if mistake.result == name and _is_result_of(mistake, self.case, written, true):
                hint = named(mistake.kind, name, mistake.hint)
                raise FaultFoundError(mistake.kind, name, first, hint, f"{mistake.where or look} {more}")
        kind, text = explained(self._diagnosis(name, written))
        raise FaultFoundError(kind, name, first, named(kind, name, text), f"{look_at(kind, text) or look} {more}")

    def _inputs_of(self, true: Tensor) -> dict[str, Tensor]:
        """Return the arguments that decide each element of a result at its place alone."""
        tensors = {name: x for name, x in self.case.items() if name in self.task.arguments and isinstance(x, Tensor)}
        alike = {name: x for name, x in tensors.items() if x.shape == true.shape}
        return alike if self.task.elementwise else {}

    def _diagnosis(self, name: str, written: Tensor) -> Diagnosis:
        if not written.isfinite().all():
            return Diagnosis("not finite", "")
        if written.dtype == torch.float32:
            return Diagnosis("rounding", "it is right in float64, inaccurate in float32: nearly equal numbers cancel")
        again = run(self.task, self.function, self.case)[name]
        if not isinstance(again, Tensor) or not torch.equal(again, written):
            return Diagnosis("not repeatable", "")
        try:
            return self.task.truth.diagnose(self.function, list(self.task.arguments), self.case, name, written)
        except Exception:  # it calls the function again, which may do anything; the result is wrong in any case
            return Diagnosis("unknown", "")


def _is_result_of(mistake: Mistake, case: Case, written: Tensor, true: Tensor) -> bool:
    """Whether a wrong formula gives what was written, up to rounding, which is far less than what is wrong."""
    try:
        found = mistake.formula(SimpleNamespace(**case))
    except RuntimeError:  # it does not apply to these shapes
        return False
    if not written.isfinite().all() or not _close(written, found, _SAME):
        return False
    return written.shape != true.shape or float((written - found).norm()) <= _EXPLAINS * float((written - true).norm())


def _prove(task: Task, function: Callable[..., Any]) -> None:
    """Raise what torchnet.check finds at other inputs, strides and passes."""
    try:
        found = task.truth.proof(function, list(task.arguments), task.cases()[""])
    except Exception as error:  # it was right at all cases, and does something else now
        found = "", Diagnosis("other inputs", f"when it is called again, it is no such function: {sentence(error)}")
    if found is not None:
        name, diagnosis = found
        text = "It is right at some inputs and wrong at others, of other sizes, values or strides."
        look = task.where.get(name, "Look for numbers that are written down instead of taken from the inputs.")
        kind, hint = explained(diagnosis)
        raise FaultFoundError(kind, name, text, named(kind, name, hint), f"{look} Read on in {task.derivation}.")


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    """Whether tensors are equal, up to a tolerance relative to the largest element of the second."""
    limit = tolerance * float(b.abs().max().nan_to_num()) if b.numel() else 0.0
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=0.0, atol=limit)


def _difference(name: str, written: Tensor, true: Tensor, inputs: Mapping[str, Tensor]) -> str:
    """Say how a result is wrong, and show its worst element and the elements of inputs at the same place."""
    if written.shape != true.shape:
        return f"{name} has shape {tuple(written.shape)}, expected {tuple(true.shape)}"
    if true.dim() == 0:
        a, b = _distinct(float(written), float(true))
        return f"{name} is {a} and should be {b}"
    difference = (written - true).abs().nan_to_num(torch.inf, torch.inf)
    wrong = int((difference > _TOLERANCE[true.dtype] * true.abs().max()).sum())
    index = tuple(int(i) for i in torch.unravel_index(difference.argmax(), true.shape))
    a, b = _distinct(float(written[index]), float(true[index]))
    at = " and ".join(f"{key} is {x[index].item():.6g}" for key, x in inputs.items())
    place = f"at {list(index)}, where {at}," if at else f"at {list(index)}"
    return f"{name} is wrong at {wrong} of {true.numel()} elements: {place} it is {a} and should be {b}"


def _distinct(a: float, b: float) -> tuple[str, str]:
    """Return two numbers with as many digits as tell them apart."""
    digits = next(digits for digits in (6, 9, 12, 17) if f"{a:.{digits}g}" != f"{b:.{digits}g}" or digits == 17)
    return f"{a:.{digits}g}", f"{b:.{digits}g}"


def _dtype(x: Tensor) -> str:
    return str(x.dtype).removeprefix("torch.")
