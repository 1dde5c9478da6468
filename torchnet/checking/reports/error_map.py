"""A small map of the error of a gradient: which rows and columns are wrong, and how much."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_ROWS, _COLUMNS = 16, 48
_SHADES = (
    (0.0, "·"),
    (1e-6, "░"),
    (1e-3, "▒"),
    (0.1, "▓"),
    (math.inf, "█"),
)  # largest error, relative to the largest value
LEGEND = "· right, relative error ░ < 1e-6, ▒ < 1e-3, ▓ < 0.1, █ more"


@dataclass(frozen=True)
class ErrorMap:
    """The error of a tensor, drawn as a matrix: the last axis along a row, all others one below the other.

    Where a cell stands for several elements, it shows the one with the largest error.

    Attributes:
        rows, columns: the number of rows and columns of the matrix.
        errors: the error of each cell, relative to the largest value; 0 if it is rounding, NaN if unknown.
        values: the hand-written value of each cell.
        true: the true value of each cell.
    """

    rows: int
    columns: int
    errors: list[list[float]]
    values: list[list[float]]
    true: list[list[float]]

    @property
    def shows_place(self) -> bool:
        """Whether some cells are right and some are wrong."""
        cells = [error for row in self.errors for error in row]
        return any(error > 0 for error in cells) and any(error == 0 for error in cells)

    def lines(self) -> list[str]:
        """Return the map as text."""
        return ["".join(map(_shade, row)) for row in self.errors]


def error_map(hand: Tensor, true: Tensor, allowed: float) -> ErrorMap:
    """Return the map of a gradient; `allowed` is the error, relative to the largest true value, that is rounding."""
    h, t = (x.detach().double().reshape(-1, x.shape[-1] if x.dim() else 1) for x in (hand, true))
    largest = float(t.nan_to_num(0, 0, 0).abs().max())
    errors = (h - t).abs() / (largest if largest > 0 else 1.0)
    errors = errors.where(errors > allowed, 0.0 * errors).nan_to_num(posinf=1e300).where(~t.isnan(), torch.nan)
    size = [min(n, most) for n, most in zip(errors.shape, (_ROWS, _COLUMNS), strict=True)]
    worst, places = functional.adaptive_max_pool2d(errors.nan_to_num(-1.0)[None], size, return_indices=True)
    index = places[0].flatten()
    cells = torch.where(worst[0] < 0, torch.nan, worst[0])
    values, truths = (x.flatten()[index].reshape(size).tolist() for x in (h, t))
    return ErrorMap(errors.shape[0], errors.shape[1], cells.tolist(), values, truths)


def _shade(error: float) -> str:
    return "?" if math.isnan(error) else next(shade for most, shade in _SHADES if error <= most)
