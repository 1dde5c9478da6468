"""MNIST: found on disk, or else downloaded and verified."""

import gzip
import hashlib
import io
import os
import queue
import sys
import tempfile
import threading
import time
import zlib
from pathlib import Path

import pooch
import requests

from torchnet.data.dataset import DataError
from torchnet.data.idx import FILES, find_idx_file

# SHA-256 of the decompressed files: mirrors differ in how they compress.
_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_LARGEST_FILE = 47_040_016  # bytes of train-images, decompressed
_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
_ANSWER_SECONDS = 5.0  # if no mirror has delivered the smallest file by then, none is in reach
_STALL_SECONDS = 3.0  # the longest wait for the next byte: three mirrors that fall silent are given up on within 15 s


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
        content = io.BytesIO()
        try:
            pooch.HTTPDownloader(timeout=_ANSWER_SECONDS)(f"{mirror}{name}.gz", content, None)
            answers.put(mirror if _is_intact(content.getvalue(), name) else None)
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
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
    os.close(handle)
    try:
        downloader = pooch.HTTPDownloader(timeout=_STALL_SECONDS, progressbar=sys.stderr.isatty())
        downloader(f"{mirror}{name}.gz", temporary, None)
        if not _is_intact(Path(temporary).read_bytes(), name):
            return False
        os.chmod(temporary, 0o644)  # mkstemp makes files for the owner alone
        os.replace(temporary, folder / f"{name}.gz")
        return True
    except requests.RequestException:
        return False
    finally:
        Path(temporary).unlink(missing_ok=True)


def _is_intact(compressed: bytes, name: str) -> bool:
    try:
        with gzip.open(io.BytesIO(compressed)) as file:
            content = file.read(_LARGEST_FILE + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return False
    return hashlib.sha256(content).hexdigest() == _SHA256[name]
