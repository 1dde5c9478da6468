"""A limit on the time that optional work, such as copies in memory, may take of a run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Throttle:
    """Tell whether it is time to repeat some work, so that it takes at most a share, from 0 to 1, of the run's time."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.started = self.seconds = 0.0
        self.is_first = True

    @property
    def is_due(self) -> bool:
        """Whether enough time has passed since the work was done last."""
        return time.monotonic() - self.started > self.seconds / self.share

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the work that is done within this context."""
        self.started = time.monotonic()
        yield
        # The first time takes longer, as it allocates memory, and would delay the second one for long.
        self.seconds = 0.0 if self.is_first else time.monotonic() - self.started
        self.is_first = False
