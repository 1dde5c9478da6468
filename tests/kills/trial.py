"""A trial: runs that are disturbed and resumed, and held against a run that nobody disturbed."""

import re
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchnet.storage import CheckpointError, read_checkpoint

from .comparison import first_difference, runs, steps_saved
from .ledger import Ledger, join, read_ledger
from .plan import Ended, Plan
from .task import SAVE_EVERY, STEPS, arguments_of

if TYPE_CHECKING:
    from .lab import Lab


class MissError(AssertionError):
    """Something did not happen as it has to; the message says what."""


def expect(is_so: bool, message: str) -> None:
    """Raise a MissError unless it is so."""
    if not is_so:
        raise MissError(message)


@dataclass(frozen=True)
class Golden:
    """A run that nobody disturbed: its folder, what it trained on, and by which sites it came."""

    run: Path
    ledger: Ledger
    trace: list[str]


@dataclass(frozen=True)
class Case:
    """One trial of many.

    Attributes:
        area: what it is part of, such as K1.
        name: what sets it apart from the others of its area.
        task: what is trained, see task.py.
        go: does it.
        disturbances: how many of its runs are disturbed, at least.
        save_every: steps from one checkpoint to the next.
        faults: what is broken on purpose in all its runs, the undisturbed one as well.
    """

    area: str
    name: str
    task: str
    go: Callable[["Trial"], None]
    disturbances: int = 1
    save_every: int = SAVE_EVERY
    faults: tuple[str, ...] = ()


class Trial:
    """Runs in one folder, each of which goes on from the last checkpoint of those before it."""

    def __init__(self, lab: "Lab", case: Case) -> None:
        self.lab, self.case = lab, case
        self.folder = lab.folder / re.sub("[^a-z0-9]+", "-", f"{case.area} {case.name} {case.task}".lower())
        self.folder.mkdir()
        self.number = self.disturbed = 0

    @property
    def golden(self) -> Golden:
        """What the trial has to come to."""
        return self.lab.golden(self.case.task, self.case.save_every, faults=self.case.faults)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Those of the next run: from the newest checkpoint if there is one, else from the start."""
        if self.saved() is not None:
            return ("--ckpt_path", "last")
        return arguments_of(self.case.task, self.lab.data, self.case.save_every)

    def saved(self) -> int | None:
        """Return the step of the newest checkpoint of all runs; None if there is none."""
        return max((step for run in runs(self.folder) for step in steps_saved(run)), default=None)

    def run(self, arguments: tuple[str, ...] | None = None, **disturbance: Any) -> Ended:
        """Run once, and return how that ended."""
        self.number += 1
        plan = Plan(
            str(self.folder),
            self.number,
            self.arguments if arguments is None else arguments,
            faults=self.case.faults,
            **disturbance,
        )
        ended = self.lab.run(plan)
        if plan.site is not None:
            expect(
                ended.reached,
                f"run {plan.number} was to come by {plan.site!r} for the {plan.call}. time, but ended with "
                f"{ended.code} before: {ended.text('err')[-300:]}",
            )
            self.disturbed += 1
        return ended

    def kill(self, site: str, call: int) -> None:
        """Run, and have the run kill itself there; what it has saved by then must be whole, and recent."""
        ended = self.run(site=site, call=call)
        expect(ended.code == -signal.SIGKILL, f"run {self.number}: expected a kill, got exit code {ended.code}")
        self.expect_recent_checkpoints()

    def expect_recent_checkpoints(self) -> None:
        """Expect every checkpoint to be whole, and no more steps to be lost than there are from one to the next."""
        self.expect_whole_checkpoints()
        done = max((step + 1 for ledger in self.ledgers() for step in ledger), default=0)
        lost = done - (self.saved() or 0)
        expect(
            lost <= self.case.save_every,
            f"run {self.number} was stopped after {done} steps, {lost} of which are lost: a checkpoint is missing",
        )

    def expect_whole_checkpoints(self) -> None:
        """Expect every checkpoint to be readable and to hold the step that it is called by."""
        for run in runs(self.folder):
            for path in (run / "checkpoints").glob("*.ckpt"):
                try:
                    step = read_checkpoint(path)["global_step"]
                except CheckpointError as error:
                    raise MissError(f"run {self.number} left a damaged checkpoint, {path}: {error}") from error
                expect(path.name in ("best.ckpt", f"step={step}.ckpt"), f"{path}: holds step {step}")

    def ledgers(self) -> list[Ledger]:
        """Return the ledger of each run so far."""
        return [read_ledger(self.folder / f"{number}.ledger") for number in range(1, self.number + 1)]

    def finish(self) -> None:
        """Run to the end from where the last run was disturbed; expect what the golden run came to, to the bit."""
        saved = self.saved() or 0
        ended = self.run()
        expect(ended.code == 0, f"the resumed run ended with exit code {ended.code}: {ended.text('err')[-1000:]}")
        first = min(self.ledgers()[-1], default=saved)
        expect(first == saved, f"the run was resumed at step {first}, the newest checkpoint was of step {saved}")
        self.expect_same_samples(range(STEPS))
        self.expect_same_results(self.golden.run)

    def expect_same_results(self, expected: Path) -> None:
        """Expect the last run to have left in its folder what another left in its own."""
        difference = first_difference(runs(self.folder), expected)
        expect(difference is None, str(difference))
        left = [path.name for path in runs(self.folder)[-1].rglob("*.part")]
        expect(not left, f"expected no temporary files of a run that is done, got {left}")

    def expect_same_samples(self, steps: range) -> None:
        """Expect the runs together to have taken these steps on the samples that they are taken on undisturbed."""
        joined = join(self.ledgers())
        expect(list(joined) == list(steps), f"expected the steps {steps}, got {list(joined)}")
        for step in steps:
            expect(joined[step] == self.golden.ledger[step], f"step {step} was taken on other samples")

    def clear(self) -> None:
        """Forget all runs."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
