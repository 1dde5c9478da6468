"""Common formulas of backward passes, to compare a wrong gradient, or what is wrong with it, with."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from torchnet.checking.diagnosis.context import LARGE, SAME, same
from torchnet.checking.subjects.subject import Tensors

_PART = 10_000  # elements of a large gradient that are compared with elementwise formulas
_MOST_TENSORS = 8  # a subject with more tensors is a network, whose gradients no single formula gives

_FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "gelu (tanh approximation)": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "softplus": functional.softplus,
    "elu": functional.elu,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "sin": torch.sin,
    "cos": torch.cos,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "reciprocal": torch.reciprocal,
    "cube": lambda x: x**3,
    "erf": torch.erf,
    "abs": torch.abs,
}


def formula_of(gradient: Tensor, tensors: Tensors, error: float = SAME) -> tuple[str, str] | None:
    """Return the kind and text of a formula of the tensors that gives the gradient up to a factor."""
    if gradient.numel() < 2 or gradient.isnan().any() or len(tensors) > _MOST_TENSORS or not gradient.any():
        return None
    if gradient.numel() > LARGE:
        return _formula_of_large(gradient, tensors, error)
    return _first_match(gradient, _formulas(tensors, gradient), error)


def _formula_of_large(gradient: Tensor, tensors: Tensors, error: float) -> tuple[str, str] | None:
    """Compare a part of the elements with elementwise formulas, and all with products of matrices."""
    part = {name: x.flatten()[:_PART] for name, x in tensors.items() if x.shape == gradient.shape}
    found = _first_match(gradient.flatten()[:_PART], _formulas(part, gradient.flatten()[:_PART]), error)
    return found or _first_match(gradient, _products(tensors, gradient), error)


def _first_match(gradient: Tensor, formulas: Iterator[tuple[str, str, Tensor]], error: float) -> tuple[str, str] | None:
    for kind, text, value in formulas:
        if value.shape == gradient.shape and value.isfinite().all() and (size := float((value * value).sum())):
            factor = float((gradient * value).sum()) / size
            if math.isfinite(factor) and factor != 0 and same(gradient, factor * value, error):
                return kind, text if math.isclose(factor, 1, rel_tol=max(SAME, error)) else f"{text} times {factor:.7g}"
    return None


def _formulas(tensors: Tensors, like: Tensor) -> Iterator[tuple[str, str, Tensor]]:
    """Yield common formulas of backward passes: kind (upstream, sum, elementwise or product), text and value."""
    if "grad_output" not in tensors:
        return
    grad = tensors["grad_output"]
    yield "upstream", "grad_output", grad
    for axis in range(grad.dim()):
        yield "sum", f"grad_output.sum(dim={axis})", grad.sum(dim=axis)
    same_shape = {name: x for name, x in tensors.items() if name != "grad_output" and x.shape == grad.shape}
    for name, x in same_shape.items():
        for factor, value in (
            (name, x),
            (f"{name} * (1 - {name})", x * (1 - x)),
            (f"(1 - {name})", 1 - x),
            (f"(1 - {name}**2)", 1 - x * x),
            (f"{name}**2", x * x),
            (f"({name} > 0)", x > 0),
            (f"({name} >= 0)", x >= 0),
            (f"({name} < 0)", x < 0),
            (f"({name} <= 0)", x <= 0),
            *((f"{function}({name})", f(x)) for function, f in _FUNCTIONS.items()),
            *((f"{function}'({name})", _derivative(f, x)) for function, f in _FUNCTIONS.items()),
        ):
            yield "elementwise", f"grad_output * {factor}", grad * value
    for name, x in same_shape.items():
        for axis in range(grad.dim()):
            yield "sum", f"(grad_output * {name}).sum(dim={axis})", (grad * x).sum(dim=axis)
        yield "projection", f"{name} * (grad_output * {name}).sum(-1)", x * (grad * x).sum(-1, keepdim=True)
    yield from _products(tensors, like)


def _products(tensors: Tensors, like: Tensor) -> Iterator[tuple[str, str, Tensor]]:
    matrices = {name: x for name, x in tensors.items() if x.dim() == 2}
    sides = [(name + t, y) for name, x in matrices.items() for t, y in (("", x), (".T", x.T))]
    for left, a in sides:
        for right, b in sides:
            if a.shape[1] == b.shape[0] and (a.shape[0], b.shape[1]) == tuple(like.shape):
                if like.numel() > LARGE:  # a product with a vector tells whether the whole product is worth its time
                    vector = torch.ones(b.shape[1], dtype=b.dtype, device=b.device)
                    x, y = like @ vector, a @ (b @ vector)
                    if float((x * y).sum()) ** 2 < 0.999 * float((x * x).sum() * (y * y).sum()):
                        continue
                yield "product", f"{left} @ {right}", a @ b


def _derivative(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        (derivative,) = torch.autograd.grad(function(leaf).sum(), leaf)
    return derivative
