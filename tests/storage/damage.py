"""Try every disk fault, every corrupt and every hostile checkpoint; print how many were handled correctly.

    python -m tests.storage.damage

The exit code is 1 if a case fails or if there are fewer cases than expected.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from torchnet.storage import CheckpointError, read_checkpoint, write_checkpoint

from .damaged_files import damaged_files
from .disk_faults import faults
from .examples import CONTENTS
from .hostile import hostile_contents, large_contents
from .sandbox import read_contents

MOST_SECONDS = 2.0  # of CPU time per corrupt checkpoint


def disk_faults(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield each disk fault, and whether it was reported and changed no file."""
    path = folder / "last.ckpt"
    write_checkpoint(path, {"epoch": 1})
    before = path.read_bytes()
    for name, bring, number in faults():
        right = False
        try:
            with bring():
                write_checkpoint(path, CONTENTS)
        except OSError as error:
            right = (error.errno, error.filename) == (number, str(path))
        yield name, right and path.read_bytes() == before and list(folder.iterdir()) == [path]


def damages(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield each kind of damage, and whether the checkpoint was refused in one sentence and in time."""
    for name, path in damaged_files(folder):
        start = time.process_time()
        yield name, _is_refused(path) and time.process_time() - start < MOST_SECONDS


def hostilities(folder: Path) -> Iterator[tuple[str, bool]]:
    """Yield each hostile checkpoint, and whether it was refused within the limits and without running code."""
    canary = folder / "canary"
    contents = chain(hostile_contents(canary), large_contents())
    for name, outcome in read_contents(folder / "hostile.ckpt", contents):
        right = outcome.kind == "refused" and "SHA-256" not in outcome.message
        yield name, right and not canary.exists()


def _is_refused(path: Path) -> bool:
    try:
        read_checkpoint(path)
    except CheckpointError as error:
        return str(error).startswith(f"{path}: expected ") and "\n" not in str(error).removeprefix(str(path))
    return False


def main() -> int:
    """Print the table and return the exit code."""
    missed = 0
    table = (("disk faults", disk_faults, 12), ("damaged", damages, 380), ("hostile", hostilities, 40))
    for kind, tried, promised in table:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            results = list(tried(Path(folder)))
        for name, right in results:
            if not right:
                print(f"failed: {kind}: {name}")
        withstood = sum(right for _, right in results)
        print(f"{kind:12} {withstood:4} of {len(results):4} withstood, {time.monotonic() - start:5.1f} s", flush=True)
        missed += withstood < len(results) or len(results) < promised
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
