"""Reports: tables of what a trained network gets right and wrong, and pictures of what it is shown."""

from torchnet.reporting.answers import Answer, print_answers
from torchnet.reporting.answers_picture import SUFFIXES as PICTURE_SUFFIXES
from torchnet.reporting.answers_picture import write_answers_picture
from torchnet.reporting.batch_picture import write_batch_picture
from torchnet.reporting.evaluation import evaluate
from torchnet.reporting.predictions import write_predictions
from torchnet.reporting.report import classification_report, print_report, read_report, run_report, write_report

__all__ = [
    "PICTURE_SUFFIXES",
    "Answer",
    "classification_report",
    "evaluate",
    "print_answers",
    "print_report",
    "read_report",
    "run_report",
    "write_answers_picture",
    "write_batch_picture",
    "write_predictions",
    "write_report",
]
