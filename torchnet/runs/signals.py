"""Ctrl-C, SIGTERM and SIGHUP (a closed terminal) end the program immediately, each with one line and an exit code."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torchnet.runs.errors import StoppedError

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
if hasattr(signal, "SIGHUP"):  # not on Windows
    _WORDS[signal.SIGHUP] = "terminal closed"
SIGNALS = tuple(_WORDS)


class _Stop:
    """A signal handler: the first signal raises, a second one kills the process."""

    def __init__(self) -> None:
        self.error: StoppedError | None = None
        self.is_held = False

    def __call__(self, number: int, frame: Any) -> None:
        for each in _WORDS:
            signal.signal(each, signal.SIG_DFL)
        self.error = StoppedError(_WORDS[signal.Signals(number)], exit_code=128 + number)
        if not self.is_held:
            raise self.error


_stop = _Stop()


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Within this context a signal raises a StoppedError. A signal that is ignored from the start stays ignored."""
    _stop.error = None
    if threading.current_thread() is not threading.main_thread():  # Python allows handlers in the main thread only
        yield
        return
    before = {number: signal.getsignal(number) for number in _WORDS}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def raise_if_stopped() -> None:
    """Raise the error of a signal that arrived where Python cannot raise, as in a destructor."""
    if _stop.error is not None:
        raise _stop.error


@contextmanager
def signals_held() -> Iterator[None]:
    """Let a signal that arrives within this context raise at its end: a queue that is torn would hang the program."""
    before, _stop.is_held = _stop.error, True
    try:
        yield
    finally:
        _stop.is_held = False
    if _stop.error is not before:
        raise_if_stopped()
