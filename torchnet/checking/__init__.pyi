"""The public names and the files that define them; __init__.py reads this file and imports a name on first use."""

from .catalog import overview
from .compare import Comparison, Precision
from .named import named_subject, random_inputs
from .oracles.oracles import ORACLES
from .proof import check
from .reports.report import Diagnosis, GradientError, Report, Verdict
from .subjects.subject import SubjectError

__all__ = [
    "ORACLES",
    "Comparison",
    "Diagnosis",
    "GradientError",
    "Precision",
    "Report",
    "SubjectError",
    "Verdict",
    "check",
    "named_subject",
    "overview",
    "random_inputs",
]
