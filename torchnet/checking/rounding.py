"""How far rounding alone can move a gradient.

A fixed tolerance is either too strict or too loose. noise_of estimates the rounding error of each element by repeating
the computation with random rounding.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from torchnet.checking.dispatch import Mode, OnResults
from torchnet.checking.oracles.autograd import NoOracleError, autograd
from torchnet.checking.oracles.differences import change
from torchnet.checking.subjects.subject import Outputs, Subject, Tensors, clones, copies, is_float

Result = TypeVar("Result")

_RUNS = 8  # of a computation with random rounding
_RUNS_OF_LARGE = 1
_LARGE = 1_000_000  # elements
_MARGIN = 10  # the allowed noise, as a multiple of the spread over a few runs
_EXCUSE = 10  # the largest noise of a hand-written backward that counts, as a multiple of autograd's
_OTHER = 1e-3  # how far inputs are moved to see which outputs depend on them
_STEP_ROUNDING = 1e-12  # relative; of numbers that a step function takes
_EXCUSE_UNSEEN = 1e5  # the same, where only the size of the terms is known, in units of rounding

# Operations that select or copy numbers and compute none: autograd's search for a maximum needs it unchanged.
# fmt: off
_EXACT = {
    "_to_copy", "abs", "amax", "amin", "cat", "ceil", "clamp", "clamp_max", "clamp_min", "clone", "constant_pad_nd",
    "cummax", "cummin", "embedding", "empty", "empty_like", "flip", "floor", "full", "full_like", "gather", "index",
    "index_select", "kthvalue", "masked_fill", "masked_select", "max", "max_pool2d_with_indices", "maximum",
    "median", "min", "minimum", "mode", "nan_to_num", "neg", "new_empty", "new_full", "new_ones", "new_zeros",
    "ones", "ones_like", "relu", "repeat", "roll", "round", "scatter", "select_backward", "sign", "slice_backward",
    "sort", "stack", "take", "threshold_backward", "topk", "tril", "triu", "trunc", "where", "zeros", "zeros_like",
}
# fmt: on


def randomly_rounded(
    compute: Callable[[], Result], dtype: torch.dtype, share: float, runs: int = _RUNS
) -> Iterator[Result]:
    """Yield the results of repeated computations whose operations round at random.

    Where a gradient is ill-conditioned, the results differ as much as those of two correct computations can. The
    fraction `share` of all computed numbers is moved up or down, at random, by one unit in the last place of the dtype;
    results in a smaller dtype stay unchanged. With 1/8 the numbers move as much as by rounding to nearest; with 1 every
    number moves.

    Source: Parker 1997, "Monte Carlo Arithmetic".
    """
    eps = torch.finfo(dtype).eps

    def moved(func: Any, x: Tensor) -> Tensor:
        """Move the result of an operation."""
        returns_a_view = any(returned.alias_info is not None for returned in func._schema.returns)
        if returns_a_view or func.overloadpacket.__name__ in _EXACT:
            return x
        draw = torch.rand(x.shape, generator=generator, dtype=torch.float32).to(x.device)
        moves = (draw < share / 2).to(x.dtype) - (draw >= 1 - share / 2).to(x.dtype)
        return x.addcmul(x, moves, value=eps)

    for seed in range(runs):
        generator = torch.Generator().manual_seed(seed)
        with OnResults(moved), _StableSteps():
            result = compute()
        yield result


class _StableSteps(Mode):
    """Let a number that random rounding moved off an integer, or off another number, count as equal to it.

    Otherwise a step function, such as floor in the computation of an index, would turn rounding into another index.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        packet, kwargs = func.overloadpacket, kwargs or {}
        to_integers = packet is _aten._to_copy and not _is_floating(kwargs.get("dtype"))
        if is_float(args[0] if args else None):
            if packet in _STEPS or to_integers:
                args = (_snapped(args[0], args[0].round()), *args[1:])
            elif packet in _COMPARISONS and isinstance(args[1], (Tensor, int, float)):
                args = (_snapped(args[0], args[1]), *args[1:])
        return func(*args, **kwargs)


_aten = torch.ops.aten
_STEPS = {_aten.floor, _aten.ceil, _aten.trunc, _aten.frac}
_COMPARISONS = {
    _aten.gt,
    _aten.ge,
    _aten.lt,
    _aten.le,
    _aten.eq,
    _aten.ne,
    _aten.fmod,
    _aten.remainder,
    _aten.floor_divide,
}


def _is_floating(dtype: torch.dtype | None) -> bool:
    return dtype is None or dtype.is_floating_point or dtype.is_complex


def _snapped(x: Tensor, to: Any) -> Tensor:
    """Return x, replaced where it is equal to another number up to rounding."""
    return torch.where((x - to).abs() <= _STEP_ROUNDING * x.abs(), to, x).to(x.dtype)


def rounding_of(subject: Subject, grad_outputs: Outputs) -> float:
    """Return how far rounding can move a change of the outputs: in the final sum, or in the forward pass before it."""
    outputs = subject.outputs()
    # Outputs that do not change, such as large constants of a mask, have no part in it.
    other = {name: x * (1 - _OTHER * torch.rand_like(x)) + _OTHER * (x == 0) for name, x in subject.tensors.items()}
    try:
        moving = [x != y for x, y in zip(outputs, subject.forward(other), strict=True)]
    except Exception:  # the forward may refuse other inputs
        moving = [torch.ones_like(x, dtype=torch.bool) for x in outputs]
    in_the_sum = sum(
        float((x * g * m).nan_to_num().abs().sum()) for x, g, m in zip(outputs, grad_outputs, moving, strict=True)
    )
    in_the_forward = [
        abs(change(moved, outputs, grad_outputs))
        for moved in randomly_rounded(subject.outputs, torch.float64, 1, _runs(subject))
    ]
    return max(4 * torch.finfo(torch.float64).eps * in_the_sum, *in_the_forward)


def noise_of(subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return the absolute error that rounding may cause in each element of each gradient, for a subject in float64."""

    def by_hand(tensors: Tensors, grads: Outputs) -> Tensors:
        written = subject.backward(tensors, grads)
        gradients = {}
        for name, tensor in subject.tensors.items():
            gradient = written.get(name)
            fits = gradient is not None and gradient.shape == tensor.shape
            gradients[name] = gradient.clone() if gradient is not None and fits else torch.zeros_like(tensor)
        return gradients

    try:
        hand_noise = _spread(by_hand, subject, grad_outputs)
    except Exception:  # a backward that raises is a finding of its own
        hand_noise = {name: torch.zeros_like(tensor) for name, tensor in subject.tensors.items()}
    try:
        truth_noise = _spread(lambda t, g: autograd(replace(subject, tensors=t), g), subject, grad_outputs)
    except (NoOracleError, RuntimeError):
        # Autograd cannot follow. Rounding moves a sum by a small multiple of eps times its terms, not more.
        eps = torch.finfo(torch.float64).eps
        try:
            written = tuple(by_hand(copies(subject.tensors), clones(grad_outputs)).values())
        except Exception:  # a backward that raises is a finding of its own
            written = ()
        everything = (*grad_outputs, *subject.tensors.values(), *written)
        sizes = [float(x.abs().nan_to_num(0, 0, 0).max()) for x in everything if x.numel()]
        limit = _EXCUSE_UNSEEN * eps * max(1.0, *sizes)
        return {name: noise.clamp(max=limit) for name, noise in hand_noise.items()}
    # A backward that is far more sensitive to rounding than autograd does not excuse its own errors.
    return {
        name: torch.minimum(hand_noise[name], _EXCUSE * noise.max()).maximum(noise) if noise.numel() else noise
        for name, noise in truth_noise.items()
    }


def _spread(compute: Callable[[Tensors, Outputs], Tensors], subject: Subject, grad_outputs: Outputs) -> Tensors:
    """Return how far randomly rounded results are from the plain one, with a margin.

    The numbers that go in are moved by a unit in their last place, too: operations outside of torch, as in NumPy or a
    kernel, and those within one function of torch cannot be made to round at random.
    """

    def run(seed: int | None = None) -> Tensors:
        if seed is None:
            return compute(copies(subject.tensors), clones(grad_outputs))
        tensors = {name: moved_by_an_ulp(tensor, seed) for name, tensor in subject.tensors.items()}
        return compute(tensors, tuple(moved_by_an_ulp(grad, seed) for grad in grad_outputs))

    def at_moved_inputs() -> Iterator[Tensors]:
        for seed in range(runs):
            try:
                yield run(seed)
            except Exception:  # the given inputs may be at the edge of the domain
                return

    start, runs = run(), _runs(subject)
    spread = {name: torch.zeros_like(tensor) for name, tensor in start.items()}
    for moved in (*randomly_rounded(run, torch.float64, 1, runs), *at_moved_inputs()):
        for name, widest in spread.items():
            distance = (moved[name] - start[name]).abs().nan_to_num(0, posinf=0)  # Inf and NaN are not noise
            spread[name] = torch.maximum(widest, _MARGIN * distance)
    return spread


def moved_by_an_ulp(x: Tensor, seed: int) -> Tensor:
    """Return numbers moved up or down by a unit in the last place; equal ones equally, so that ties stay ties."""
    random = torch.frac((x * (12.9898 + seed)).sin() * 43758.5453)
    return (x * (1 + torch.finfo(x.dtype).eps * random.sign())).where(x.isfinite(), x)


def _runs(subject: Subject) -> int:
    return _RUNS if subject.numel < _LARGE else _RUNS_OF_LARGE
