"""Runs of train.py in one process and in several, each a command of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchnet.cli.main import main
from torchnet.runs.folders import step_checkpoints
from torchnet.storage import read_checkpoint

ROOT = Path(__file__).parent.parent.parent
LIMIT = 240.0  # seconds


@dataclass
class Run:
    """A command that has been started, and what it has printed once it has ended."""

    folder: Path
    command: "subprocess.Popen[str]"

    def first_weights(self) -> None:
        """Wait until there is a checkpoint."""
        deadline = time.monotonic() + LIMIT
        while not self.checkpoints():
            assert self.command.poll() is None, self.command.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; return the exit code, and what is on stdout and stderr."""
        out, err = self.command.communicate(timeout=LIMIT)
        return self.command.returncode, out, err

    def child(self) -> int:
        """Return the number of the process that the first one has started."""
        listed = Path(f"/proc/{self.command.pid}/task/{self.command.pid}/children").read_text().split()
        return int(listed[0])

    def checkpoints(self) -> list[Path]:
        """Return the checkpoints of the newest run in the folder, the newest first."""
        return _newest_checkpoints(self.folder)


def _newest_checkpoints(folder: Path) -> list[Path]:
    runs = sorted(folder.glob("runs/*/*/checkpoints"))
    return step_checkpoints(runs[-1]) if runs else []


def start(folder: Path, *options: str, processes: int = 1, environment: dict[str, str] | None = None) -> Run:
    """Start `train.py fit`, on the CPU and in float64, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    command = subprocess.Popen(
        [sys.executable, str(ROOT / "train.py"), *_words(processes), *options],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    return Run(folder, command)


def start_here(folder: Path, *options: str) -> tuple[int, list[Path]]:
    """Run `train.py fit` as `start` does, but within this process; return the exit code and the checkpoints.

    A new process would need longer for its imports than for the training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        code = main(ROOT / "configs", [*_words(processes=1), *options])
    return code, _newest_checkpoints(folder)


def _words(processes: int) -> list[str]:
    where = ("--trainer.accelerator=cpu", f"--trainer.devices={processes}")
    return ["fit", "--report=false", *where, "--model.dtype=float64"]


def train(folder: Path, *options: str, processes: int = 1) -> dict[str, Any]:
    """Let a run come to its end; return its last checkpoint."""
    run = start(folder, *options, processes=processes)
    code, _, err = run.end()
    assert code == 0, err
    return read_checkpoint(run.checkpoints()[0])


def tensors_of(checkpoint: dict[str, Any]) -> dict[str, Tensor]:
    """Return the weights of a checkpoint, and what its optimizer keeps."""
    found = dict(checkpoint["state_dict"])
    for weight, kept in checkpoint["optimizer_states"][0]["state"].items():
        found |= {f"{name} of weight {weight}": value for name, value in kept.items() if isinstance(value, Tensor)}
    return found


def worst_difference(checkpoint: dict[str, Any], expected: dict[str, Any]) -> tuple[float, str]:
    """Return the largest difference of two checkpoints, relative to the norm of the tensor, and which tensor it is."""
    found, wanted = tensors_of(checkpoint), tensors_of(expected)
    assert found.keys() == wanted.keys()
    errors = {}
    for name, value in wanted.items():
        difference, norm = (found[name] - value).double().norm().item(), value.double().norm().item()
        errors[name] = 0.0 if difference == 0 else difference / norm
    worst = max(errors, key=lambda name: errors[name])
    return errors[worst], worst


def same_bits(checkpoint: dict[str, Any], expected: dict[str, Any]) -> bool:
    """Return whether two checkpoints have the same weights and optimizer to the last bit."""
    found, wanted = tensors_of(checkpoint), tensors_of(expected)
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)
