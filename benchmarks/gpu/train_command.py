"""The wall time of `python train.py` on a GPU, in parts: from its output, its files and a clock."""

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from benchmarks.child_process import ChildError

_ROOT = Path(__file__).parents[2]
_LIBRARIES = "import torch, pytorch_lightning"
_LIMIT = 120  # seconds of a command
_FIRST_STEP = re.compile(r" network, .* on (\S+)$")  # the line that is printed just before the first step
_ACCURACY = re.compile(r"^test accuracy = ([\d.]+)$")


@dataclass(frozen=True)
class CommandTimes:
    """The seconds of one start of `python train.py`.

    Args:
        start: "first" or "second".
        libraries: a process that imports torch and Lightning and ends.
        before: from the start of the command to the first step.
        training: from the first step to the last one, with logs, evaluations and checkpoints.
        after: from the last step until the command has ended.
        total: the whole command.
        device: what it trained on.
        way: how steps were computed.
        accuracy: the test accuracy.
    """

    start: str
    libraries: float
    before: float
    training: float
    after: float
    total: float
    device: str
    way: str
    accuracy: float


def time_train(start: str, folder: Path, *options: str) -> CommandTimes:
    """Import the libraries in one process, then run `python train.py` in another one.

    Args:
        start: a name for this start.
        folder: a new folder for the results.
        options: options of train.py.

    Raises:
        ChildError: if one of them fails.
    """
    libraries, _ = _timed(sys.executable, "-c", _LIBRARIES)
    total, lines = _timed(sys.executable, "train.py", f"--trainer.default_root_dir={folder}", *options)
    facts = json.loads(next(folder.glob("*/*/facts.json")).read_text())
    before, device = next((at, found[1]) for at, line in lines if (found := _FIRST_STEP.search(line)))
    training = facts["seconds"]
    return CommandTimes(
        start,
        libraries,
        before,
        training,
        total - before - training,
        total,
        device,
        facts["environment"]["training step"],
        next(float(found[1]) for _, line in lines if (found := _ACCURACY.search(line))),
    )


def _timed(*command: str) -> tuple[float, list[tuple[float, str]]]:
    """Run a command; return its seconds, and its lines with the second at which each was printed."""
    begin = time.perf_counter()
    lines = []
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        killer = Timer(_LIMIT, process.kill)
        killer.start()
        for line in process.stdout or ():  # the pipe closes when the process ends
            lines.append((time.perf_counter() - begin, line.rstrip("\n")))
        code = process.wait()
        killer.cancel()
    seconds = time.perf_counter() - begin
    if code != 0:
        last = lines[-1][1] if lines else "no output"
        raise ChildError(f"{' '.join(command[1:3])} ended with exit code {code}: {last}")
    return seconds, lines
