"""What a run leaves in its folder, and the comparison of two runs."""

from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parent.parent
DIGITS = f"--config={ROOT / 'configs' / 'digits.yaml'}"


def newest(which: str = "step=*.ckpt") -> Path:
    """Return the checkpoint of the newest run that has one, of several the one with the most steps."""
    found = Path("runs").glob(f"*/*/checkpoints/{which}")
    return max(found, key=lambda path: (path.parts[-3], int("0" + path.stem.removeprefix("step=").strip("best"))))


def last_of(run: Path) -> Path:
    return max((run / "checkpoints").glob("step=*.ckpt"), key=lambda path: int(path.stem.removeprefix("step=")))


def state(path: Path) -> dict[str, Any]:
    checkpoint = torch.load(path, weights_only=True)
    return {
        "weights": checkpoint["state_dict"],
        "momentum": checkpoint["optimizer_states"],
        "steps": checkpoint["global_step"],
        "epoch": checkpoint["epoch"],
    }


def expect_same_bits(got: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert got.keys() == expected.keys()
        for key in expected:
            expect_same_bits(got[key], expected[key])
    elif isinstance(expected, list):
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            expect_same_bits(a, b)
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(got, expected)
    else:
        assert got == expected
