"""Stateless random numbers: each is a function of (seed, stream, step) and its position in the tensor.

The state of a generator would have to be saved, restored and kept in sync across processes; a function has no state. A
resumed run draws the same numbers, with any block size and on any device. The step is a tensor, so a captured step
(torchnet/engine/) draws new numbers at every replay.
"""

import hashlib
import math
import struct
from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor

Shape = tuple[int, ...]


def uniform(shape: Shape, seed: int, stream: int, step: Tensor, start: int = 0) -> Tensor:
    """Return random numbers, uniform on (0, 1), float32.

    Args:
        shape: the shape of the result.
        seed: the seed of the run, any integer.
        stream: an integer per consumer: different streams draw different numbers.
        step: (), int64, on the device of the result; the numbers repeat after 2³² steps.
        start: the index of the first row, to draw only some rows of a larger tensor.

    Raises:
        ValueError: if start is not 0 and the shape has no rows.
    """
    (numbers,) = uniforms({stream: shape}, seed, step, start)
    return numbers


def uniforms(shapes: Mapping[int, Shape], seed: int, step: Tensor, start: int = 0) -> list[Tensor]:
    """Return the numbers that `uniform` draws for several streams, each of its own shape, in fewer operations."""
    for shape in shapes.values():
        if start != 0 and len(shape) < 2:
            raise ValueError(f"expected a shape (N, ...) of rows with start {start}, got {shape}")
    bits = _bits(shapes, seed, step, start)
    # 23 bits give an integer k >= -2²². k 2⁻²³ + 1/2 + 2⁻²⁴ and its distances from 0 and 1 are exact in float32.
    numbers = (bits >> 9).to(torch.float32) * 2.0**-23 + (0.5 + 2.0**-24)
    parts = numbers.split([math.prod(shape) for shape in shapes.values()])
    return [part.view(shape) for part, shape in zip(parts, shapes.values(), strict=True)]


def _bits(shapes: Mapping[int, Shape], seed: int, step: Tensor, start: int) -> Tensor:
    """Return 32 random bits per element of all shapes, as int32.

    Seed, stream and step give two keys, one for the rows and one for the columns. Mixing each row number and each
    column number with its key leaves one mix per element: bits = mix(mix(row ⊕ row key) ⊕ mix(column ⊕ column key)).
    The keys of all streams are mixed at once, then all row and column numbers, then all elements.
    """
    words, numbers, owners, lengths = _constants(tuple(shapes.items()), seed, start, step.device)
    keys = _mix(words ^ step)  # int32, so the lower 32 bits of the step
    mixed = _mix(numbers ^ keys.index_select(0, owners)).split(lengths)
    elements = [(rows[:, None] ^ columns).view(-1) for rows, columns in zip(mixed[::2], mixed[1::2], strict=True)]
    return _mix(elements[0] if len(elements) == 1 else torch.cat(elements))


@cache
def _constants(
    shapes: tuple[tuple[int, Shape], ...], seed: int, start: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor, list[int]]:
    """Return the words that make the keys, the numbers of rows and columns, the key of each, and how many there are."""
    words: list[int] = []
    ranges: list[range] = []
    for stream, shape in shapes:
        *leading, columns = shape or (1,)
        before = start * math.prod(leading[1:])
        words += struct.unpack("<ii", hashlib.blake2b(f"{seed} {stream}".encode(), digest_size=8).digest())
        ranges += [range(before, before + math.prod(leading)), range(columns)]
    lengths = [len(numbers) for numbers in ranges]
    numbers = torch.cat([torch.arange(r.start, r.stop, dtype=torch.int32) for r in ranges])
    owners = torch.cat([torch.full((length,), i) for i, length in enumerate(lengths)])
    return torch.tensor(words, dtype=torch.int32).to(device), numbers.to(device), owners.to(device), lengths


def _mix(x: Tensor) -> Tensor:
    """Apply a permutation of all int32 in which each output bit depends on all input bits.

    Products wrap around on every device; the masks clear the sign bits that an arithmetic shift copies in.

    Source: C. Wellons, "Hash Function Prospector" (the improved 32-bit function of two rounds by TheIronBorn).
    """
    x = (x ^ (x >> 16 & 0xFFFF)) * 0x21F0AAAD
    x = (x ^ (x >> 15 & 0x1FFFF)) * 0x735A2D97
    return x ^ (x >> 15 & 0x1FFFF)
