"""One subject, in float64, before all its oracles."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from torchnet.checking.complex_step import NotAnalyticError, complex_step
from torchnet.checking.diagnosis import diagnose
from torchnet.checking.differences import Line, central_difference, rounding_of, taylor_slope
from torchnet.checking.directional import Derivative, compare_along, locate
from torchnet.checking.hand import run_backward
from torchnet.checking.noise import Noise
from torchnet.checking.oracles import NoOracleError, autograd, numpy_reference
from torchnet.checking.report import Report
from torchnet.checking.scene import Diagnosis, Scene
from torchnet.checking.subject import Outputs, Subject, Tensors, copies
from torchnet.checking.verdict import Comparison, Verdict, compare_elements, measure, norm, random_directions

AUTOGRAD, COMPLEX_STEP, DIFFERENCES = "autograd", "complex step", "central differences"
REFERENCE, TAYLOR = "NumPy reference", "Taylor"
ORACLES = (AUTOGRAD, COMPLEX_STEP, DIFFERENCES, REFERENCE, TAYLOR)

_TOLERANCES = {AUTOGRAD: 1e-12, COMPLEX_STEP: 1e-12, DIFFERENCES: 1e-7, REFERENCE: 1e-12}
_STEEP = 1.5  # the slope of a Taylor remainder: nearer to 2, a right gradient's, than to 1, a wrong one's
_HIDDEN = 1e-6  # of an element: its error, however small the element is beside others, if rounding does not explain it


class Examination:
    """The gradients of one subject, compared with everything that knows better.

    Args:
        subject: in float64.
        grad_outputs: the upstream gradient, in float64.
        oracles: those to ask; if None, all but central differences, which then stand in for the complex step.
        seed: of the directions.
    """

    def __init__(self, subject: Subject, grad_outputs: Outputs, oracles: Sequence[str] | None, seed: int) -> None:
        self.subject, self.grad_outputs, self.seed = subject, grad_outputs, seed
        self.asked, self.by_default = (ORACLES, True) if oracles is None else (tuple(oracles), False)
        self.notes = list(subject.notes)
        self.noise = Noise(subject, grad_outputs)
        self.hidden: dict[str, Diagnosis] = {}

    def report(self) -> Report:
        """Ask all oracles about all tensors."""
        outputs = self.subject.forward(copies(self.subject.tensors))
        self.rounding = rounding_of(self.subject, self.grad_outputs)
        self.hand = run_backward(self.subject, self.grad_outputs, self.noise)
        self.scene = Scene(self.subject, outputs, self.grad_outputs, self.hand.changed)
        self.full = self._full_gradients()
        self.scene = replace(self.scene, truths=self.full.get(AUTOGRAD, {}))
        self.directional = self._directional_oracles()
        verdicts = [self._verdict(name) for name in self.subject.tensors]
        shape = tuple(self.subject.tensors[self.subject.first_input].shape)
        return Report(
            self.subject.name,
            verdicts,
            self.hand.findings,
            self.notes,
            place=f"at {self.subject.first_input} of shape {shape}",
            has_parts=self.subject.module is not None and any(True for _ in self.subject.module.children()),
        )

    def _full_gradients(self) -> dict[str, Tensors]:
        """Return what the oracles say that give all elements at once."""
        gradients = {}
        for name, oracle in ((AUTOGRAD, autograd), (REFERENCE, numpy_reference)):
            if name in self.asked:
                try:
                    gradients[name] = oracle(self.subject, self.grad_outputs)
                except (NoOracleError, RuntimeError) as error:
                    if name == AUTOGRAD or not self.by_default:  # that the reference knows few networks is no news
                        self.notes.append(f"{name} was not asked: {str(error).splitlines()[0]}")
        return gradients

    def _directional_oracles(self) -> dict[str, Callable[[str, Tensor], float]]:
        """Return the oracles that can be asked for derivatives along directions."""
        oracles: dict[str, Callable[[str, Tensor], float]] = {}
        if COMPLEX_STEP in self.asked:
            try:
                for name, tensor in self.subject.tensors.items():
                    complex_step(self.subject, self.grad_outputs, name, random_directions(tensor, 1, self.seed)[0])
                self._expect_complex_step_to_be_followed()
                oracles[COMPLEX_STEP] = self._complex_step
            except NotAnalyticError as error:
                self.notes.append(f"{COMPLEX_STEP} was not asked: {error}")
        if DIFFERENCES in self.asked and not (self.by_default and oracles):
            oracles[DIFFERENCES] = self._central_difference
        return oracles

    def _expect_complex_step_to_be_followed(self) -> None:
        """Where autograd cannot second it, hold the complex step against a difference, once for each tensor.

        A forward pass out of sight, as in NumPy, may lose a part of the imaginary part on the way, as a variance does.
        """
        if AUTOGRAD in self.full:
            return
        for name, tensor in self.subject.tensors.items():
            direction = random_directions(tensor, 1, self.seed)[0]
            line = self._line(name, direction)
            slope, difference = self._complex_step(name, direction), central_difference(line, _TOLERANCES[DIFFERENCES])
            blur = max(1e-6 * abs(slope), 1e-6 * abs(difference), 1e4 * self.rounding / line.scale)
            if not math.isnan(difference) and abs(slope - difference) > blur:
                raise NotAnalyticError("a part of the imaginary part is lost on the way, as differences show")

    def _complex_step(self, name: str, direction: Tensor) -> float:
        try:
            return complex_step(self.subject, self.grad_outputs, name, direction)
        except NotAnalyticError:
            return math.nan

    def _central_difference(self, name: str, direction: Tensor) -> float:
        return central_difference(self._line(name, direction), _TOLERANCES[DIFFERENCES])

    def _line(self, name: str, direction: Tensor) -> Line:
        return Line(self.subject, self.grad_outputs, name, direction, self.rounding)

    def _verdict(self, name: str) -> Verdict:
        tensor, gradient = self.subject.tensors[name], self.hand.gradients.get(name)
        fits = gradient is not None and gradient.shape == tensor.shape
        hand = gradient.to(tensor.dtype) if gradient is not None and fits else torch.zeros_like(tensor)
        comparisons = {
            oracle: self._compare(oracle, name, hand, gradients[name]) for oracle, gradients in self.full.items()
        } | {oracle: self._compare_along(oracle, name, hand) for oracle in self.directional}
        self._doubt_complex_step(name, hand, comparisons)
        slope = self._taylor_slope(name, hand) if TAYLOR in self.asked else None
        opinions = {oracle: comparison.passed for oracle, comparison in comparisons.items() if comparison.compared}
        if slope is not None:
            opinions[TAYLOR] = slope > _STEEP
        if not opinions:
            self.notes.append(f"{name}: no oracle could say anything")
        # No gradient at all is right where the true one is zero.
        passed = bool(opinions) and all(opinions.values()) and (fits or gradient is None)
        true = self._truth(name, hand, passed)
        diagnosis = None
        if not passed:
            diagnosis = self.hidden.get(name) or _disagreement(opinions) or diagnose(name, gradient, true, self.scene)
        allowed = max((comparison.allowed for comparison in comparisons.values()), default=0.0)
        return Verdict(
            name,
            tuple(tensor.shape),
            passed,
            comparisons,
            slope,
            right_in_float64=passed,
            written=gradient is not None,
            diagnosis=diagnosis,
            **(measure(hand, true, allowed) if fits else {}),
        )

    def _compare(self, oracle: str, name: str, hand: Tensor, true: Tensor) -> Comparison:
        tolerance = _TOLERANCES[oracle]
        comparison = compare_elements(oracle, hand, true, tolerance)
        if not comparison.passed:
            comparison = compare_elements(oracle, hand, true, tolerance, float(self.noise.of(name).max()))
        return comparison if not comparison.passed else self._with_hidden_errors(comparison, name, hand, true)

    def _with_hidden_errors(self, comparison: Comparison, name: str, hand: Tensor, true: Tensor) -> Comparison:
        """Look for elements that are wrong, but so small beside others of their tensor that these hide it."""
        differences = (hand - true).abs()
        # Below the smallest normal number the digits end: there, differences are of rounding.
        suspects = (differences > _HIDDEN * true.abs()) & (differences > torch.finfo(torch.float64).tiny)
        if suspects.any():
            suspects &= differences > self.noise.of(name)
        if not suspects.any():
            return comparison
        index = tuple(int(i) for i in (differences * suspects == (differences * suspects).max()).nonzero()[0])
        self.hidden[name] = Diagnosis(
            "small elements",
            f"{int(suspects.sum())} elements that are small beside the largest are wrong: the one at {index} is "
            f"{float(hand[index]):.6g}, should be {float(true[index]):.6g}",
        )
        return replace(comparison, error=float((differences / true.abs())[suspects].max()), allowed=_HIDDEN)

    def _doubt_complex_step(self, name: str, hand: Tensor, comparisons: dict[str, Comparison]) -> None:
        """Let differences decide between autograd and a complex step that contradicts it."""
        autograds, complexs = comparisons.get(AUTOGRAD), comparisons.get(COMPLEX_STEP)
        if autograds is None or complexs is None or not autograds.passed or complexs.passed:
            return
        noise = partial(self._noise_along, DIFFERENCES, name)
        derivative = partial(self._central_difference, name)
        opinion = compare_along(DIFFERENCES, hand, derivative, _TOLERANCES[DIFFERENCES], noise, self.seed)
        if opinion.passed and opinion.compared:
            del comparisons[COMPLEX_STEP]
            comparisons[DIFFERENCES] = opinion
            self.notes.append(f"{name}: the complex step was not believed: differences contradict it as autograd does")

    def _compare_along(self, oracle: str, name: str, gradient: Tensor) -> Comparison:
        noise = partial(self._noise_along, oracle, name)
        return compare_along(oracle, gradient, self._derivative(oracle, name), _TOLERANCES[oracle], noise, self.seed)

    def _noise_along(self, oracle: str, name: str) -> Tensor:
        """Return how far off rounding may put each element; a difference also sees that of the values it is made of."""
        noise = self.noise.of(name)
        return (
            noise if oracle != DIFFERENCES else noise + self.rounding / self._line(name, torch.ones_like(noise)).scale
        )

    def _derivative(self, oracle: str, name: str) -> Derivative:
        return partial(self.directional[oracle], name)

    def _taylor_slope(self, name: str, hand: Tensor) -> float | None:
        direction = random_directions(hand, 1, self.seed)[0]
        line, along = self._line(name, direction), float((hand * direction).sum())
        slope = taylor_slope(line, along)
        if slope is not None and slope < _STEEP:
            slope = taylor_slope(line, along, norm(self.noise.of(name)))
        return slope

    def _truth(self, name: str, hand: Tensor, passed: bool) -> Tensor:
        """Return the true gradient as far as it is known, NaN where it is not.

        Autograd gives all of it. But a forward pass may hide something from autograd, and then it is the other oracle
        that tells what the function's values do.
        """
        by_autograd = self.full[AUTOGRAD][name] if AUTOGRAD in self.full else None
        oracle = next(iter(self.directional), None)
        if by_autograd is not None:
            if passed or oracle is None or self._compare_along(oracle, name, by_autograd).passed:
                return by_autograd
            self.hand.findings.append(
                Diagnosis(
                    "oracles disagree",
                    f"autograd and {oracle} differ about {name}: the forward pass hides a part from autograd (detach, "
                    "no_grad, .data, or a function with a backward of its own). If that is meant, ask for autograd "
                    f"alone, oracles=['{AUTOGRAD}']",
                )
            )
        elif REFERENCE in self.full:
            return self.full[REFERENCE][name]
        if oracle is None or passed:
            return torch.full_like(hand, torch.nan)
        return locate(hand, self._derivative(oracle, name), self.seed)


def _disagreement(opinions: dict[str, bool]) -> Diagnosis | None:
    """Return a diagnosis if some oracle speaks for the gradient; the Taylor test alone misses small mistakes."""
    speaks_for = [oracle for oracle, agrees in opinions.items() if agrees]
    against = [oracle for oracle, agrees in opinions.items() if not agrees]
    if not set(speaks_for) - {TAYLOR} or not against:
        return None
    return Diagnosis(
        "oracles disagree", f"it agrees with {' and '.join(speaks_for)}, but not with {' and '.join(against)}"
    )
