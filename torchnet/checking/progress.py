"""A line on the terminal that says what a long check is doing."""

import sys
import time
from types import TracebackType

_PATIENCE = 1.0  # seconds before the first line


class Progress:
    """Writes what is being done to stderr, in place, if that is a terminal and the check takes longer than a second."""

    def __init__(self, subject: str) -> None:
        self.subject, self._start, self._written = subject, time.monotonic(), False

    def __call__(self, text: str) -> None:
        elapsed = time.monotonic() - self._start
        if elapsed > _PATIENCE and sys.stderr is not None and sys.stderr.isatty():
            line = f"checking {self.subject}: {text} ({elapsed:.0f} s)"
            sys.stderr.write(f"\r\x1b[2K{line[:100]}")
            sys.stderr.flush()
            self._written = True

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._written:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
