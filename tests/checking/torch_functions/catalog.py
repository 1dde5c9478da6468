"""All functions, and the false alarms that cannot be avoided."""

from . import elementwise, matrices, networks, reductions
from .case import Case

CASES: dict[str, Case] = {
    case.name: case for module in (elementwise, reductions, matrices, networks) for case in module.CASES
}

# Functions of which a check says that autograd is wrong, and why that is by nature so.
KNOWN: dict[str, str] = {}
