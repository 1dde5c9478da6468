"""All oracles for one subject: which of them apply, and the gradients and derivatives that they give."""

import math
from collections.abc import Callable, Sequence
from functools import cached_property

from torch import Tensor

from torchnet.checking.compare import random_directions
from torchnet.checking.oracles.autograd import NoOracleError, autograd
from torchnet.checking.oracles.complex_step import complex_step
from torchnet.checking.oracles.differences import Line, OutOfDomainError, central_difference, is_at_kink
from torchnet.checking.rounding import rounding_of
from torchnet.checking.subjects.subject import Gradients, Outputs, Subject, Tensors

AUTOGRAD, COMPLEX_STEP, DIFFERENCES = "autograd", "complex step", "central differences"
REFERENCE, TAYLOR = "NumPy reference", "Taylor"
ORACLES = (AUTOGRAD, COMPLEX_STEP, DIFFERENCES, REFERENCE, TAYLOR)
TOLERANCES = {AUTOGRAD: 1e-12, COMPLEX_STEP: 1e-12, DIFFERENCES: 1e-7, REFERENCE: 1e-12}
LARGE = 1_000_000  # elements, from which on the Taylor test is left out


class Oracles:
    """The oracles for one subject; subject and upstream gradient are in float64.

    Args:
        subject: the subject.
        grad_outputs: the upstream gradients.
        names: the names of the oracles; if None, all but central differences, which then only replace the complex step,
            and, for more than 10^6 elements, the Taylor test.
        seed: the seed of the random directions.
        say: is told what is being done.

    Attributes:
        full: the gradients by the oracles that compute all elements at once.
        directional: the names of the oracles that compute derivatives along directions.
        has_taylor: whether the Taylor test is run.
        notes: why oracles were not run.
    """

    def __init__(
        self,
        subject: Subject,
        grad_outputs: Outputs,
        names: Sequence[str] | None,
        seed: int,
        say: Callable[[str], None],
    ) -> None:
        self.subject, self.grad_outputs, self.seed, self.say = subject, grad_outputs, seed, say
        self.requested, self.by_default = (ORACLES, True) if names is None else (tuple(names), False)
        self.has_taylor = TAYLOR in self.requested and not (self.by_default and subject.numel > LARGE)
        self.notes: list[str] = []
        self.full = self._full_gradients()
        self.directional = self._directional_oracles()

    @cached_property
    def rounding(self) -> float:
        """How far rounding alone can move a change of the outputs."""
        return rounding_of(self.subject, self.grad_outputs)

    def _full_gradients(self) -> dict[str, Tensors]:
        """Return the gradients by the oracles that compute all elements at once."""
        gradients = {}
        for name, oracle in ((AUTOGRAD, autograd), (REFERENCE, _numpy_reference)):
            if name in self.requested:
                self.say(name)
                try:
                    gradients[name] = oracle(self.subject, self.grad_outputs)
                except (NoOracleError, RuntimeError) as error:
                    # The reference applies to few networks, and autograd never to its own backward: no note.
                    if (name == AUTOGRAD and self.subject.traceable) or not self.by_default:
                        self.notes.append(f"{name} was not run: {str(error).splitlines()[0]}")
        return gradients

    def _directional_oracles(self) -> list[str]:
        """Return the names of the oracles that compute derivatives along directions."""
        oracles = []
        if COMPLEX_STEP in self.requested:
            try:
                for name, tensor in self.subject.tensors.items():
                    self.say(f"{COMPLEX_STEP}, {name}")
                    if not tensor.numel():
                        continue
                    direction = random_directions(tensor, 1, self.seed)[0]
                    slope = complex_step(self.subject, self.grad_outputs, {name: direction})
                    if AUTOGRAD not in self.full:
                        self._verify_complex_step(name, direction, slope)
                oracles.append(COMPLEX_STEP)
            except NoOracleError as error:
                self.notes.append(f"{COMPLEX_STEP} was not run: {error}")
        if DIFFERENCES in self.requested and not (self.by_default and oracles):
            oracles.append(DIFFERENCES)
        return oracles

    def _verify_complex_step(self, name: str, direction: Tensor, slope: float) -> None:
        """Compare the complex step with a central difference.

        A forward pass outside of torch, as in NumPy, may lose a part of the imaginary part, as a variance does.
        """
        line = self.line({name: direction})
        difference = central_difference(line, TOLERANCES[DIFFERENCES])
        tolerance = max(1e-6 * abs(slope), 1e-6 * abs(difference), 1e4 * self.rounding / line.scale)
        if math.isnan(difference) and is_at_kink(line):
            raise NoOracleError("central differences find a kink, where it depends on the sign of the imaginary part")
        if not math.isnan(difference) and abs(slope - difference) > tolerance:
            raise NoOracleError("central differences show that the forward pass loses a part of the imaginary part")

    def derivative(self, oracle: str, directions: Tensors) -> float:
        """Return the derivative along a direction of some tensors, NaN if there is none."""
        try:
            if oracle == DIFFERENCES:
                return central_difference(self.line(directions), TOLERANCES[DIFFERENCES])
            return complex_step(self.subject, self.grad_outputs, directions)
        except (NoOracleError, OutOfDomainError):
            return math.nan

    def line(self, directions: Tensors) -> Line:
        """Return the outputs along a direction of some tensors."""
        return Line(self.subject, self.grad_outputs, directions, self.rounding)

    def agrees(self, written: Gradients) -> bool:
        """Whether gradients agree with one oracle along a random direction of all tensors at once."""
        tensors = self.subject.tensors
        directions = {name: random_directions(x, 1, self.seed + i)[0] for i, (name, x) in enumerate(tensors.items())}
        products = [float((g * directions[n]).sum()) for n, g in written.items() if g is not None]
        oracle = self.directional[0]
        true = self.derivative(oracle, directions)
        size = max(abs(true), math.hypot(*products) if products else 0.0)
        return math.isnan(true) or abs(sum(products) - true) <= TOLERANCES[oracle] * size


def _numpy_reference(subject: Subject, grad_outputs: Outputs) -> Tensors:
    if subject.module is None:
        raise NoOracleError("the NumPy reference supports networks only")
    from torchnet.checking.oracles.reference_network import numpy_reference  # imports all layers

    return numpy_reference(subject, grad_outputs)
