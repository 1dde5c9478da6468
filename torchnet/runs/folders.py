"""The folders of runs and what is where in them: <root>/<name>/<time>/checkpoints/step=600.ckpt and so on."""

import re
import sys
from datetime import datetime
from pathlib import Path

from torchnet.runs.errors import UsageError
from torchnet.storage import CheckpointError, read_checkpoint

RUNS = "runs"  # the root, if no other is asked for
CONFIG, CHECKPOINTS = "config.yaml", "checkpoints"
LAST, BEST = "last", "best.ckpt"  # the word for the newest checkpoint on the command line, and the name of a file


def new_run_folder(root: Path, name: str) -> Path:
    """Make and return the folder of a new run, <root>/<name>/<time>.

    Raises:
        UsageError: if the name would not do as the name of a folder.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name or ""):
        raise UsageError(f"name: expected up to 64 letters, digits, dots, dashes and underscores, got {name!r}")
    while True:
        time = datetime.now().isoformat(sep="_", timespec="milliseconds").replace(":", "-")
        try:
            (root / name / time).mkdir(parents=True)
            return root / name / time
        except FileExistsError:
            if not (root / name / time).is_dir():  # a file is in the way, not a run of the same millisecond
                raise


def step_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints step=<steps>.ckpt of a folder, the newest first."""
    steps = {int(path.stem[5:]): path for path in folder.glob("step=*.ckpt") if path.stem[5:].isdecimal()}
    return [steps[step] for step in sorted(steps, reverse=True)]


def find_checkpoint(named: str, root: Path, name: str = "*") -> Path:
    """Return the checkpoint that a word or a path stands for.

    Args:
        named: a file; the folder of a run, for its newest checkpoint; or "last" or "best", for that of the newest run
            that has one. Damaged ones are passed over and named on stderr, but for a file.
        root: where the runs are.
        name: of the runs to look at; "*" for those of the name that the newest run has.

    Raises:
        CheckpointError: if there is no such checkpoint, or only damaged ones.
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
            print(f"passed over: {error}", file=sys.stderr)
        else:
            return path
    if found:
        raise CheckpointError(
            f"{named}: expected a checkpoint that can be read under {place}, but all {len(found)} are damaged: train "
            "again, from the start"
        )
    raise CheckpointError(f"{named}: there is no checkpoint under {place}: train a network first")


def checkpoint_needed(command: str) -> UsageError:
    """Return the error of a command that was given no checkpoint."""
    return UsageError(
        f"{command} needs a trained network: name a checkpoint with --ckpt_path PATH, "
        "or the newest one with --ckpt_path last"
    )


def _candidates(which: str, root: Path, name: str) -> list[Path]:
    """Return the checkpoints that "last" or "best" may stand for, the newest run's first."""
    folders = sorted(root.glob(f"{name}/*/{CHECKPOINTS}"), key=lambda folder: folder.parent.name, reverse=True)
    of_runs = [step_checkpoints(folder) if which == LAST else list(folder.glob(BEST)) for folder in folders]
    names = [paths[0].parts[-4] for paths in of_runs if paths]
    return [path for paths in of_runs for path in paths if path.parts[-4] == names[0]]


def run_of(checkpoint: Path) -> Path:
    """Return the folder of the run that a checkpoint belongs to; its own folder if it stands outside of a run."""
    folder = checkpoint.parent
    if folder.absolute().name != CHECKPOINTS:
        return folder
    return folder.parent if folder.name == CHECKPOINTS else folder.absolute().parent
