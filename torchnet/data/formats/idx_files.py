"""The four IDX files of a data set, by the names that MNIST, its relatives and the tools that store them use.

train-images-idx3-ubyte, train-images.idx3-ubyte.gz, emnist-letters-test-labels-idx1-ubyte and so on, in a folder, in
its subfolders raw/, mnist/ and MNIST/raw/, or each in a folder of its own, as some archives extract them.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from torchnet.choices import nearest
from torchnet.data.dataset import DataError

FILES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
_NAME = re.compile(r"(?P<set>.*?)(?P<split>train|t10k|test)-(?P<what>images|labels)[-.]idx[13]-ubyte(?P<gz>\.gz)?")
_PLACES = ("", "mnist", "MNIST/raw", "raw")  # in the order in which they are searched


def find_idx_files(folder: Path) -> dict[str, Path]:
    """Return the paths of the files that a folder holds, by the keys of FILES. Plain files override gzipped ones.

    Of several data sets in one folder, MNIST itself is returned, whose names begin with train and t10k.

    Raises:
        DataError: if there are several others.
    """
    found: dict[str, Path] = {}
    for place in _PLACES:
        sets = _sets_in(folder / place)
        complete = [name for name, paths in sets.items() if paths.keys() == FILES.keys()]
        if len(complete) > 1 and "" not in complete:
            raise DataError(
                f"{folder / place}: expected the four IDX files of one data set, got {', '.join(sorted(complete))}: "
                "name one of its files as --data.source"
            )
        if complete:
            return sets["" if "" in complete else complete[0]]
        found = max([found, *sets.values()], key=len)
    return found


def files_beside(path: Path) -> dict[str, Path]:
    """Return the files of the data set to which one IDX file belongs."""
    match = _NAME.fullmatch(path.name)
    return _sets_in(path.parent).get(match["set"], {}) if match else {}


def is_idx(path: Path) -> bool:
    """Return whether the name of a file is that of an IDX file."""
    return _NAME.fullmatch(path.name) is not None


def near_misses(folder: Path) -> list[str]:
    """Return the names of files in a folder that look like the names of IDX files, but are not."""
    names = sorted(path.name for path in _files_in(folder) if not is_idx(path))
    known = [*FILES.values()]
    return [name for name in names if re.search("idx[13]|ubyte", name) and nearest(name.replace(".", "-"), known)]


def missing_files(source: Path, paths: dict[str, Path], others: list[str]) -> str:
    """Return the message that a data set lacks files, which names those that are there, or others."""
    missing = ", ".join(name for key, name in FILES.items() if key not in paths)
    found = others or [path.name for path in paths.values()]
    return f"{source}: expected {missing} (plain or .gz), found {', '.join(found)}"


def _sets_in(folder: Path) -> dict[str, dict[str, Path]]:
    """Return the files in a folder, by the name of their data set and the keys of FILES."""
    sets: dict[str, dict[str, Path]] = {}
    for path in sorted(_files_in(folder), key=lambda path: path.suffix == ".gz"):
        if match := _NAME.fullmatch(path.name):
            split = "train" if match["split"] == "train" else "test"
            sets.setdefault(match["set"], {}).setdefault(f"{split}_{match['what']}", path)
    return sets


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, and those in subfolders that are named like an IDX file."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif is_idx(path) and path.is_dir():
            yield from (inner for inner in sorted(path.iterdir()) if inner.is_file())
