"""Reports: tables of what a trained network gets right and wrong, and pictures of what it is trained on."""

from torchnet.reporting.batch_picture import write_batch_picture
from torchnet.reporting.evaluation import evaluate
from torchnet.reporting.predictions import write_predictions
from torchnet.reporting.report import classification_report, print_report, read_report, run_report, write_report

__all__ = [
    "classification_report",
    "evaluate",
    "print_report",
    "read_report",
    "run_report",
    "write_batch_picture",
    "write_predictions",
    "write_report",
]
