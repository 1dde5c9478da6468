"""The oracles for the true gradient: autograd, the NumPy reference, central differences and the Taylor test.

The complex step has a file of its own. Only this package calls autograd, and only as an oracle.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from torchnet import reference
from torchnet.checking.subject import Outputs, Subject, Tensors, copies
from torchnet.layers import ACTIVATIONS, Linear
from torchnet.losses import LOSSES

_CLOSE_TO_ONE = 0.999
_ROWS = 10  # of Ridders' table
_FIRST_STEP = 0.05  # relative to Line.scale
_KINK = 0.75  # halving the step t scales asymmetry / t by 1/2 if the function is smooth, by 1 if it has a kink


class NoOracleError(Exception):
    """The oracle does not apply to this subject; the message says why."""


def autograd(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return the gradient of Σ outputs · grad_outputs with respect to every tensor, by torch's autograd."""
    with torch.enable_grad():
        leaves = {name: tensor.clone().requires_grad_() for name, tensor in subject.tensors.items()}
        outputs = subject.forward(copies(leaves))  # copies, as it may work in place
        pairs = [(o, g) for o, g in zip(outputs, grad_outputs, strict=True) if o.requires_grad]
        if not pairs:
            raise NoOracleError("the forward pass is not made of operations that autograd can follow")
        kept, grads = zip(*pairs, strict=True)
        gradients = torch.autograd.grad(kept, list(leaves.values()), grads, allow_unused=True)
    if not all(gradient is None or gradient.isfinite().all() for gradient in gradients):
        raise NoOracleError("its gradient of this forward pass has Inf or NaN here")
    return {
        name: torch.zeros_like(leaf) if gradient is None else gradient.detach()
        for (name, leaf), gradient in zip(leaves.items(), gradients, strict=True)
    }


def numpy_reference(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return the gradients by `torchnet.reference`, for a network of linear layers with one kind of activation."""
    activation = _activation_of(subject)
    called = getattr(subject.loss, "func", subject.loss)  # unwrap functools.partial, which may set the divisor
    options = getattr(subject.loss, "keywords", {})
    loss = next((name for name, function in LOSSES.items() if function is called), None)
    if activation is None or loss is None or options.keys() - {"divisor"}:
        raise NoOracleError(
            "the NumPy reference supports linear layers with one kind of activation, and losses without options"
        )
    *weights, images = (tensor.cpu().numpy() for tensor in subject.tensors.values())
    params = [(weight, bias[:, None]) for weight, bias in zip(weights[::2], weights[1::2], strict=True)]
    X = images.reshape(len(images), -1).T
    targets = subject.targets[0].cpu()
    Y = targets.double().numpy().T if targets.dim() == 2 else np.eye(len(params[-1][1]))[targets.numpy()].T
    if loss == "cross_entropy" and not np.allclose(Y.sum(axis=0), 1, rtol=1e-15):
        raise NoOracleError("the NumPy reference expects targets that sum to one")
    divisor = options.get("divisor") or X.shape[1]
    z, h = reference.forward(params, X, activation)
    if loss == "one_vs_rest_cross_entropy" and h[-1].max() > _CLOSE_TO_ONE:
        raise NoOracleError("the NumPy reference loses digits of this loss where a probability is close to one")
    with np.errstate(over="ignore"):  # where cosh overflows, 1 / cosh² is correctly 0
        gradients, images_gradient = reference.backward(params, z, h, Y, divisor, activation, loss)
    arrays = [array for weight, bias in gradients for array in (weight, bias[:, 0])]
    arrays.append(images_gradient.T.reshape(images.shape))
    return {
        name: torch.from_numpy(np.ascontiguousarray(array)).to(tensor.device)
        for (name, tensor), array in zip(subject.tensors.items(), arrays, strict=True)
    }


def _activation_of(subject: Subject) -> str | None:
    """Return the name of the activation between the linear layers; None if the network has another structure."""
    if subject.module is None or len(subject.targets) != 1 or not isinstance(subject.targets[0], Tensor):
        return None
    layers = list(subject.module.children())
    linears, activations = layers[::2], layers[1::2]
    if len(layers) % 2 == 0 or not all(isinstance(layer, Linear) and layer.bias is not None for layer in linears):
        return None
    if not activations:
        return "sigmoid"  # a single linear layer has no activation, so any name works
    kinds = {(type(layer), str(layer)) for layer in activations}  # str(layer) includes its arguments
    return next((name for name, make in ACTIVATIONS.items() if kinds == {(type(make()), str(make()))}), None)


class Line:
    """The outputs along a direction of one tensor: t -> forward(tensor + t · direction).

    Attributes:
        rounding: how far rounding can move a change of the outputs (rounding.rounding_of).
        scale: the largest sensible step: it moves no element by more than 1, or by more than the mean absolute element.
        start: the outputs at t = 0.
    """

    def __init__(self, subject: Subject, grad_outputs: Outputs, name: str, direction: Tensor, rounding: float) -> None:
        self._subject, self._grad_outputs, self.rounding = subject, grad_outputs, rounding
        self._name, self._direction = name, direction
        size = float(subject.tensors[name].abs().mean())
        self.scale = (min(size, 1.0) if size > 0 else 1.0) / float(direction.abs().max())
        self.start = self.at(0.0)

    def at(self, t: float) -> Outputs:
        tensors = copies(self._subject.tensors)
        tensors[self._name] += t * self._direction
        return self._subject.forward(tensors)

    def change(self, a: Outputs, b: Outputs) -> float:
        """Return Σ (a - b) · grad_outputs."""
        return change(a, b, self._grad_outputs)


def change(a: Outputs, b: Outputs, grad_outputs: Outputs) -> float:
    """Return Σ (a - b) · grad_outputs; subtracting the outputs first keeps the digits that differ."""
    return sum(float(((x - y) * g).sum()) for x, y, g in zip(a, b, grad_outputs, strict=True))


def central_difference(line: Line, tolerance: float) -> float:
    """Return the derivative along the line, NaN if a kink is too close.

    Central differences (f(t) - f(-t)) / 2t for a sequence of halved steps are extrapolated to t = 0 in a table, and the
    entry with the smallest estimated error is used: Ridders' method, Richardson's extrapolation of every order. It
    cannot see a kink at t = 0 exactly, where the slopes to the left and right differ but their mean does not change
    with t. The asymmetry f(t) - 2 f(0) + f(-t) can: it falls as t² where f is smooth, as t at a kink.

    Source: Ridders 1982, "Accurate computation of F'(x) and F'(x) F''(x)".
    """
    row: list[float] = []
    best, error = math.nan, math.inf
    asymmetries: list[tuple[float, float]] = []  # (step, asymmetry)
    for k in range(_ROWS):
        t = line.scale * _FIRST_STEP / 2**k
        ahead, behind = line.at(t), line.at(-t)
        asymmetry = line.change(ahead, line.start) + line.change(behind, line.start)
        asymmetries.append((t, abs(asymmetry)))
        above, row = row, [line.change(ahead, behind) / (2 * t)]
        for j in range(1, k + 1):
            row.append((4**j * row[j - 1] - above[j - 1]) / (4**j - 1))
            estimate = max(abs(row[j] - row[j - 1]), abs(row[j] - above[j - 1]))
            if estimate < error:
                best, error = row[j], estimate
    if _has_kink(asymmetries, line.rounding):
        return math.nan
    magnitude = max(abs(best), line.rounding / line.scale / tolerance)
    return best if error <= tolerance * magnitude else math.nan


def _has_kink(asymmetries: list[tuple[float, float]], rounding: float) -> bool:
    meaningful = [asymmetry / t for t, asymmetry in asymmetries if asymmetry > 100 * rounding]
    return len(meaningful) >= 2 and meaningful[-1] > _KINK * meaningful[-2]


def taylor_slope(line: Line, slope: float, noise: float = 0.0) -> float | None:
    """Return the power of t with which the remainder |f(t) - f(0) - t · slope| falls: 2 if the slope is the derivative.

    With a wrong slope a term in t remains, and dominates for small t however small the error is. So 2 and 1 can be
    told apart without a tolerance. `noise` is how far rounding can move the slope. The power is infinity if the
    remainder is only rounding, as for a linear function, and None if f has a kink at t = 0 and therefore no derivative.
    """
    rounding = line.rounding
    remainders: list[float] = []
    asymmetries: list[tuple[float, float]] = []
    for k in range(26):
        t = line.scale / 2 ** (k + 3)
        ahead, behind = line.change(line.at(t), line.start), line.change(line.at(-t), line.start)
        remainder = max(abs(ahead - t * slope), abs(behind + t * slope))
        remainders.append(max(remainder, rounding, torch.finfo(torch.float64).tiny))
        asymmetries.append((t, abs(ahead + behind)))
        if remainder <= 100 * (rounding + torch.finfo(torch.float64).eps * abs(t * slope)) + t * noise:
            break
    if len(remainders) < 2:
        return math.inf
    if _has_kink(asymmetries, rounding):
        return None
    # The last remainders, where the smallest power of t dominates. Of these the largest power: steps across distant
    # kinks make the remainder of a right slope fall irregularly, that of a wrong slope falls steadily by half.
    return max(math.log2(a / b) for a, b in pairwise(remainders[-4:]))
