"""Result: what an exercise says about one attempt."""

import html
from dataclasses import dataclass


class ExerciseError(AssertionError):
    """A solution of an exercise is wrong or not written; an AssertionError, so that a test fails with its message."""


@dataclass(frozen=True, repr=False)
class Result:
    """What an exercise says about one attempt.

    Attributes:
        exercise: the name of the exercise.
        passed: whether the solution is right.
        kind: the kind of mistake, such as "transposed"; "not written" for a stub, "" if passed.
        where: the name of the result that is wrong; "" if passed, or if the mistake is in the function as a whole.
        attempt: how many attempts have failed with this kind of mistake; 0 if passed or not written.
        hints: the hints so far, the most direct one last.
        text: if passed, what to try next; if not written, what is missing; otherwise whether there are more hints.
    """

    exercise: str
    passed: bool
    kind: str
    where: str
    attempt: int
    hints: tuple[str, ...]
    text: str

    def raise_if_failed(self) -> None:
        """Raise an error unless the solution is right.

        Raises:
            ExerciseError: with the kind of mistake and the hints.
        """
        if not self.passed:
            raise ExerciseError(str(self))

    @property
    def _heading(self) -> str:
        outcome = "passed" if self.passed else "not yet written" if self.kind == "not written" else "not yet right"
        return f"{self.exercise}: {outcome}"

    def __str__(self) -> str:
        hints = [f"  Hint {i}: {hint}" for i, hint in enumerate(self.hints, 1)]
        return "\n".join([f"{self._heading}. {self.text}".rstrip(), *hints])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        color = "#2a9d4a" if self.passed else "#888" if self.kind == "not written" else "#e5484d"
        hints = "".join(f"<li>{html.escape(hint)}</li>" for hint in self.hints)
        text = f"<p>{html.escape(self.text)}</p>" if self.text else ""
        return (
            f"<div style='border-left:4px solid {color};padding-left:10px;max-width:52em'>"
            f"<b>{html.escape(self._heading)}</b>{text}{f'<ol>{hints}</ol>' if hints else ''}</div>"
        )
