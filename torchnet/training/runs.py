"""The folders of runs and what is where in them: <root>/<name>/<time>/checkpoints/last.ckpt and so on."""

import importlib.util
import re
from datetime import datetime
from pathlib import Path

from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from torchnet.training.errors import CheckpointError, UsageError

RUNS = "runs"  # the root, if no other is asked for
CHECKPOINTS = "checkpoints"
_NEWEST = ("last", "best")  # the values of --ckpt_path that stand for a checkpoint of the newest run


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


def find_checkpoint(ckpt_path: str, root: Path, name: str = "*") -> Path:
    """Return the checkpoint that --ckpt_path names.

    Args:
        ckpt_path: a file; or "last" or "best", for that of the newest run that has one.
        root: where the runs are.
        name: of the runs to look at.

    Raises:
        CheckpointError: if there is no such checkpoint.
    """
    if ckpt_path not in _NEWEST:
        if not Path(ckpt_path).is_file():
            raise CheckpointError(f"{ckpt_path}: no such checkpoint; --ckpt_path takes a file, last or best")
        return Path(ckpt_path)
    found = root.glob(f"{name}/*/{CHECKPOINTS}/{ckpt_path}.ckpt")
    newest = max(found, key=lambda path: path.parts[-3], default=None)  # the time in the name of the run's folder
    if newest is None:
        raise CheckpointError(
            f"--ckpt_path {ckpt_path}: there is no {ckpt_path}.ckpt under {root / name}: train a network first"
        )
    return newest


def run_of(checkpoint: Path) -> Path:
    """Return the folder of the run that a checkpoint belongs to; its own folder if it stands outside of a run."""
    folder = checkpoint.absolute().parent
    return folder.parent if folder.name == CHECKPOINTS else folder


def run_loggers(run_folder: Path) -> list[Logger]:
    """Return what logs into the folder of a run: CSV always, TensorBoard where it is installed."""
    loggers: list[Logger] = [CSVLogger(run_folder, name="", version="")]
    if importlib.util.find_spec("tensorboard") is not None:
        loggers.append(TensorBoardLogger(run_folder, name="", version=""))
    return loggers
