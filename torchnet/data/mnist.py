"""MNIST: found on disk, or else downloaded and verified."""

import hashlib
import io
import os
import queue
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from torchnet.data.dataset import DataError
from torchnet.data.download import DownloadError, fetch
from torchnet.data.gunzip import GzipReader
from torchnet.data.idx import FILES, find_idx_file
from torchnet.storage import write_durably

# SHA-256 of the decompressed files: mirrors differ in how they compress.
_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_LARGEST_FILE = 47_040_016  # bytes of train-images, decompressed
_LARGEST_DOWNLOAD = 2**24  # bytes; train-images has 9,912,422
_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
_ANSWER_SECONDS = 5.0  # if no mirror has delivered the smallest file by then, none is in reach
_STALL_SECONDS = 3.0  # the longest wait for the next byte: three mirrors that fall silent are given up on within 15 s
_FILE_SECONDS = 300.0  # for a file in all: 33 kB/s are enough


class MnistUnavailableError(DataError):
    """MNIST is not on disk, and no mirror can be reached."""


def mnist_path() -> Path:
    """Return the file or folder that holds MNIST; download it if it is nowhere.

    It is looked for under $TORCHNET_DATA (a folder, or the file itself), else in data/: see `find_in_folder`.

    Raises:
        MnistUnavailableError: if it is not there and cannot be downloaded.
    """
    place = Path(os.environ.get("TORCHNET_DATA") or "data")
    if place.is_file():
        return place
    found = find_in_folder(place)
    if found is None:
        found = place / "mnist"
        download(found)
    return found


def find_in_folder(folder: Path) -> Path | None:
    """Return where a folder has MNIST, or None.

    In this order: the four IDX files, plain or gzipped, in the folder or in its folder mnist; mnist_all.mat; mnist.npz.
    """
    for candidate in (folder, folder / "mnist"):
        if all(find_idx_file(candidate, name) for name in FILES.values()):
            return candidate
    return next((path for name in ("mnist_all.mat", "mnist.npz") if (path := folder / name).is_file()), None)


def download(folder: Path) -> None:
    """Download what a folder lacks of the four gzipped IDX files, with a progress bar on a terminal.

    A file appears under its name only when it is complete and its SHA-256 is right.

    Raises:
        MnistUnavailableError: if no mirror delivers them; OSError: if the folder cannot be written.
    """
    mirrors = _reachable_mirrors()
    missing = [name for name in FILES.values() if find_idx_file(folder, name) is None]
    if mirrors:
        print(f"downloading MNIST into {folder}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
    for name in missing:
        if not any(_download_file(mirror, name, folder) for mirror in mirrors):
            raise MnistUnavailableError(
                f"MNIST is not in {folder.parent} and could not be downloaded ({len(_MIRRORS)} mirrors tried): put "
                f"mnist_all.mat or the four IDX files there, or set TORCHNET_DATA to the folder or file that has them"
            )


def _reachable_mirrors() -> list[str]:
    """Return all mirrors, the first to deliver the smallest file in front; none if none delivers it in time.

    Each is asked in a thread of its own: looking up a name can hang for longer than any timeout says.
    """
    name = FILES["test_labels"]
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask(mirror: str) -> None:
        try:
            _fetch_intact(mirror, name, io.BytesIO(), _ANSWER_SECONDS, _ANSWER_SECONDS)
            answers.put(mirror)
        except Exception:  # a mirror that fails in whatever way is one that does not answer
            answers.put(None)

    for mirror in _MIRRORS:
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    deadline = time.monotonic() + _ANSWER_SECONDS
    try:
        for _ in _MIRRORS:
            if first := answers.get(timeout=max(0.0, deadline - time.monotonic())):
                return [first, *(mirror for mirror in _MIRRORS if mirror != first)]
    except queue.Empty:
        pass
    return []


def _download_file(mirror: str, name: str, folder: Path) -> bool:
    """Download one file; return whether the mirror delivered it intact."""
    file = io.BytesIO()
    try:
        _fetch_intact(mirror, name, file, _STALL_SECONDS, _FILE_SECONDS, bar=True)
    except DownloadError:
        return False
    write_durably(folder / f"{name}.gz", file.getvalue())
    return True


def _fetch_intact(
    mirror: str, name: str, file: BinaryIO, stall_seconds: float, max_seconds: float, bar: bool = False
) -> None:
    """Fetch one file, and raise a DownloadError unless it is what it should be."""
    url = f"{mirror}{name}.gz"
    fetch(url, file, _LARGEST_DOWNLOAD, stall_seconds, max_seconds, bar)
    file.seek(0)
    try:
        content = GzipReader(file, url).read(_LARGEST_FILE + 1)
    except DataError as error:
        raise DownloadError(str(error)) from error
    if hashlib.sha256(content).hexdigest() != _SHA256[name]:
        raise DownloadError(f"{url}: expected the SHA-256 of MNIST's {name}, got that of another file")
