"""K2: runs of the real command line, killed at random times and stopped by signals from another process."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from .plan import ROOT
from .stops import EXIT_CODES, SECONDS
from .trial import Case, Trial, expect

KILLS, ATTEMPTS = 50, 20
TASK = "everything, blocks of 1"  # which takes the longest, so that there is time to kill it in
LATEST = 1.0  # seconds from the first step, about as long as it takes
BEGUN = "results in"  # what a run prints when it is about to take its first step


def cases(sample: bool) -> list[Case]:
    """Return the kills, each at a time of its own, and two of each signal; the sample has three kills."""
    kills = [Case("K2", f"kill, seed {seed}", TASK, partial(_kill, seed)) for seed in range(KILLS)]
    stops = [
        Case("K2", f"{name} after {delay} s", TASK, partial(_stop, name, delay))
        for name in ("SIGTERM", "SIGINT", "SIGHUP")
        for delay in (0.0, 0.1)
    ]
    return kills[:3] if sample else [*kills, *stops]


@dataclass(frozen=True)
class Ran:
    """How a process ended: its code, how long it took from when it had begun to train, and what it wrote."""

    code: int
    seconds: float
    error: str


def _run(trial: Trial, arguments: Sequence[str], number: int = 0, delay: float | None = None) -> Ran:
    """Run the real command line; send it a signal so many seconds after it has begun."""
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        cwd=trial.folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    begun = any(BEGUN in line for line in process.stdout)
    start = time.monotonic()
    if delay is not None and begun:
        time.sleep(delay)
        start = time.monotonic()
        process.send_signal(number)
    _, error = process.communicate(timeout=120)
    return Ran(process.returncode, time.monotonic() - start, error)


def _finish(trial: Trial) -> None:
    """Run again, as a job is that is restarted until it succeeds: the first time has to be enough."""
    ran = _run(trial, trial.arguments)
    expect(ran.code == 0, f"the resumed run ended with exit code {ran.code}: {ran.error[-1000:]}")
    trial.expect_same_results(trial.golden.run)


def _kill(seed: int, trial: Trial) -> None:
    """Kill it at a random time, from its first step to its last result; start again if it had ended before that."""
    draw = random.Random(seed)
    for _ in range(ATTEMPTS):
        ran = _run(trial, trial.arguments, signal.SIGKILL, draw.uniform(0, LATEST))
        killed = ran.code == -signal.SIGKILL
        if killed:
            break
        trial.clear()
    expect(killed, f"{ATTEMPTS} runs had ended before they were killed: the last with {ran}")
    trial.disturbed += 1
    trial.expect_whole_checkpoints()
    _finish(trial)


def _stop(name: str, delay: float, trial: Trial) -> None:
    ran = _run(trial, trial.arguments, signal.Signals[name], delay)
    expect(ran.code == EXIT_CODES[name], f"expected exit code {EXIT_CODES[name]}, got {ran.code}: {ran.error}")
    expect(ran.seconds < SECONDS, f"expected it to end within {SECONDS} s, it took {ran.seconds:.1f} s")
    expect(ran.error.count("\n") == 1, f"expected one line on stderr, got {ran.error!r}")
    trial.disturbed += 1
    trial.expect_whole_checkpoints()
    _finish(trial)
