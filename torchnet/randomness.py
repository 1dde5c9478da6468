"""Random numbers without a state: each is a function of (seed, stream, step) and its place in the tensor.

A generator that goes on from where it stopped would have to be saved, restored and kept in step with every other; a
function has nothing to lose. A run that is resumed draws the same numbers again, in blocks of any size, on any device,
and in a step that is replayed in place of being taken (torchnet/engine/), since the step is a tensor, too.
"""

import hashlib
import math
import struct

import torch
from torch import Tensor


def uniform(shape: tuple[int, ...], seed: int, stream: int, step: Tensor, start: int = 0) -> Tensor:
    """Return numbers spread evenly over (0, 1), float32.

    Args:
        shape: of the result.
        seed: of the run; any whole number.
        stream: who draws: each has numbers of its own.
        step: (), int64, on the device where the numbers are wanted; each of 2³² steps in turn has others.
        start: the place of the first row, for who wants some rows of a tensor that has others before them.

    Raises:
        ValueError: if there is a start, and no rows.
    """
    if start != 0 and len(shape) < 2:
        raise ValueError(f"expected a shape (N, ...) of rows with start {start}, got {shape}")
    # 23 bits k, from -2²² up: k 2⁻²³ + 1/2 + 2⁻²⁴ and its distances from 0 and from 1 are exact in float32.
    return (_bits(shape, seed, stream, step, start) >> 9).to(torch.float32) * 2.0**-23 + (0.5 + 2.0**-24)


def _bits(shape: tuple[int, ...], seed: int, stream: int, step: Tensor, start: int) -> Tensor:
    """Return random bits, 32 in each int32.

    Seed, stream and step make two keys. One is mixed into the number of each row, the other into that of each column;
    where they meet, an element costs one more mixing: bits = mix(mix(row ⊕ key) ⊕ mix(column ⊕ other key)).
    """
    *leading, columns = shape or (1,)
    words = struct.unpack("<ii", hashlib.blake2b(f"{seed} {stream}".encode(), digest_size=8).digest())
    row_key, column_key = (_mix(step.to(torch.int32) ^ word) for word in words)
    before, rows = start * math.prod(leading[1:]), math.prod(leading)
    of_rows = _mix(_count(before, before + rows, step.device) ^ row_key)
    of_columns = _mix(_count(0, columns, step.device) ^ column_key)
    return _mix(of_rows[:, None] ^ of_columns).view(shape)


def _count(start: int, stop: int, device: torch.device) -> Tensor:
    return torch.arange(start, stop, dtype=torch.int32, device=device)


def _mix(x: Tensor) -> Tensor:
    """Return a permutation of all int32 in which each bit depends on all bits of the number.

    Products wrap around, as they do on every device; the masks clear the copies of the sign that a shift brings in.

    Source: C. Wellons, "Hash Function Prospector" (the improved 32-bit function of two rounds by TheIronBorn).
    """
    x = (x ^ (x >> 16 & 0xFFFF)) * 0x21F0AAAD
    x = (x ^ (x >> 15 & 0x1FFFF)) * 0x735A2D97
    return x ^ (x >> 15 & 0x1FFFF)
