"""Find the operation of a forward pass that makes its result NaN."""

from typing import Any

from torch import Tensor

from torchnet.checking.dispatch import OnResults
from torchnet.checking.reports.report import Diagnosis
from torchnet.checking.subjects.subject import Subject


def nan_finding(subject: Subject) -> list[Diagnosis]:
    """Return a finding if the forward pass returns NaN: it has no gradient there."""
    if not any(output.isnan().any() for output in subject.outputs()):
        return []
    given = [name for name, x in (subject.tensors | subject.constants).items() if x.isnan().any()]
    if given:
        return [
            Diagnosis("not finite", f"the input {given[0]} has NaN, and so has the output: it has no gradient there")
        ]
    infinite, nan, count = "", "", 0

    def visit(func: Any, x: Tensor) -> Tensor:
        nonlocal infinite, nan, count
        count += 1
        where = f"{func.overloadpacket.__name__} (operation {count})"
        if not infinite and not nan and x.isinf().any():
            infinite = where
        if not nan and x.isnan().any():
            nan = where
        return x

    with OnResults(visit):
        subject.outputs()
    text = "the forward pass returns NaN, which has no gradient"
    if nan:
        text += f": the first NaN is a result of {nan}"
    if infinite:
        text += f", after {infinite} returned Inf" + (", as in 0 * log 0" if infinite.startswith("log") else "")
    return [Diagnosis("not finite", text)]
