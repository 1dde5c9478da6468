"""Truth: what the right results of an exercise are, and what kind of mistake a wrong one looks like."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from torchnet.checking.compare import random_directions
from torchnet.checking.diagnosis.context import Context
from torchnet.checking.diagnosis.diagnose import diagnose
from torchnet.checking.diagnosis.structure import nearly_right
from torchnet.checking.oracles.autograd import autograd
from torchnet.checking.oracles.oracles import AUTOGRAD
from torchnet.checking.proof import check
from torchnet.checking.reports.report import Diagnosis, Report
from torchnet.checking.subjects.forms import as_subject
from torchnet.checking.subjects.subject import Subject, as_tuple
from torchnet.exercises.paths import wrong_factors, wrong_paths

Case = Mapping[str, Any]
Function = Callable[..., Any]
Found = tuple[str, Diagnosis]  # the name of a result, "" for the function as a whole, and its mistake
_UPSTREAM_SEED = 7
_LIMITED = "is it made for the given inputs only?"  # the end of a note of torchnet.check


class Truth(Protocol):
    """The right results of an exercise."""

    def prepared(self, case: Case, arguments: Iterable[str]) -> Case:
        """Return inputs with everything that the function is called with."""
        ...

    def results(self, case: Case) -> dict[str, Tensor]:
        """Return the right results, by name."""
        ...

    def diagnose(
        self, function: Function, arguments: Sequence[str], case: Case, name: str, written: Tensor
    ) -> Diagnosis:
        """Return the mistake in the named result of a function at these inputs, where it was written."""
        ...

    def proof(self, function: Function, arguments: Sequence[str], case: Case) -> Found | None:
        """Check a function that is right at all cases in every other way; None if it passes, too."""
        ...


class Values:
    """Results that a function of PyTorch or torchnet computes, too.

    Args:
        reference: takes the arguments by name and returns the results in order.
        names: the names of the results.
        is_loss: whether the results are a loss and its gradient, which torchnet.check can check.
    """

    def __init__(self, reference: Callable[..., Any], *names: str, is_loss: bool = False) -> None:
        self.reference, self.names, self.is_loss = reference, names, is_loss

    def prepared(self, case: Case, arguments: Iterable[str]) -> Case:
        """Return the inputs; they are complete."""
        return case

    def results(self, case: Case) -> dict[str, Tensor]:
        """Return the right results, by name."""
        dtype = next(x.dtype for x in case.values() if _is_float(x))
        values = {name: x.clone() if isinstance(x, Tensor) else x for name, x in _in_float64(case).items()}
        results = as_tuple(self.reference(**values))
        return {name: x.to(dtype) for name, x in zip(self.names, results, strict=True)}

    def diagnose(
        self, function: Function, arguments: Sequence[str], case: Case, name: str, written: Tensor
    ) -> Diagnosis:
        """Compare the result with common mistakes."""
        tensors = {key: x for key, x in case.items() if isinstance(x, Tensor) and x.is_floating_point()}
        true = self.results(case)[name]
        subject = Subject(
            "function",
            tensors,
            next(iter(tensors)),
            lambda tensors: (true,),
            lambda tensors, grad_outputs: {},
            numbers={key: x for key, x in case.items() if isinstance(x, float)},
        )
        context = Context(subject, (true,), (torch.ones_like(true),), {}, {})
        found = diagnose(f"({name})", written, true, context)
        if found.kind in ("unknown", "term"):
            found = wrong_factors(written, true, tensors) or found
        if found.kind == "unknown" and written.shape == true.shape and true.numel() > 1:
            found = next(nearly_right(written, true), found)
        return found

    def proof(self, function: Function, arguments: Sequence[str], case: Case) -> Found | None:
        """Check the gradient of a loss at other inputs and in other ways."""
        if not self.is_loss:
            return None
        report = check(function, *(case[argument] for argument in arguments))
        return _first_found(report, dict.fromkeys(arguments, self.names[-1]))


class Gradients:
    """The gradients of a forward pass, which is differentiated by the oracles of torchnet.check.

    Args:
        forward: the forward pass, a function of tensors.
        paths: words for the paths on which the first argument reaches the output; the forward takes each as `only`, and
            then treats the others as constants.
        axis: the axis over which the forward takes sums, if it has paths.
        gradients: for each result, the argument of the forward whose gradient it is.
    """

    def __init__(
        self,
        forward: Callable[..., Tensor],
        paths: Sequence[str] = (),
        axis: int | None = None,
        **gradients: str,
    ) -> None:
        self.forward, self.gradients, self.paths, self.axis = forward, gradients, paths, axis
        code = forward.__code__
        self.inputs = code.co_varnames[: code.co_argcount]

    def prepared(self, case: Case, arguments: Iterable[str]) -> Case:
        """Return the inputs with a random upstream gradient."""
        output = self.forward(*(case[name] for name in self.inputs))
        return {"grad_output": random_directions(output, 1, _UPSTREAM_SEED)[0].to(output.dtype), **case}

    def results(self, case: Case) -> dict[str, Tensor]:
        """Return the right gradients, by name."""
        dtype = case["grad_output"].dtype
        return {name: x.to(dtype) for name, x in self._exact(case, self.forward).items()}

    def _exact(self, case: Case, forward: Callable[..., Tensor]) -> dict[str, Tensor]:
        large = _in_float64(case)
        subject = as_subject((forward, lambda *values: None), self._inputs(large), None, {})
        by_input = autograd(subject, (large["grad_output"],))
        return {name: by_input[of] for name, of in self.gradients.items()}

    def diagnose(
        self, function: Function, arguments: Sequence[str], case: Case, name: str, written: Tensor
    ) -> Diagnosis:
        """Look for a wrong path, then let torchnet.check name the mistake."""
        if self.paths and self.gradients[name] == self.inputs[0]:
            parts = {path: self._exact(case, partial(self.forward, only=path))[name] for path in self.paths}
            if (found_path := wrong_paths(written.double(), parts, self.axis)) is not None:
                return found_path
        report = self._report(function, arguments, case, other_inputs=False)
        of = self.gradients[name]
        found = (verdict.diagnosis for verdict in report.tensors if verdict.name == of)
        return next(found, None) or Diagnosis("unknown", "it matches no known kind of mistake")

    def proof(self, function: Function, arguments: Sequence[str], case: Case) -> Found | None:
        """Let torchnet.check try other inputs, memory layouts and passes."""
        report = self._report(function, arguments, case)
        return _first_found(report, {of: name for name, of in self.gradients.items()})

    def _report(self, function: Function, arguments: Sequence[str], case: Case, **options: Any) -> Report:
        def backward(grad_output: Tensor, *inputs: Any) -> list[Tensor | None]:
            values = {"grad_output": grad_output, **dict(zip(self.inputs, inputs, strict=True))}
            written = as_tuple(function(*(values[argument] for argument in arguments)))
            by_input = dict(zip(self.gradients.values(), written, strict=True))
            return [by_input.get(name) for name in self.inputs]

        return check((self.forward, backward), *self._inputs(_in_float64(case)), oracles=[AUTOGRAD], **options)

    def _inputs(self, case: Case) -> list[Any]:
        return [case[name] for name in self.inputs]


def _first_found(report: Report, names: Mapping[str, str]) -> Found | None:
    """Return the first mistake of a report, with the name of the result."""
    if not report.passed:
        where, what = report.diagnoses[0]
        return names.get(where, ""), what
    limited = [note for note in report.notes if note.endswith(_LIMITED)]
    return ("", Diagnosis("other inputs", limited[0])) if limited else None


def _in_float64(case: Case) -> dict[str, Any]:
    return {name: x.double() if _is_float(x) else x for name, x in case.items()}


def _is_float(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()
