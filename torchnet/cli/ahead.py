"""What `python train.py` does in threads while it imports its libraries: it reads the data and starts CUDA.

The options are not parsed yet, so both are guesses, from the text of the options. A wrong guess costs a moment of
another core and has no other effect; errors are left to the code that needs the data or the GPU.
"""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Thread

from torchnet.data.sources import read_ahead

_SOURCE = re.compile(r"\bsource[ :=]+([^\s,}\"']+)")
_OTHER_DEVICE = re.compile(r"accelerator|devices|ckpt_path|help|print_config")  # a checkpoint's run may have used any
_MAX_BYTES = 2**16  # a configuration with more is refused later


def text_of_options(configs: Path, arguments: list[str]) -> str:
    """Return the configuration files of a command and then its arguments, as text."""
    files = [Path(word.removeprefix("--config=")) for word in arguments if word.endswith((".yaml", ".yml"))]
    texts = []
    for path in files or [configs / "default.yaml"]:
        with suppress(OSError, ValueError):
            if path.is_file():  # a pipe can be read only once
                with path.open("rb") as file:
                    texts.append(file.read(_MAX_BYTES).decode(errors="replace"))
    return "\n".join([*texts, " ".join(arguments)])


def read_data(text: str) -> None:
    """Start to read the data that the options name; mnist if they name none."""
    with suppress(Exception):
        read_ahead((_SOURCE.findall(text) or ["mnist"])[-1])


def start_cuda(text: str, variables_of_processes: Iterable[str]) -> Thread | None:
    """Start CUDA on the first GPU, unless the run may use another device or its environment names other processes."""
    if _OTHER_DEVICE.search(text) or any(name in os.environ for name in variables_of_processes):
        return None
    thread = Thread(target=_start_cuda, name="start CUDA")  # at its end, Python waits for it: CUDA may not be cut off
    with suppress(RuntimeError):  # no memory for a thread
        thread.start()
    return thread


def _start_cuda() -> None:
    with suppress(Exception):
        import torch

        if torch.cuda.is_available():
            torch.zeros(1, device="cuda")  # loads the driver and creates the context
