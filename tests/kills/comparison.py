"""Whether a run that was disturbed has come to what it would have come to: to the bit, or where it first differs."""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchnet.storage import read_checkpoint

_TIME_OF_A_RUN = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.\d{3}[^/]*")
_STEP = re.compile(r"step=(\d+)\.ckpt")


def runs(folder: Path) -> list[Path]:
    """Return the run folders below a folder, the oldest first."""
    return sorted(folder.glob("runs/*/*"))


def steps_saved(run: Path) -> dict[int, Path]:
    """Return the checkpoints of a run that are called by their step, in the order of the steps."""
    found = {path: _STEP.fullmatch(path.name) for path in (run / "checkpoints").glob("*.ckpt")}
    return dict(sorted((int(match[1]), path) for path, match in found.items() if match))


def newest(runs: Sequence[Path]) -> Path:
    """Return the checkpoint with the most steps behind it."""
    saved = {step: path for run in runs for step, path in steps_saved(run).items()}
    if not saved:
        raise AssertionError(f"expected a checkpoint in {', '.join(map(str, runs))}, got none")
    return saved[max(saved)]


def first_difference(got: Sequence[Path], expected: Path) -> str | None:
    """Return where the results of runs differ from those of another; None if they are the same to the last bit.

    Args:
        got: the folders of runs that went on from each other. What the last one has left is compared; but there may
            have been no step left for it to take and to save.
        expected: the folder of the other.
    """
    last = got[-1]
    for name in ("metrics.csv", "report.json"):
        if (difference := _of_texts(last / name, expected / name)) is not None:
            return difference
    best = "checkpoints/best.ckpt"
    for a, b in ((newest(got), newest([expected])), (last / best, expected / best)):
        if not b.exists():
            continue
        if a.name != b.name or not a.exists():
            return f"{a}: expected {b.name}"
        contents = [read_checkpoint(path) for path in (a, b)]
        if (difference := next(_differences(*contents, a.name), None)) is not None:
            return difference
    return None


def _of_texts(got: Path, expected: Path) -> str | None:
    if not got.exists():
        return f"{got}: expected to find it"
    texts = [path.read_bytes().decode().splitlines(keepends=True) for path in (got, expected)]
    for number, (a, b) in enumerate(zip_longest(*texts), 1):
        if a != b:
            return f"{got.name}, line {number}: expected {b!r}, got {a!r}"
    return None


def _differences(got: Any, expected: Any, where: str) -> Iterator[str]:
    got, expected = (_without_times(value) if isinstance(value, str) else value for value in (got, expected))
    if type(got) is not type(expected):
        yield f"{where}: expected {expected!r}, got {got!r}"
    elif isinstance(expected, dict):
        got, expected = ({_without_times(key): value for key, value in it.items()} for it in (got, expected))
        if list(got) != list(expected):
            yield f"{where}: expected the keys {list(expected)}, got {list(got)}"
        else:
            for key in expected:
                yield from _differences(got[key], expected[key], f"{where}[{key!r}]")
    elif isinstance(expected, (list, tuple)):
        if len(got) != len(expected):
            yield f"{where}: expected {len(expected)} items, got {len(got)}"
        else:
            for k, pair in enumerate(zip(got, expected, strict=True)):
                yield from _differences(*pair, f"{where}[{k}]")
    elif isinstance(expected, Tensor):
        if (got.dtype, got.shape) != (expected.dtype, expected.shape):
            yield f"{where}: expected {expected.dtype} {tuple(expected.shape)}, got {got.dtype} {tuple(got.shape)}"
        elif wrong := _different(got, expected):
            yield f"{where}: {wrong} of {expected.numel()} numbers differ"
    elif repr(got) != repr(expected):  # which tells -0.0 from 0.0, and takes a nan for a nan
        yield f"{where}: expected {expected!r}, got {got!r}"


def _without_times(value: Any) -> Any:
    """Return a text without the names of run folders, which are the times at which the runs began."""
    return _TIME_OF_A_RUN.sub("TIME", value) if isinstance(value, str) else value


def _different(got: Tensor, expected: Tensor) -> int:
    """Return how many numbers of two tensors of one shape and dtype are not the same in every bit."""
    got, expected = (tensor.reshape(-1, 1).view(torch.uint8) for tensor in (got, expected))
    return int((got != expected).any(dim=1).sum())
