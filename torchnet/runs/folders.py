"""The folders of runs: <root>/<name>/<time>/config.yaml, <root>/<name>/<time>/checkpoints/step=600.ckpt and so on."""

import re
import sys
from datetime import datetime
from pathlib import Path

from torchnet.runs.errors import UsageError
from torchnet.storage import CheckpointError, read_checkpoint

RUNS = "runs"  # the default root
CONFIG, CHECKPOINTS = "config.yaml", "checkpoints"
LAST, BEST = "last", "best.ckpt"  # a word of the command line for the newest checkpoint, and the name of a file


def new_run_folder(root: Path, name: str) -> Path:
    """Create and return the folder of a new run, <root>/<name>/<time>.

    Raises:
        UsageError: if the name is not valid as the name of a folder.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name or ""):
        raise UsageError(f"name: expected up to 64 letters, digits, dots, dashes and underscores, got {name!r}")
    while True:
        time = datetime.now().isoformat(sep="_", timespec="milliseconds").replace(":", "-")
        try:
            (root / name / time).mkdir(parents=True)
            return root / name / time
        except FileExistsError:
            if not (root / name / time).is_dir():  # a file has this name, not a run of the same millisecond
                raise


def step_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints step=<steps>.ckpt of a folder, the newest first."""
    steps = {int(path.stem[5:]): path for path in folder.glob("step=*.ckpt") if path.stem[5:].isdecimal()}
    return [steps[step] for step in sorted(steps, reverse=True)]


def find_checkpoint(named: str, root: Path, name: str = "*") -> Path:
    """Return the checkpoint that a word or a path names.

    Args:
        named: a file; the folder of a run, for its newest checkpoint; or "last" or "best", for the newest or the best
            checkpoint of the newest run that has one. Unless it is a file, corrupt checkpoints are skipped and reported
            on stderr.
        root: the folder of all runs.
        name: the name of the runs to search; "*" for the name of the newest run.

    Raises:
        CheckpointError: if there is no such checkpoint, or all are corrupt.
    """
    if named in (LAST, "best"):
        place, found = root / name, _candidates(named, root, name)
    elif Path(named).is_dir():
        place = Path(named)
        found = step_checkpoints(place / CHECKPOINTS)
    elif Path(named).exists():
        return Path(named)
    else:
        raise CheckpointError(f"{named}: no such checkpoint; expected a file, the folder of a run, last or best")
    for path in found:
        try:
            read_checkpoint(path)
        except CheckpointError as error:
            print(f"skipped: {error}", file=sys.stderr)
        else:
            return path
    if found:
        raise CheckpointError(
            f"{named}: expected a readable checkpoint under {place}, but all {len(found)} are corrupt: train again "
            "from the start"
        )
    raise CheckpointError(f"{named}: there is no checkpoint under {place}: train a network first")


def checkpoint_needed(command: str) -> UsageError:
    """Return the error of a command without a checkpoint."""
    return UsageError(
        f"{command} needs a trained network: name a checkpoint with --ckpt_path PATH, "
        "or the newest one with --ckpt_path last"
    )


def _candidates(which: str, root: Path, name: str) -> list[Path]:
    """Return the checkpoints that "last" or "best" may name, those of the newest run first."""
    folders = sorted(root.glob(f"{name}/*/{CHECKPOINTS}"), key=lambda folder: folder.parent.name, reverse=True)
    of_runs = [step_checkpoints(folder) if which == LAST else list(folder.glob(BEST)) for folder in folders]
    names = [paths[0].parts[-4] for paths in of_runs if paths]
    return [path for paths in of_runs for path in paths if path.parts[-4] == names[0]]


def run_of(checkpoint: Path) -> Path:
    """Return the folder of the run of a checkpoint; the folder of the file if it is outside of a run."""
    folder = checkpoint.parent
    if folder.absolute().name != CHECKPOINTS:
        return folder
    return folder.parent if folder.name == CHECKPOINTS else folder.absolute().parent
