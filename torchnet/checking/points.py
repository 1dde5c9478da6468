"""Other inputs at which a backward has to be right, too: other values, a batch of one, odd lengths.

A backward can be right at the given inputs only because a weight is all ones, an input is positive, or a length is a
multiple of a block size.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from torchnet.checking.subjects.subject import Subject, Tensors

_MOST_LENGTHS = 4  # sizes that are made odd, one at a time


Sizes = Callable[[torch.Size], tuple[int, ...]]  # the shape of an output at the given inputs -> at the others
Point = tuple[str, Sizes, Subject]


def other_points(subject: Subject, seed: int) -> Iterator[Point]:
    """Yield descriptions, the expected shapes of outputs, and the subject at other inputs; its forward may refuse them.

    The structure of the inputs stays: zeros, equal rows and symmetric matrices may be what the function is made for.
    """
    generator = torch.Generator().manual_seed(seed)

    def drawn(change: Callable[[Tensor, Tensor], Tensor]) -> Tensors:
        moved = {}
        for name, tensor in subject.tensors.items():
            draw = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
            if _is_symmetric(tensor):
                draw = (draw.tril() + draw.tril(-1).mT).contiguous()
            moved[name] = change(tensor, draw.to(tensor.device)).to(tensor.dtype)
        return moved

    if any(tensor.numel() for tensor in subject.tensors.values()):
        yield "at jittered values", tuple, replace(subject, tensors=drawn(_jittered))
        yield "at values of both signs", tuple, replace(subject, tensors=drawn(_of_random_sign))
    repeated = {n: x for n, i in subject.constants.items() if (x := _with_repeats(i, subject, generator)) is not None}
    if repeated:
        yield "with repeated indices", tuple, _with_constants(subject, repeated)
    yield from _smaller_batches(subject)
    sizes = dict.fromkeys(n for x in subject.tensors.values() for n in x.shape if n > 3)
    for size in list(sizes)[:_MOST_LENGTHS]:
        odd = size - 1 if size % 2 == 0 else size - 2
        if (smaller := _resized(subject, size, odd, dims=slice(None))) is not None:
            yield f"with {odd} instead of {size}", partial(_replaced, size, odd), smaller


def _replaced(size: int, new_size: int, shape: torch.Size) -> tuple[int, ...]:
    return tuple(new_size if n == size else n for n in shape)


def _smaller_batches(subject: Subject) -> Iterator[Point]:
    first = subject.tensors.get(subject.first_input, subject.constants.get(subject.first_input))
    batch = first.shape[0] if first is not None and first.dim() > 0 else 0
    if batch < 2:
        return
    fewer = _resized(subject, batch, batch - 1, dims=slice(0, 1))
    one = _resized(subject, batch, 1, dims=slice(0, 1))
    if fewer is None or one is None:
        return
    try:
        fewer.outputs()  # a tensor of the function's own may fit a dimension of 1, by broadcasting, but no other
    except Exception:
        return
    yield "with a first dimension of 1", partial(_one_row, batch), one


def _one_row(batch: int, shape: torch.Size) -> tuple[int, ...]:
    return (1, *shape[1:]) if shape[:1] == (batch,) else tuple(shape)


def _jittered(x: Tensor, draw: Tensor) -> Tensor:
    """Move each number by up to a third; constant tensors, such as biases of zeros, by more."""
    if x.numel() > 1 and bool((x == x.flatten()[0]).all()):
        return x + (draw - 0.25)
    return x * (1 + (draw - 0.5) * 2 / 3)


def _of_random_sign(x: Tensor, draw: Tensor) -> Tensor:
    return x.where(draw < 0.5, -x)


def _is_symmetric(x: Tensor) -> bool:
    return x.dim() >= 2 and x.shape[-1] == x.shape[-2] and x.shape[-1] > 1 and torch.equal(x, x.mT)


def _resized(subject: Subject, size: int, new_size: int, dims: slice) -> Subject | None:
    """Return the subject with the dimensions of one size cut in all inputs; None if it does not apply.

    An index into a cut dimension could be too large, which a kernel may not notice.
    """
    everything = {name: x for name, x in subject.tensors.items() if name in subject.inputs} | subject.constants

    def cut(x: Tensor) -> Tensor:
        for dim in range(x.dim())[dims]:
            if x.shape[dim] == size:
                x = x.narrow(dim, 0, new_size)
        return x.clone()

    changed = {name: smaller for name, x in everything.items() if (smaller := cut(x)).shape != x.shape}
    indices = [x for x in (everything | changed).values() if not x.is_floating_point() and x.dtype != torch.bool]
    largest = max((int(x.max()) for x in indices if x.numel()), default=-1)
    if not changed.keys() & subject.tensors.keys() or (dims == slice(None) and largest >= new_size):
        return None
    constants = {name: x for name, x in changed.items() if name in subject.constants}
    tensors = {name: x for name, x in changed.items() if name in subject.tensors}
    return _with_constants(replace(subject, tensors=subject.tensors | tensors), constants)


def _with_repeats(x: Tensor, subject: Subject, generator: torch.Generator) -> Tensor | None:
    """Return indices with some values repeated; None if they are repeated already, or a permutation of an axis."""
    if x.is_floating_point() or x.is_complex() or x.dtype == torch.bool or x.numel() < 2:
        return None
    values = x.flatten().unique()
    is_permutation = any(
        len(values) in tensor.shape and int(values.max()) < len(values) for tensor in subject.tensors.values()
    )
    if len(values) < x.numel() or (is_permutation and int(values.min()) >= 0):
        return None
    chosen = torch.randint(x.numel(), (x.numel(),), generator=generator)
    chosen[1] = chosen[0]
    moved = x.flatten()[chosen.to(x.device)].reshape(x.shape)
    is_sorted = bool((x.flatten()[1:] >= x.flatten()[:-1]).all())
    return moved.flatten().sort().values.reshape(x.shape) if is_sorted else moved


def _with_constants(subject: Subject, constants: Tensors) -> Subject:
    """Return the subject with other constants."""
    forward, backward, graph = subject.forward, subject.backward, subject.graph
    return replace(
        subject,
        constants=subject.constants | constants,
        forward=lambda tensors: forward(tensors | constants),
        backward=lambda tensors, grads, **options: backward(tensors | constants, grads, **options),
        graph=None if graph is None else lambda tensors, wanted: graph(tensors | constants, wanted),
        module=None,
    )
