"""Load a data set by name or path."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from torchnet.data.dataset import DataError, Dataset, stratified_split, verify
from torchnet.data.idx import FILES, read_idx_folder
from torchnet.data.mat import read_mat
from torchnet.data.mnist import find_in_folder, find_mnist, mnist_path
from torchnet.data.npz import read_npz

_ahead: dict[Path, Future[Dataset]] = {}  # folders of IDX files that are read in a thread


def load(
    source: str, target: str | list[str] | None = None, ignore: Sequence[str] = (), image_size: int | None = None
) -> Dataset:
    """Read a data set.

    Args:
        source: "mnist", found on disk or downloaded; "digits", bundled with scikit-learn; or the path of a .mat file,
            an .npz file, or a folder that holds one of them or the four IDX files.
        target: of a table, the column to predict, or several.
        ignore: of a table, columns to leave out.
        image_size: resize image files to this height and width.

    Raises:
        DataError: if the data set is missing or malformed. The message names the file and the fault.
    """
    if source == "digits":
        return _load_digits()
    path = mnist_path() if source == "mnist" else Path(source)
    if path.is_dir():
        found = find_in_folder(path)
        if found is None:
            raise DataError(f"{path}: expected {', '.join(FILES.values())} (plain or .gz), mnist_all.mat or mnist.npz")
        path = found
    if path.is_dir():
        return _ahead.pop(path).result() if path in _ahead else read_idx_folder(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder; expected mnist, digits, or the path of a data set")
    if path.suffix not in (".mat", ".npz"):
        raise DataError(f"{path}: expected a .mat file, an .npz file, or a folder with the four IDX files")
    with path.open("rb") as file:
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
