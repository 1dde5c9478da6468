"""The proof: hold any hand-written backward against independent oracles, and name the mistake where one is wrong."""

from torchnet.checking.catalog import named_subject, overview, random_inputs
from torchnet.checking.examination import ORACLES
from torchnet.checking.proof import check
from torchnet.checking.report import GradientError, Report
from torchnet.checking.scene import Diagnosis
from torchnet.checking.subject import SubjectError
from torchnet.checking.verdict import Comparison, Precision, Verdict

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
