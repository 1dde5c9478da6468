"""What a run of the trainer is to do and where it is to be disturbed, and how it ended."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
TIME_LIMIT = 60  # seconds for a run that takes half of one: it hangs


@dataclass(frozen=True)
class Plan:
    """A run, numbered in its folder, in which what it leaves to be looked at begins with that number.

    Attributes:
        folder: where the run is started.
        number: of the run, from 1.
        arguments: those of the command line.
        site: the name of the point at which it is disturbed, see sites.py; None for nowhere.
        call: how often the run has to come by there before it is; from 1.
        action: what happens there: the name of a signal that the run sends itself, or "raise".
        faults: what is broken in the trainer on purpose, see faults.py.
        traced: whether the run writes down by which sites it comes, in their order, and which modules it imports.
    """

    folder: str
    number: int
    arguments: tuple[str, ...]
    site: str | None = None
    call: int = 1
    action: str = "SIGKILL"
    faults: tuple[str, ...] = ()
    traced: bool = False

    def path(self, kind: str) -> Path:
        """Return the path of what the run leaves: its out, err, marker, ledger, trace or modules."""
        return Path(self.folder, f"{self.number}.{kind}")

    def ended(self, code: int, at: float) -> "Ended":
        """Return how the run ended, from its exit code, or minus its signal, and the time."""
        marker = self.path("marker")
        return Ended(self, code, at, json.loads(marker.read_text()) if marker.exists() else None)


@dataclass(frozen=True)
class Ended:
    """How a run ended.

    Attributes:
        plan: the run.
        code: its exit code; below 0 the signal that ended it.
        at: when, on the monotonic clock.
        marker: what it wrote down just before it was disturbed: site, call and time; None if it was not.
    """

    plan: Plan
    code: int
    at: float
    marker: dict[str, Any] | None

    @property
    def reached(self) -> bool:
        """Whether it was disturbed, and where it was meant to be."""
        marker = self.marker or {}
        return (marker.get("site"), marker.get("call")) == (self.plan.site, self.plan.call)

    @property
    def seconds(self) -> float:
        """How long it took to end once it was disturbed."""
        assert self.marker is not None
        return self.at - self.marker["time"]

    def text(self, kind: str) -> str:
        """Return what the run wrote to its out or err."""
        return self.plan.path(kind).read_text()
