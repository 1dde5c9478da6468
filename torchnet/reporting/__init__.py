"""Reports on trained networks: metrics, tables, figures and the HTML page of a run."""

from torchnet.drawing.picture import PICTURE_SUFFIXES
from torchnet.reporting.answers import Answer, print_answers
from torchnet.reporting.answers_picture import write_answers_picture
from torchnet.reporting.batch_picture import write_batch_picture
from torchnet.reporting.evaluation import classification_report, evaluate, write_predictions
from torchnet.reporting.report_file import read_report, write_report
from torchnet.reporting.run_report import print_report, run_report

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
