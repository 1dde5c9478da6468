"""All functions, and the false alarms that cannot be avoided."""

from . import elementwise, matrices, networks, reductions
from .case import Case

CASES: dict[str, Case] = {
    case.name: case for module in (elementwise, reductions, matrices, networks) for case in module.CASES
}

# Functions of which a check says that autograd is wrong, and why that is by nature so.
KNOWN: dict[str, str] = {
    "hardsigmoid": "in float64, too, PyTorch's backward multiplies by 1/6 rounded to float32: it is wrong by 3e-8",
    "polar": "for a negative absolute value, which is outside of its domain, PyTorch's gradient has the wrong sign",
}
