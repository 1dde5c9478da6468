"""Compare all gradients of one subject in float64 with every oracle."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from torchnet.checking.compare import (
    Comparison,
    compare_along,
    compare_elements,
    hidden_errors,
    locate,
    measure,
    norm,
    random_directions,
)
from torchnet.checking.diagnosis.context import Context
from torchnet.checking.diagnosis.diagnose import diagnose
from torchnet.checking.oracles.differences import taylor_slope
from torchnet.checking.oracles.kinks import right_at_kinks
from torchnet.checking.oracles.oracles import (
    AUTOGRAD,
    COMPLEX_STEP,
    DIFFERENCES,
    LARGE,
    REFERENCE,
    TAYLOR,
    TOLERANCES,
    Oracles,
)
from torchnet.checking.protocol.passes import Pass
from torchnet.checking.reports.error_map import error_map
from torchnet.checking.reports.report import Diagnosis, Verdict

_MIN_SLOPE = 1.5  # the smallest Taylor slope that passes, between 2 for a right gradient and 1 for a wrong one
_LARGE = 1_000_000  # elements
_OF_DIFFERENCES = 100  # how far small steps amplify rounding
_VACUOUS = 1e-3  # an error that only rounding explains says nothing


class Examination:
    """The comparison of one subject's gradients with the oracles; subject and upstream gradient are in float64.

    Args:
        oracles: the oracles for the subject.
        run: the first backward pass, with the gradients that it wrote.
        tolerance: returns an additional tolerance for errors, relative to the size that it is given.
        num_directions: the number of random directions that are compared of a large tensor.
    """

    def __init__(
        self,
        oracles: Oracles,
        run: Pass,
        tolerance: Callable[[float], float] | None = None,
        num_directions: int = 8,
    ) -> None:
        self.oracles, self.run, self.tolerance = oracles, run, tolerance
        self.subject, self.seed = oracles.subject, oracles.seed
        self.num_directions = num_directions if self.subject.numel < LARGE else 2
        self.notes, self.findings = list(oracles.notes), []  # type: tuple[list[str], list[Diagnosis]]
        self.hidden: dict[str, Diagnosis] = {}
        truths = oracles.full.get(AUTOGRAD, {})
        self.context = Context(self.subject, self.subject.outputs(), oracles.grad_outputs, run.changed, truths)

    def verdicts(self) -> list[Verdict]:
        """Compare the gradients of all tensors with all oracles."""
        return [self._verdict(name) for name in self.subject.tensors]

    def _verdict(self, name: str) -> Verdict:
        self.oracles.say(f"comparing {name}")
        tensor, gradient = self.subject.tensors[name], self.run.written.get(name)
        fits = gradient is not None and gradient.shape == tensor.shape
        hand = gradient.to(tensor.dtype) if gradient is not None and fits else torch.zeros_like(tensor)
        comparisons = {
            oracle: self._compare(oracle, name, hand, gradients[name])
            for oracle, gradients in self.oracles.full.items()
        } | {oracle: self._compare_along(oracle, name, hand) for oracle in self.oracles.directional}
        comparisons, kinks = self._at_kinks(name, hand, comparisons)
        self._along_symmetric_directions(name, hand, comparisons)
        self._doubt_complex_step(name, hand, comparisons)
        self._doubt_autograd(name, comparisons)
        slope = self._taylor_slope(name, hand) if self.oracles.has_taylor and tensor.numel() else None
        outcomes = {oracle: comparison.passed for oracle, comparison in comparisons.items() if comparison.compared}
        if slope is not None and not outcomes.keys() & {AUTOGRAD, COMPLEX_STEP, REFERENCE}:  # these know better
            outcomes[TAYLOR] = slope > _MIN_SLOPE
        if not outcomes and tensor.numel():
            self.notes.append(f"{name}: no oracle could evaluate its gradient")
        done = [comparison for comparison in comparisons.values() if comparison.compared]
        if done and all(comparison.passed and comparison.error > _VACUOUS for comparison in done):
            moved = max(comparison.allowed for comparison in done)
            self.notes.append(f"{name}: no oracle can tell: rounding alone moves its gradient by {moved:.0%} here")
        # Writing no gradient is right where the true gradient is zero.
        passed = (bool(outcomes) or not tensor.numel()) and all(outcomes.values()) and (fits or gradient is None)
        true = self._truth(name, hand, passed)
        diagnosis = None
        if not passed:
            diagnosis = self.hidden.get(name) or _disagreement(outcomes) or diagnose(name, gradient, true, self.context)
        allowed = max((comparison.allowed for comparison in comparisons.values()), default=0.0)
        has_map = fits and not passed and tensor.numel() > 0
        return Verdict(
            name,
            tuple(tensor.shape),
            passed,
            comparisons,
            slope,
            right_in_float64=passed,
            written=gradient is not None,
            kinks=kinks,
            diagnosis=diagnosis,
            error_map=error_map(hand, true, allowed) if has_map else None,
            **(measure(hand, true, allowed) if fits and tensor.numel() else {}),
        )

    def _at_kinks(
        self, name: str, hand: Tensor, comparisons: dict[str, Comparison]
    ) -> tuple[dict[str, Comparison], int]:
        """Compare again with autograd's values at kinks, if those of the gradient are right, too."""
        by_autograd = comparisons.get(AUTOGRAD)
        if by_autograd is None or by_autograd.passed or not hand.numel() or hand.numel() > LARGE:
            return comparisons, 0
        true = self.oracles.full[AUTOGRAD][name]
        where = right_at_kinks(self.oracles, name, hand, true)
        if where is None:
            return comparisons, 0
        count, moved = int(where.sum()), true.where(where, hand)
        self.notes.append(f"{name}: a kink at {count} elements, where any value between the two slopes is right")
        again = {oracle: self._compare(oracle, name, moved, full[name]) for oracle, full in self.oracles.full.items()}
        return again | {oracle: self._compare_along(oracle, name, moved) for oracle in self.oracles.directional}, count

    def _along_symmetric_directions(self, name: str, hand: Tensor, comparisons: dict[str, Comparison]) -> None:
        """Compare a symmetric matrix along symmetric directions: a function may read one half of it only."""
        x = self.subject.tensors[name]
        is_symmetric = x.dim() >= 2 and x.shape[-1] == x.shape[-2] and torch.equal(x, x.mT)
        if not is_symmetric or AUTOGRAD not in comparisons or not comparisons[AUTOGRAD].passed:
            return
        for oracle in self.oracles.directional:
            if not comparisons[oracle].passed:
                comparison = self._compare_along(oracle, name, hand, symmetric=True)
                if comparison.passed and comparison.compared:
                    comparisons[oracle] = comparison
                    self.notes.append(f"{name} is symmetric: {oracle} was taken along symmetric directions")

    def _compare(self, oracle: str, name: str, hand: Tensor, true: Tensor) -> Comparison:
        if not hand.numel():
            return Comparison(oracle, 0.0, TOLERANCES[oracle], 0)
        comparison = compare_elements(oracle, hand, true, TOLERANCES[oracle], lambda: self.run.noise()[name])
        comparison = self._with_given_tolerance(comparison, float(true.abs().nan_to_num().max()))
        return comparison if not comparison.passed else self._with_hidden_errors(comparison, name, hand, true)

    def _with_hidden_errors(self, comparison: Comparison, name: str, hand: Tensor, true: Tensor) -> Comparison:
        """Look for wrong elements that are so small relative to the largest element that the comparison misses them."""
        found = None if self.tolerance is not None else hidden_errors(hand, true, lambda: self.run.noise()[name])
        if found is None:
            return comparison
        self.hidden[name] = Diagnosis("small elements", found.text)
        return replace(comparison, error=found.error, allowed=found.allowed)

    def _with_given_tolerance(self, comparison: Comparison, size: float) -> Comparison:
        if self.tolerance is None:
            return comparison
        return replace(comparison, allowed=max(comparison.allowed, self.tolerance(size)))

    def _doubt_autograd(self, name: str, comparisons: dict[str, Comparison]) -> None:
        """Discard autograd if values contradict it: the forward of an autograd Function may leave its sight."""
        found = [c for oracle, c in comparisons.items() if oracle in self.oracles.directional and c.compared]
        others = [comparison for comparison in found if comparison.allowed < _VACUOUS]
        if self.subject.function is None or AUTOGRAD not in comparisons or comparisons[AUTOGRAD].passed or not others:
            return
        if all(comparison.passed for comparison in others):
            del comparisons[AUTOGRAD]

    def _doubt_complex_step(self, name: str, hand: Tensor, comparisons: dict[str, Comparison]) -> None:
        """If autograd agrees with the gradient and the complex step does not, let central differences decide."""
        by_autograd, by_complex_step = comparisons.get(AUTOGRAD), comparisons.get(COMPLEX_STEP)
        if by_autograd is None or by_complex_step is None or not by_autograd.passed or by_complex_step.passed:
            return
        by_differences = self._compare_along(DIFFERENCES, name, hand)
        if by_differences.passed and by_differences.compared:
            del comparisons[COMPLEX_STEP]
            comparisons[DIFFERENCES] = by_differences
            self.notes.append(f"{name}: the complex step was discarded: central differences and autograd contradict it")

    def _compare_along(self, oracle: str, name: str, hand: Tensor, symmetric: bool = False) -> Comparison:
        def noise() -> Tensor:
            moved = self.run.noise()[name]
            own = self.oracles.rounding / self.oracles.line({name: torch.ones_like(moved)}).scale
            return moved + (_OF_DIFFERENCES if oracle == DIFFERENCES else 1) * own

        if not hand.numel():
            return Comparison(oracle, 0.0, TOLERANCES[oracle], 0)
        derivative = partial(self._derivative, oracle, name)
        comparison = compare_along(
            oracle, hand, derivative, TOLERANCES[oracle], noise, self.seed, self.num_directions, symmetric
        )
        return self._with_given_tolerance(comparison, float(hand.abs().max()))

    def _derivative(self, oracle: str, name: str, direction: Tensor) -> float:
        return self.oracles.derivative(oracle, {name: direction})

    def _taylor_slope(self, name: str, hand: Tensor) -> float | None:
        direction = random_directions(hand, 1, self.seed)[0]
        line, along = self.oracles.line({name: direction}), float((hand * direction).sum())
        slope = taylor_slope(line, along)
        if slope is not None and slope < _MIN_SLOPE:
            slope = taylor_slope(line, along, norm(self.run.noise()[name]))
        return slope

    def _truth(self, name: str, hand: Tensor, passed: bool) -> Tensor:
        """Return the true gradient, NaN where it is not known.

        Autograd gives all of it, unless the forward pass hides something from autograd: then a directional oracle,
        which sees only the values of the function, disagrees with it.
        """
        by_autograd = self.oracles.full[AUTOGRAD][name] if AUTOGRAD in self.oracles.full else None
        oracle = next(iter(self.oracles.directional), None)
        if by_autograd is not None:
            if passed or oracle is None or self._compare_along(oracle, name, by_autograd).passed:
                return by_autograd
            # The complex step may see another function, if random numbers or branches depend on the dtype.
            by_differences = self._compare_along(DIFFERENCES, name, by_autograd) if oracle == COMPLEX_STEP else None
            if by_differences is not None and by_differences.passed and by_differences.compared:
                return by_autograd
            if self.subject.function is None:
                self.findings.append(
                    Diagnosis(
                        "oracles disagree",
                        f"autograd and {oracle} differ for {name}: the forward pass hides a part from autograd (detach "
                        "or no_grad, .data, a function with its own backward). If that is intended, use autograd only: "
                        f"oracles=['{AUTOGRAD}']",
                    )
                )
        elif REFERENCE in self.oracles.full:
            return self.oracles.full[REFERENCE][name]
        if oracle is None or passed:
            return torch.full_like(hand, torch.nan)
        self.oracles.say(f"locating the mistake in {name}")
        return locate(hand, partial(self._derivative, oracle, name), self.seed)


def _disagreement(outcomes: dict[str, bool]) -> Diagnosis | None:
    """Return a diagnosis if some oracle agrees with the gradient. The Taylor test alone misses small errors."""
    agree = [oracle for oracle, agrees in outcomes.items() if agrees]
    disagree = [oracle for oracle, agrees in outcomes.items() if not agrees]
    if not set(agree) - {TAYLOR} or not disagree:
        return None
    return Diagnosis("oracles disagree", f"it agrees with {' and '.join(agree)}, but not with {' and '.join(disagree)}")
