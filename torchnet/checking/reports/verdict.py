"""The verdict on the gradient of one tensor, and the diagnosis of a wrong one."""

import math
from dataclasses import dataclass, field

from torchnet.checking.compare import Comparison, Precision
from torchnet.checking.reports.error_map import LEGEND, ErrorMap


@dataclass(frozen=True)
class Diagnosis:
    """A kind of mistake, and the evidence for it.

    Attributes:
        kind: for a wrong gradient: "missing", "swapped", "grad_output", "shape", "not finite", "constant factor",
            "sign", "transposed", "wrong axis", "missing path", "activation derivative", "one slice", "one element",
            "small elements", "update before propagate", "rounding", "oracles disagree" or "unknown"; for other faults
            of backward: "side effect", "not repeatable", "memory layout", "input_grad", "accumulated" or "stale state".
        text: a sentence for the reader.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """The result for the hand-written gradient of one tensor.

    Attributes:
        name: the name of the tensor.
        shape: the shape of the tensor.
        passed: whether every oracle agrees with the gradient.
        comparisons: one per oracle that was run.
        taylor_slope: the order at which the remainder of the first-order Taylor expansion vanishes: 2, or 1 for a wrong
            gradient; infinite if the remainder is zero, None if the test was not run or a kink is too close.
        right_in_float64: whether the formula is right in float64, whatever the precision in a smaller dtype.
        written: whether backward wrote a gradient in float64; writing none is right where the true gradient is zero.
        kinks: the number of elements at a kink, where the gradient is another than autograd's, and right.
        precision: the comparison in the subject's own dtype, if that is smaller than float64.
        max_abs: the largest absolute difference from the true gradient.
        max_rel: the largest difference of an element relative to the true element.
        ulps: the difference at the worst index, in units of the last place of the true value in float64.
        cosine: the cosine of the angle between the hand-written and the true gradient.
        scale: <hand, true> / <true, true>, the factor by which the hand-written gradient is too large.
        worst_index: the index of the largest difference.
        hand_value: the hand-written gradient at that index.
        true_value: the true gradient at that index.
        wrong_share: the fraction of elements whose difference is larger than rounding.
        diagnosis: the kind of mistake, None if the gradient is right.
        error_map: which elements are wrong, and how much; None if the gradient is right or its elements are not known.
        is_output: whether this is an output of the forward pass, compared with the reference, not a gradient.
    """

    name: str
    shape: tuple[int, ...]
    passed: bool
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    taylor_slope: float | None = None
    right_in_float64: bool = True
    written: bool = True
    kinks: int = 0
    precision: Precision | None = None
    max_abs: float = math.nan
    max_rel: float = math.nan
    ulps: float = math.nan
    cosine: float = math.nan
    scale: float = math.nan
    worst_index: tuple[int, ...] | None = None
    hand_value: float = math.nan
    true_value: float = math.nan
    wrong_share: float = math.nan
    diagnosis: Diagnosis | None = None
    error_map: ErrorMap | None = None
    is_output: bool = False

    @property
    def error(self) -> float:
        """The largest error against any oracle."""
        return max((comparison.error for comparison in self.comparisons.values()), default=math.inf)

    def explanation(self, with_map: bool = True) -> list[str]:
        """Return the lines of a report that say what is wrong."""
        lines = [f"{self.name}: {self.diagnosis.text if self.diagnosis else 'wrong'}"]
        if self.worst_index is not None and not self.right_in_float64:
            ulps = f", {self.ulps:.3g} ulps" if math.isfinite(self.ulps) else ""
            lines += [
                f"    worst at [{', '.join(map(str, self.worst_index))}]: {self.hand_value:.12g}, should be "
                f"{self.true_value + 0.0:.12g} (off by {self.max_abs:.3g}{ulps})",
                f"    wrong elements {self.wrong_share:.1%}, cosine {self.cosine:.9g}, scale {self.scale:.9g}",
            ]
        if self.error_map is not None and self.error_map.shows_place and with_map:
            rows, columns = self.error_map.rows, self.error_map.columns
            lines += [f"    map of {rows} x {columns} elements: {LEGEND}"]
            lines += [f"      {line}" for line in self.error_map.lines()]
        return lines


def error_cell(comparison: Comparison | None) -> str:
    """Return the error by one oracle, for a table."""
    if comparison is None or comparison.compared == 0:
        return "kink" if comparison is not None and comparison.skipped else "-"
    skipped = f" ({comparison.skipped} skipped)" if comparison.skipped else ""
    return f"{comparison.error:.1e}{skipped}"


def slope_cell(slope: float | None) -> str:
    """Return a Taylor slope, for a table."""
    return "-" if slope is None else "exact" if slope > 10 else f"{slope:.2f}"


def precision_cell(precision: Precision | None) -> str:
    """Return the errors in the subject's own dtype and of autograd in it, for a table."""
    return "-" if precision is None else f"{precision.error:.1e} / {precision.autograd_error:.1e}"
