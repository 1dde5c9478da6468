"""A process that has all libraries in memory and forks a child for each run that is to be disturbed.

A run of the trainer that starts from nothing spends seconds on imports, and then less than half a second on training.
A fork of a process that has done the imports has them, so that hundreds of runs can be killed in minutes.
"""

import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .plan import ROOT, Ended, Plan

WARM_UP = ("--data.source=digits", "--trainer.max_epochs=1", "--data.validation_fraction=0.1", "--report=false")


class Zygote:
    """Run plans one after the other, each in a fork of a process that stays; to be closed in the end."""

    def __init__(self) -> None:
        # Only without threads is a process safe to fork.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.kills.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def run(self, plan: Plan) -> Ended:
        """Return how the run ended that the plan describes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(plan)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("expected the zygote to answer, but it has ended: see what it wrote to stderr")
        return plan.ended(**json.loads(answer))

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _serve() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the client, which closes this process
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints while it is imported is no answer
    os.fsync = os.fstat  # a process that is killed loses nothing that it has written: no need to wait for the disk
    _import_everything()
    gc.freeze()  # the collector of a fork would touch, and so copy, every page of what was imported here
    for line in sys.stdin:
        answers.write(json.dumps(_fork(Plan(**json.loads(line)))) + "\n")
        answers.flush()


def _import_everything() -> None:
    """Import what a run imports, also late in its course: one is made in a fork, and says what."""
    from . import child  # noqa: F401 - here and not above: it imports torch, which the client does without

    with tempfile.TemporaryDirectory() as folder:
        _fork(Plan(folder, 1, WARM_UP, traced=True))
        for name in Path(folder, "1.modules").read_text().split():
            importlib.import_module(name)


def _fork(plan: Plan) -> dict[str, Any]:
    pid = os.fork()
    if pid == 0:
        from .child import run  # which is imported by now

        run(plan)  # and never returns
    _, status = os.waitpid(pid, 0)
    return {"code": os.waitstatus_to_exitcode(status), "at": time.monotonic()}


if __name__ == "__main__":
    _serve()
