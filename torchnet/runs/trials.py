"""The runs of a sweep: which of them are there already, and the processes that train the others."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from torchnet.data import DataError
from torchnet.reporting.run_data import REPORT
from torchnet.runs.config import read_config
from torchnet.runs.folders import CHECKPOINTS, CONFIG, folders_of_runs, step_checkpoints

_WITHOUT_EFFECT = ("report", "allow_environment_change")  # options that change nothing about what is trained
_POLL, _PATIENCE = 0.05, 30  # seconds between two looks at the processes, and to save a state


@dataclass(frozen=True)
class Trial:
    """One run of a sweep, whether it is there already or not.

    Attributes:
        label: what tells it apart from the others.
        arguments: those of train.py.
        config: its configuration. A run with the same configuration is this run.
        root: the folder of all runs.
        name: the name of the run.
    """

    label: str
    arguments: list[str]
    config: dict[str, Any]
    root: Path
    name: str

    def finished(self) -> Path | None:
        """Return the folder of the newest of its runs that is at its end; None if there is none."""
        return next((folder for folder in self._folders() if (folder / REPORT).is_file()), None)

    def interrupted(self) -> Path | None:
        """Return the folder of the newest of its runs that has a checkpoint; None if there is none."""
        return next((folder for folder in self._folders() if step_checkpoints(folder / CHECKPOINTS)), None)

    def _folders(self) -> Iterator[Path]:
        for folder in reversed(folders_of_runs(self.root, self.name)):
            if _decisive(_config_in(folder)) == _decisive(self.config):
                yield folder


_read_once = cache(read_config)  # a config.yaml does not change; that it is not there yet is not kept


def _config_in(folder: Path) -> dict[str, Any]:
    try:
        return _read_once(folder / CONFIG)
    except (DataError, OSError):
        return {}


def _decisive(config: dict[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in config.items() if option not in _WITHOUT_EFFECT}


def _send(number: int, processes: Iterable["subprocess.Popen[bytes]"]) -> None:
    """Send a signal to processes that still run, and to those that they started."""
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, number)


class Ended(NamedTuple):
    """A trial whose process has ended, and the last line that it printed."""

    trial: Trial
    exit_code: int
    last_line: str


@dataclass
class Workers:
    """Processes that train. At the end of the context, those that still run are stopped and save their state.

    Args:
        program: train.py.
        jobs: how many processes run at a time.
        environment: variables that are added to the environment of this process.
    """

    program: Path
    jobs: int
    environment: dict[str, str]
    _running: dict["subprocess.Popen[bytes]", tuple[Trial, IO[bytes]]] = field(default_factory=dict)

    def __enter__(self) -> "Workers":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _send(signal.SIGTERM, self._running)  # a process in the background may ignore SIGINT
        until = time.monotonic() + _PATIENCE
        while any(process.poll() is None for process in self._running) and time.monotonic() < until:
            time.sleep(_POLL)
        _send(signal.SIGKILL, self._running)
        for process, (_, output) in self._running.items():
            process.wait()
            output.close()

    def train(self, trials: Iterable[Trial]) -> Iterator[Ended]:
        """Train each of the trials, an interrupted one from its last checkpoint; yield them as they end."""
        waiting = list(trials)
        while waiting or self._running:
            while waiting and len(self._running) < self.jobs:
                self._start(waiting.pop(0))
            for process in [it for it in self._running if it.poll() is not None]:
                trial, output = self._running.pop(process)
                with output:
                    output.seek(0)
                    lines = output.read().decode(errors="replace").split("\n")
                code = process.returncode if process.returncode >= 0 else 128 - process.returncode  # killed by a signal
                yield Ended(trial, code, next((line for line in reversed(lines) if line.strip()), "no output"))
            time.sleep(_POLL)

    def _start(self, trial: Trial) -> None:
        resumed = trial.interrupted()
        arguments = [*trial.arguments, *([f"--ckpt_path={resumed}"] if resumed else [])]
        output = tempfile.TemporaryFile()  # noqa: SIM115 - until the process ends
        process = subprocess.Popen(
            [sys.executable, str(self.program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | self.environment,
            start_new_session=True,  # Ctrl-C reaches this process alone, which passes it on once: twice would kill
        )
        self._running[process] = trial, output
