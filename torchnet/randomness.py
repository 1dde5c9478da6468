"""Random numbers without a state: each is a function of (seed, stream, step) and its place in the tensor.

A generator that goes on from where it stopped would have to be saved, restored and kept in step with every other; a
function has nothing to lose. A run that is resumed draws the same numbers again, in blocks of any size, on any device,
and in a step that is replayed in place of being taken (torchnet/capture/), since the step is a tensor, too.
"""

import math

import torch
from torch import Tensor

_MASK = 2**32 - 1


def uniform(shape: tuple[int, ...], seed: int, stream: int, step: Tensor) -> Tensor:
    """Return numbers spread evenly over (0, 1), float32.

    Args:
        shape: of the result.
        seed: of the run.
        stream: who draws: two of them never see the same numbers.
        step: (), int64, on the device where the numbers are wanted; those of another step are others.
    """
    places = _mix(torch.arange(math.prod(shape), device=step.device).view(shape))
    key = _mix(_mix(_mix(torch.tensor(seed & _MASK)).add(stream) & _MASK).to(step.device) ^ (step & _MASK))
    # 23 bits: every one of these numbers, and its distance from 0 and from 1, is exact in float32.
    return ((_mix(places ^ key) >> 9).to(torch.float32) + 0.5) * 2.0**-23


def normal(shape: tuple[int, ...], seed: int, stream: int, step: Tensor) -> Tensor:
    """Return numbers of the standard normal distribution, float32.

    Args:
        shape: of the result.
        seed: of the run.
        stream: who draws.
        step: (), int64, on the device where the numbers are wanted.

    Source: Box & Muller 1958, "A note on the generation of random normal deviates".
    """
    radius, angle = uniform((2, *shape), seed, stream, step).unbind()
    return (-2 * radius.log()).sqrt() * (2 * math.pi * angle).cos()


def _mix(x: Tensor) -> Tensor:
    """Return a permutation of the whole numbers below 2³² in which each bit depends on all bits of the number.

    Source: C. Wellons, "Hash Function Prospector" (the improved 32-bit function of two rounds by TheIronBorn).
    """
    x = (x ^ (x >> 16)) * 0x21F0AAAD & _MASK
    x = (x ^ (x >> 15)) * 0x735A2D97 & _MASK
    return x ^ (x >> 15)
