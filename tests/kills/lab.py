"""Where trials take place: some at the same time, each judged by a run that nobody disturbed."""

import json
import queue
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .comparison import runs
from .ledger import read_ledger
from .plan import Ended, Plan
from .task import EPOCHS, SAVE_EVERY, STEPS, arguments_of, write_data
from .trial import Case, Golden, MissError, Trial, expect
from .zygote import Zygote


@dataclass(frozen=True)
class Verdict:
    """What came of a case: how many runs were disturbed as they were meant to be, and what was missed, if anything."""

    case: Case
    disturbed: int
    miss: str | None


class Lab:
    """A folder for trials and some zygotes that run them at the same time; to be used in a `with`."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self.folder, self.jobs = folder, jobs
        self.data = folder / "tiny.npz"
        write_data(self.data)
        self._zygotes: queue.Queue[Zygote] = queue.Queue()
        for _ in range(jobs):
            self._zygotes.put(Zygote())
        self._goldens: dict[tuple[Any, ...], Golden] = {}
        self._golden_is_made = threading.Lock()

    def __enter__(self) -> "Lab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _ in range(self.jobs):
            self._zygotes.get().close()

    def run(self, plan: Plan) -> Ended:
        """Run a plan as soon as a zygote is free."""
        zygote = self._zygotes.get()
        try:
            return zygote.run(plan)
        finally:
            self._zygotes.put(zygote)

    def golden(self, task: str, save_every: int = SAVE_EVERY, keep: int = 2, faults: tuple[str, ...] = ()) -> Golden:
        """Return the undisturbed run of a task, made once."""
        key = (task, save_every, keep, faults)
        with self._golden_is_made:
            if key not in self._goldens:
                self._goldens[key] = self._make_golden(*key)
            return self._goldens[key]

    def _make_golden(self, task: str, save_every: int, keep: int, faults: tuple[str, ...]) -> Golden:
        folder = tempfile.mkdtemp(prefix="golden-", dir=self.folder)
        arguments = arguments_of(task, self.data, save_every, keep)
        ended = self.run(Plan(folder, 1, arguments, faults=faults, traced=True))
        expect(ended.code == 0, f"{task}, undisturbed: exit code {ended.code}: {ended.text('err')}")
        ledger = read_ledger(ended.plan.path("ledger"))
        expect(list(ledger) == list(range(STEPS)), f"{task}, undisturbed: expected {STEPS} steps, got {list(ledger)}")
        samples = sorted({sample for step in ledger.values() for sample in step})
        for epoch in range(EPOCHS):
            steps = range(epoch * STEPS // EPOCHS, (epoch + 1) * STEPS // EPOCHS)
            trained = sorted(sample for step in steps for sample in ledger[step])
            expect(trained == samples, f"{task}, undisturbed: epoch {epoch} has not each sample once")
        return Golden(runs(Path(folder))[0], ledger, json.loads(ended.plan.path("trace").read_text()))

    def judge(self, cases: Sequence[Case]) -> Iterator[Verdict]:
        """Go through cases, some at a time; the folder of one that misses is kept."""
        with ThreadPoolExecutor(self.jobs) as pool:
            yield from pool.map(self._judge, cases)

    def _judge(self, case: Case) -> Verdict:
        trial = Trial(self, case)
        try:
            case.go(trial)
            expect(
                trial.disturbed >= case.disturbances,
                f"expected at least {case.disturbances} runs to be disturbed where it was meant, got {trial.disturbed}",
            )
        except Exception as error:  # whatever a run has left that was not expected
            miss = str(error) if isinstance(error, MissError) else repr(error)
            return Verdict(case, trial.disturbed, f"{case.area}, {case.name}, {case.task}: {miss}; in {trial.folder}")
        shutil.rmtree(trial.folder)
        return Verdict(case, trial.disturbed, None)
