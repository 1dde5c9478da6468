"""Load a data set by name or path."""

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from torchnet.choices import did_you_mean, nearest
from torchnet.data.dataset import DataError, Dataset, stratified_split, verify
from torchnet.data.formats.idx import read_idx_files, read_idx_folder
from torchnet.data.formats.idx_files import FILES, files_beside, find_idx_files, is_idx, missing_files, near_misses
from torchnet.data.formats.mat import read_mat
from torchnet.data.formats.npz import read_npz
from torchnet.data.formats.tables import SUFFIXES, is_table, read_tables, tables_in
from torchnet.data.mnist import find_in_folder, find_mnist, mnist_path
from torchnet.storage import open_regular_file

_ahead: dict[Path, Future[Dataset]] = {}  # folders of IDX files that are read in a thread


def load(
    source: str,
    target: str | Sequence[str] | None = None,
    ignore: Collection[str] = (),
    image_size: int | None = None,
) -> Dataset:
    """Read a data set.

    Args:
        source: "mnist", found on disk or downloaded; "digits", bundled with scikit-learn; or a path: of a table, an
            .npz or .mat file, or a folder that holds one of them, IDX files, tables train.* and test.*, or a folder
            of images for each class.
        target: the name of a table's column to predict, or several.
        ignore: the names of a table's columns to leave out.
        image_size: the side of the square to which images are brought; None if they have one size.

    Raises:
        DataError: if the data set is missing, malformed or too large. The message names the file and the fault.
    """
    if source == "digits":
        _refuse(source, target=target, ignore=ignore, image_size=image_size)
        return _load_digits()
    path = mnist_path() if source == "mnist" else _existing(source)
    found = find_in_folder(path) if path.is_dir() else path
    tables = tables_in(path) if found is None else [found] if is_table(found) else []
    if tables:
        _refuse(source, image_size=image_size)
        return read_tables(tables, target, ignore)
    _refuse(source, target=target, ignore=ignore)
    if found is None:
        return _load_folder(path, image_size)
    _refuse(source, image_size=image_size)
    return _load_file(found)


def _refuse(source: str, **options: object) -> None:
    """Raise a DataError if an option is given."""
    for name, value in options.items():
        if value:
            kind = "folders of images" if name == "image_size" else "tables"
            raise DataError(f"{source}: --data.{name} {value} is for {kind}, and this is other data: leave it out")


def _existing(source: str) -> Path:
    path = Path(source)
    try:
        if source and path.exists():
            return path
        others = [it.name for it in path.parent.iterdir()] if path.parent.is_dir() else []
    except (OSError, ValueError) as error:  # a name that is too long, for example
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{source[:200]}: expected a file or folder, got {reason!r}") from error
    hint = did_you_mean(nearest(path.name, [*others, "mnist", "digits"]))
    raise DataError(f"{source}: no such file or folder{hint or '; expected mnist, digits, or the path of a data set'}")


def _load_folder(folder: Path, image_size: int | None) -> Dataset:
    """Read a folder that is no data set of files with known names."""
    from torchnet.data.formats.image_folder import holds_folders, read_image_folder  # here: it imports Pillow

    some, misses = find_idx_files(folder), near_misses(folder)
    if some or misses:
        raise DataError(missing_files(folder, some, misses))
    if not holds_folders(folder):
        raise DataError(
            f"{folder}: expected a table, {', '.join(FILES.values())} (plain or .gz), mnist_all.mat, mnist.npz, or a "
            "folder of images for each class"
        )
    return read_image_folder(folder, image_size)


def _load_file(path: Path) -> Dataset:
    if path.is_dir():
        return _ahead.pop(path).result() if path in _ahead else read_idx_folder(path)
    if is_idx(path):
        return read_idx_files(path, files_beside(path))
    if path.suffix not in (".mat", ".npz"):
        raise DataError(
            f"{path}: expected a table ({', '.join(SUFFIXES)}), a .npz or .mat file, an IDX file such as "
            f"{FILES['train_images']}, or a folder"
        )
    with open_regular_file(path, "a data set", DataError) as file:
        return read_mat(path, file) if path.suffix == ".mat" else read_npz(path, file)


def read_ahead(source: str) -> None:
    """Start to read a data set of IDX files in a thread; `load` then waits for it, and raises its error.

    Other formats, and a data set that is not on the disk, are left to `load`.
    """
    folder = find_mnist() if source == "mnist" else find_in_folder(Path(source))
    if folder is not None and folder.is_dir():
        _ahead[folder] = ThreadPoolExecutor(1).submit(read_idx_folder, folder)


def _load_digits() -> Dataset:
    """Return scikit-learn's 1797 digits (UCI "Optical Recognition of Handwritten Digits"), 360 of them for testing."""
    from sklearn import datasets  # here, since the import takes seconds

    bundled = datasets.load_digits()
    images = np.rint(bundled.images * (255 / 16)).astype(np.uint8)  # from 0..16 to 0..255
    train, test = stratified_split(bundled.target, fraction=0.2)
    arrays = images[train], bundled.target[train], images[test], bundled.target[test]
    return verify("digits", *arrays, is_digits=True)
