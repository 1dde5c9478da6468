"""What is kept off the console."""

import logging
import warnings

_ASKED_FOR = (
    "pytorch_lightning.callbacks.early_stopping",
    "pytorch_lightning.callbacks.model_summary",
    "pytorch_lightning.profilers.profiler",
)
_TOLD = ("Time limit reached", "Ignoring")  # beginnings of messages: why a run ends, and which option does not count


def silence_libraries() -> None:
    """Silence Lightning's hints and advertisements; what an option asks for is printed, and errors are exceptions."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module=name)
    warnings.filterwarnings("default", message="Experiment logs directory")  # whose files are deleted
    for name in _ASKED_FOR:
        _print_messages(name)
    _print_messages("pytorch_lightning.utilities.rank_zero", _TOLD)


class _Printer(logging.Handler):
    """Print messages with one of these beginnings on the standard output."""

    def __init__(self, beginnings: tuple[str, ...]) -> None:
        super().__init__()
        self.beginnings = beginnings

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.getMessage().startswith(self.beginnings):
            print(record.getMessage(), flush=True)


def _print_messages(logger: str, beginnings: tuple[str, ...] = ("",)) -> None:
    log = logging.getLogger(logger)
    log.handlers, log.propagate = [_Printer(beginnings)], False
    log.setLevel(logging.INFO)
