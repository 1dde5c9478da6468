"""A source of data by name or path."""

from pathlib import Path

from torchnet.data.dataset import DataError, Dataset
from torchnet.data.digits import load_digits
from torchnet.data.idx import FILES, read_idx_folder
from torchnet.data.mat import read_mat
from torchnet.data.mnist import find_in_folder, mnist_path
from torchnet.data.npz import read_npz


def load(source: str) -> Dataset:
    """Read a data set.

    Args:
        source: "mnist", found on disk or downloaded; "digits", bundled with scikit-learn; or the path of a .mat file,
            an .npz file, or a folder with one of these or the four IDX files.

    Raises:
        DataError: if it is not there, or not what it should be; in one sentence, naming the file and the fault.
    """
    if source == "digits":
        return load_digits()
    path = mnist_path() if source == "mnist" else Path(source)
    if path.is_dir():
        found = find_in_folder(path)
        if found is None:
            raise DataError(f"{path}: expected {', '.join(FILES.values())} (plain or .gz), mnist_all.mat or mnist.npz")
        path = found
    if path.is_dir():
        return read_idx_folder(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder; a source is mnist, digits, or the path of a data set")
    if path.suffix not in (".mat", ".npz"):
        raise DataError(f"{path}: expected a .mat file, an .npz file, or the folder of the four IDX files")
    return read_mat(path) if path.suffix == ".mat" else read_npz(path)
