"""The folders of runs: <root>/<name>/<time>/config.yaml, <root>/<name>/<time>/checkpoints/step=600.ckpt and so on."""

import os
import re
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from torchnet.choices import did_you_mean, nearest
from torchnet.printable import printable
from torchnet.runs.config import read_config
from torchnet.runs.errors import UsageError
from torchnet.storage import CheckpointError, read_checkpoint

RUNS = "runs"  # the default root
CONFIG, CHECKPOINTS = "config.yaml", "checkpoints"
LAST, BEST = "last", "best.ckpt"  # a word of the command line for the newest checkpoint, and the name of a file
_WORD = re.compile("(last|best)(?::(.*))?", re.DOTALL)  # on the command line, alone or with the name of the runs
_TIME = re.compile(  # in UTC with a Z, in local time without it (0.1.0)
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}-[0-9]{2}-[0-9]{2}\.[0-9]{3}Z?"
)
_FORMAT = "%Y-%m-%d_%H-%M-%S.%f"
_MAX_ATTEMPTS = 10  # to read a checkpoint of a run that deletes old ones meanwhile


class FoundCheckpoint(NamedTuple):
    """A checkpoint that was read and verified once: a running run may delete the file meanwhile."""

    path: Path
    contents: dict[str, Any]


def check_name(name: str) -> None:
    """Raise a UsageError if a run cannot have this name, which is the name of a folder."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", name):
        raise UsageError(f"name: expected up to 64 letters, digits, dots, dashes and underscores, got {name!r}")


def new_run_folder(root: Path, name: str, resumed: Path | None = None) -> Path:
    """Create and return the folder of a new run, <root>/<name>/<time>.

    The time is in UTC. It is later than that of all other runs, even if the clock was set back: the newest run is the
    one that was started last.

    Args:
        root: the folder of all runs.
        name: the name of the run.
        resumed: the folder of the run that this one resumes.

    Raises:
        UsageError: if the name is not valid as the name of a folder.
    """
    check_name(name)
    (root / name).mkdir(parents=True, exist_ok=True)
    others = [path.name for path in (*root.glob("*/*"), *([resumed.absolute()] if resumed else []))]
    newest = max((_time_of(other) for other in others if _TIME.fullmatch(other)), default=datetime.min)
    time = max(datetime.now(UTC).replace(tzinfo=None), newest + timedelta(milliseconds=1))
    while True:
        folder = root / name / f"{time.isoformat('_', 'milliseconds').replace(':', '-')}Z"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:  # another process started a run in the same millisecond
            time += timedelta(milliseconds=1)


def _time_of(name: str) -> datetime:
    try:
        time = datetime.strptime(name.removesuffix("Z"), _FORMAT)
    except ValueError:  # a month 13
        return datetime.min
    return time if time.year < datetime.max.year else datetime.min  # there is no later time


def step_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints step=<steps>.ckpt of a folder, the newest first."""
    paths = (path for path in folder.glob("step=*.ckpt") if re.fullmatch("[0-9]{1,18}", path.stem[5:]))
    steps = {int(path.stem[5:]): path for path in paths}
    return [steps[step] for step in sorted(steps, reverse=True)]


def evaluated_checkpoints(folder: Path, which: str) -> list[Path]:
    """Return the checkpoints of a run whose weights may stand for it, the first choice first.

    Args:
        folder: the folder of the run.
        which: "best" for the smallest validation loss, if there is one; "last" for the newest weights.
    """
    best = folder / CHECKPOINTS / BEST
    is_first = which == "best" and best.is_file()
    return [best] * is_first + step_checkpoints(folder / CHECKPOINTS)


def folders_of_runs(root: Path, name: str = "*") -> list[Path]:
    """Return the folders of the runs of a name, "*" for all, the newest last, without folders of other things."""
    folders = [path for path in root.glob(f"{name}/*") if path.is_dir()]
    runs = [path for path in folders if _TIME.fullmatch(path.name) or os.path.lexists(path / CONFIG)]
    return sorted(runs, key=lambda folder: _age(folder.name))


def find_checkpoint(named: str, root: Path, name: str = "*") -> FoundCheckpoint:
    """Return the checkpoint that a word or a path names.

    Args:
        named: a file; the folder of a run, for its newest checkpoint; or "last" or "best", for the newest or the best
            checkpoint of the newest run that has one; or "last:NAME" or "best:NAME", for that of the newest run with
            this name. Unless it is a file, corrupt checkpoints are skipped and reported on stderr.
        root: the folder of all runs.
        name: the name of the runs to search if `named` has none; "*" for the name of the newest run.

    Raises:
        CheckpointError: if there is no such checkpoint, or it is corrupt, or all are; UsageError: if no run can have
            this name.
    """
    word = _WORD.fullmatch(named)
    name = name if word is None or word[2] is None else word[2]
    if name != "*":
        check_name(name)
    if word is not None:
        return _first_readable(named, root / name, lambda: _candidates(word[1], root, name))
    path = Path(named)
    if path.is_dir():
        if runs := sorted(config.parent for config in path.glob(f"*/{CONFIG}")):
            raise CheckpointError(f"{named}: expected the folder of a run, got a folder of runs: take {runs[-1]}")
        return _first_readable(named, path, lambda: step_checkpoints(path / CHECKPOINTS))
    if not path.exists():
        raise CheckpointError(
            f"{named}: no such checkpoint; expected a file, the folder of a run, last, best, last:NAME or best:NAME"
        )
    return FoundCheckpoint(path, read_checkpoint(path))


def find_trained(named: str, root: Path, name: str = "*") -> FoundCheckpoint:
    """Return the checkpoint with the weights that stand for a run, which are those that its report is about.

    Of a run with a validation split, these are its best weights, unless it was trained with `--evaluate last`. The
    arguments are those of `find_checkpoint`; a file names itself.
    """
    found = find_checkpoint(named, root, name)
    folder = run_of(found.path)
    best, config = folder / CHECKPOINTS / BEST, folder / CONFIG
    if found.path in (Path(named), best) or not best.is_file() or not config.is_file():
        return found
    if read_config(config).get("evaluate", "best") != "best":
        return found
    return _first_readable(named, folder, lambda: [best, found.path])


def find_run(named: str, root: Path, name: str = "*") -> FoundCheckpoint:
    """Return what `find_trained` finds; if a word names it, say on stderr which run that is."""
    found = find_trained(named, root, name)
    if _WORD.fullmatch(named) is not None:
        print(f"{named} is {printable(found.path)}", file=sys.stderr)
    return found


def _first_readable(named: str, place: Path, candidates: Callable[[], Iterable[Path]]) -> FoundCheckpoint:
    """Return the first checkpoint that is not corrupt; look again if one is deleted meanwhile."""
    corrupt: dict[Path, CheckpointError] = {}
    for _ in range(_MAX_ATTEMPTS):
        has_vanished = False
        for path in candidates():
            if path in corrupt:
                continue
            try:
                return FoundCheckpoint(path, read_checkpoint(path))
            except CheckpointError as error:
                if not os.path.lexists(path):  # a broken link is corrupt, not deleted
                    has_vanished = True
                    break
                corrupt[path] = error
                print(f"skipped: {printable(error)}", file=sys.stderr)
        if not has_vanished:
            break
    if corrupt:
        raise CheckpointError(
            f"{named}: expected a readable checkpoint under {place}, but all {len(corrupt)} are corrupt: train again "
            "from the start"
        )
    similar = [] if place.exists() else nearest(place.name, [path.name for path in place.parent.glob("*")])
    advice = did_you_mean([f"last:{name}" for name in similar]) or ": train a network first"
    raise CheckpointError(f"{named}: there is no checkpoint under {place}{advice}")


def checkpoint_needed(command: str) -> UsageError:
    """Return the error of a command without a checkpoint."""
    return UsageError(
        f"{command} needs a trained network: name a checkpoint with --ckpt_path PATH, "
        "or the newest one with --ckpt_path last"
    )


def _candidates(which: str, root: Path, name: str) -> list[Path]:
    """Return the checkpoints that "last" or "best" may name, those of the newest run first."""
    folders = sorted(root.glob(f"{name}/*/{CHECKPOINTS}"), key=lambda folder: _age(folder.parent.name), reverse=True)
    of_runs = [step_checkpoints(folder) if which == LAST else list(folder.glob(BEST)) for folder in folders]
    names = [paths[0].parts[-4] for paths in of_runs if paths]
    return [path for paths in of_runs for path in paths if path.parts[-4] == names[0]]


def _age(name: str) -> tuple[bool, str]:
    """Sort folders of runs by their time; folders with another name, such as a copy, come first."""
    return _TIME.fullmatch(name) is not None, name


def run_of(checkpoint: Path) -> Path:
    """Return the folder of the run of a checkpoint; the folder of the file if it is outside of a run."""
    folder = checkpoint.parent
    if folder.absolute().name != CHECKPOINTS:
        return folder
    return folder.parent if folder.name == CHECKPOINTS else folder.absolute().parent
