"""Exercise: a task, and the attempts that were made at it."""

from collections import Counter
from typing import Any

from torchnet.exercises.grading import find_fault
from torchnet.exercises.result import Result
from torchnet.exercises.task import Task

_MORE = "Call check again for a more direct hint."


class Exercise:
    """A task that grades solutions and remembers the attempts; a notebook and print() show the task.

    Each failed attempt with the same kind of mistake gets a more direct hint, never the answer.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._failed: Counter[tuple[str, str]] = Counter()

    @property
    def name(self) -> str:
        """The name of the exercise, and of the function to write."""
        return self._task.name

    def check(self, function: Any) -> Result:
        """Try a solution and return a result that displays itself; whatever the function does, this does not raise."""
        fault = find_fault(self._task, function)
        if fault is None:
            return Result(self.name, True, "", "", 0, (), self._task.praise)
        if fault.kind == "not written":
            text = fault.hints[0] if fault.hints else "Replace each ... by a formula, then check again."
            return Result(self.name, False, fault.kind, fault.where, 0, (), text)
        key = (fault.where, fault.kind)
        self._failed[key] += 1
        shown = fault.hints[: self._failed[key]]
        text = _MORE if len(shown) < len(fault.hints) else ""
        return Result(self.name, False, fault.kind, fault.where, self._failed[key], shown, text)

    def __str__(self) -> str:
        return str(self._task)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self._task.as_html()
