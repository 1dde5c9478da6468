"""The targets of a loss: an integer class per sample, or a row of numbers per sample."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from torchnet.layers.layer import expect_shape


def checked(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the targets as rows (N, C) in the dtype of the logits, or as a column of classes (N, 1).

    Raises:
        ValueError: if the shapes of logits and targets do not match.
    """
    if logits.dim() != 2 or len(logits) == 0:
        raise ValueError(f"expected logits of shape (N, C) with N >= 1, got {tuple(logits.shape)}")
    if targets.is_floating_point() or targets.dim() == 2:
        expect_shape("target rows", targets, logits.shape, "one row per sample, with one number per class")
        return targets.to(logits.dtype)
    expect_shape("integer targets", targets, (len(logits),), "one class per sample")
    return targets.long().unsqueeze(1)


def as_rows(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the targets as rows (N, C); integer classes become one-hot rows.

    Raises:
        ValueError: if the shapes of logits and targets do not match or a class is outside 0..C-1.
    """
    rows = checked(logits, targets)
    if rows.dtype != logits.dtype:  # classes
        with classes_within(logits, targets):
            rows = torch.zeros_like(logits).scatter_(1, rows, 1)
    return rows


@contextmanager
def classes_within(logits: Tensor, targets: Tensor) -> Iterator[None]:
    """Turn torch's error about an index out of range into one that names the valid classes and those given."""
    try:
        yield
    except RuntimeError as error:
        classes = logits.shape[1]
        raise ValueError(
            f"expected classes within 0..{classes - 1}, got {targets.min().item()}..{targets.max().item()}: "
            f"the logits have {classes} columns"
        ) from error
