"""Write a wrong result as a sum, over paths of the forward pass or over arguments, to see which part is wrong."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from torchnet.checking.reports.report import Diagnosis

_SAME = 1e-6  # relative error of a factor, and of a sum over paths


def keep(value: Tensor, path: str, only: str | None) -> Tensor:
    """Return a value of the forward pass, as a constant unless its path is the only one that counts, or all do."""
    return value if only in (None, path) else value.detach()


def wrong_paths(written: Tensor, parts: Mapping[str, Tensor], axis: int | None) -> Diagnosis | None:
    """Say which parts of a gradient are missing or have a wrong sign or factor; None if it is no sum of these parts.

    Args:
        written: the wrong gradient.
        parts: what each path contributes to the right one, by the words for the path.
        axis: the axis over which the forward pass takes sums, so that a factor may differ along the other one.
    """
    if any(part.shape != written.shape for part in parts.values()):
        return None
    columns = torch.stack([part.flatten() for part in parts.values()], dim=1)
    factors = _factors(columns, written.flatten())
    if factors is None and axis is not None:
        columns = torch.stack([part.movedim(axis, -1) for part in parts.values()], dim=-1)
        factors = _factors(columns, written.movedim(axis, -1))
    if factors is None or all(map(_are_equal, factors)):  # a factor of the whole is not about paths
        return None
    found = [(path, *_judged(f, written.shape, axis)) for path, f in zip(parts, factors.T, strict=True)]
    wrong = [(f"the path {path} {text}", kind) for path, kind, text in found if kind]
    rest = "; the rest is right" if len(wrong) < len(parts) else ""
    kinds = {kind for _, kind in wrong}
    return Diagnosis(kinds.pop() if len(kinds) == 1 else "wrong paths", "; ".join(text for text, _ in wrong) + rest)


def wrong_factors(written: Tensor, true: Tensor, tensors: Mapping[str, Tensor]) -> Diagnosis | None:
    """Say which argument has a wrong factor, if both the wrong and the right result are sums of multiples of them."""
    alike = {name: x for name, x in tensors.items() if x.shape == true.shape == written.shape}
    if not alike or true.numel() <= len(alike):
        return None
    columns = torch.stack([x.flatten() for x in alike.values()], dim=1)
    ours, right = _factors(columns, written.flatten()), _factors(columns, true.flatten())
    if ours is None or right is None:
        return None
    pairs = zip(alike, ours[0].tolist(), right[0].tolist(), strict=True)
    wrong = [(name, a) for name, a, b in pairs if not math.isclose(a, b, rel_tol=_SAME, abs_tol=_SAME)]
    texts = [f"{name} is not in it" if abs(a) < _SAME else f"the factor of {name} is {a:.4g}" for name, a in wrong]
    return Diagnosis("wrong factor in a term", "; ".join(texts))


def _factors(columns: Tensor, written: Tensor) -> Tensor | None:
    """Return the factors, (1, paths) or (slices, paths), with which the columns add up to what was written."""
    solution = torch.linalg.lstsq(columns, written.unsqueeze(-1)).solution
    rest = (columns @ solution).squeeze(-1) - written
    return solution.squeeze(-1).reshape(-1, columns.shape[-1]) if rest.norm() <= _SAME * written.norm() else None


def _judged(factors: Tensor, shape: torch.Size, axis: int | None) -> tuple[str, str]:
    """Return the kind of a mistake in a path, "" if it is right, and what is wrong with the path."""
    factor = float(factors[0])
    if not _are_equal(factors):
        return "wrong factor in a path", f"is multiplied by another number in each {'row' if axis == 1 else 'column'}"
    if math.isclose(factor, 1, rel_tol=_SAME):
        return "", ""
    if abs(factor) < _SAME:
        return "missing path", "is missing"
    if math.isclose(factor, -1, rel_tol=_SAME):
        return "wrong sign in a path", "has the wrong sign"
    for size in shape:
        if math.isclose(factor, size, rel_tol=_SAME):
            return "wrong factor in a path", f"is multiplied by {size}: a mean's 1/{size} is missing"
        if math.isclose(factor, 1 / size, rel_tol=_SAME):
            return "wrong factor in a path", f"is divided by {size} once too often"
    return "wrong factor in a path", f"is multiplied by {factor:.4g}"


def _are_equal(numbers: Tensor) -> bool:
    return bool((numbers - numbers[0]).abs().max() <= _SAME * max(1.0, float(numbers.abs().max())))
