"""The command line, called in this process from an empty folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from torchnet.training.start import main

ROOT = Path(__file__).parent.parent.parent
DIGITS = f"--config={ROOT / 'configs' / 'digits.yaml'}"


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Call `train.py` with arguments; return the exit code. A page takes longest: it is drawn if it is asked for."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> int:
        words = [str(argument) for argument in arguments]
        trains = not words or words[0] == "fit" or words[0].startswith("-")
        page = ["--report=false"] if trains and not any(word.startswith("--report") for word in words) else []
        return main(ROOT / "configs", [*words, *page])

    return call
