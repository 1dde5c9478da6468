"""Operators as people write them by hand, right and with planted mistakes: what torchnet.check is measured on."""

from . import (  # noqa: F401  # each adds its operators to the catalog
    activations,
    attention,
    blind_spots,
    convolution,
    distributions,
    dynamic_programs,
    elementwise,
    from_scratch,
    indexing,
    losses,
    matrices,
    normalization,
    pooling,
    products,
    selection,
    sequences,
    softmax,
    wrapped,
)
from .catalog import OPERATORS

__all__ = ["OPERATORS"]
