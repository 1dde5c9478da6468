"""Stateless random numbers: each is a function of (seed, stream, step) and its position in the tensor.

The state of a generator would have to be saved, restored and kept in sync across processes; a function has no state. A
resumed run draws the same numbers, with any block size and on any device. The step is a tensor, so a captured step
(torchnet/engine/) draws new numbers at every replay.
"""

import hashlib
import math
import struct

import torch
from torch import Tensor


def uniform(shape: tuple[int, ...], seed: int, stream: int, step: Tensor, start: int = 0) -> Tensor:
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
    if start != 0 and len(shape) < 2:
        raise ValueError(f"expected a shape (N, ...) of rows with start {start}, got {shape}")
    # 23 bits give an integer k >= -2²². k 2⁻²³ + 1/2 + 2⁻²⁴ and its distances from 0 and 1 are exact in float32.
    return (_bits(shape, seed, stream, step, start) >> 9).to(torch.float32) * 2.0**-23 + (0.5 + 2.0**-24)


def _bits(shape: tuple[int, ...], seed: int, stream: int, step: Tensor, start: int) -> Tensor:
    """Return 32 random bits per element, as int32.

    Seed, stream and step give two keys, one for the rows and one for the columns. Mixing each row number and each
    column number with its key leaves one mix per element: bits = mix(mix(row ⊕ row key) ⊕ mix(column ⊕ column key)).
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
    """Apply a permutation of all int32 in which each output bit depends on all input bits.

    Products wrap around on every device; the masks clear the sign bits that an arithmetic shift copies in.

    Source: C. Wellons, "Hash Function Prospector" (the improved 32-bit function of two rounds by TheIronBorn).
    """
    x = (x ^ (x >> 16 & 0xFFFF)) * 0x21F0AAAD
    x = (x ^ (x >> 15 & 0x1FFFF)) * 0x735A2D97
    return x ^ (x >> 15 & 0x1FFFF)
