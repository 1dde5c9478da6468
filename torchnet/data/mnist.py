"""MNIST: find it on disk, or download and verify it."""

import contextlib
import hashlib
import os
import queue
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from torchnet.data.dataset import DataError
from torchnet.data.idx import FILES, find_idx_files, gunzip
from torchnet.storage import write_durably

# SHA-256 of the decompressed files, since mirrors compress them differently.
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
_ANSWER_SECONDS = 5.0  # a mirror is reachable if it delivers the smallest file within this time
_STALL_SECONDS = 3.0  # the longest wait for the next byte; three silent mirrors then cost less than 15 s
_FILE_SECONDS = 300.0  # for a whole file: 33 kB/s are enough
_CHUNK = 2**16
_HEADERS = {"Accept-Encoding": "identity"}


class MnistUnavailableError(DataError):
    """MNIST is not on disk, and no mirror can be reached."""


def mnist_path() -> Path:
    """Return the file or folder that holds MNIST, after downloading it if necessary.

    The place to search is $TORCHNET_DATA (a folder or a file), or data/ if the variable is not set.

    Raises:
        MnistUnavailableError: if MNIST is missing and cannot be downloaded.
    """
    place = Path(os.environ.get("TORCHNET_DATA") or "data")
    found = place if place.is_file() else find_in_folder(place)
    if found is None:
        found = place / "mnist"
        _download(found)
    return found


def find_in_folder(folder: Path) -> Path | None:
    """Return the path of MNIST in a folder, or None.

    In this order: the four IDX files, plain or gzipped, in the folder or its subfolder mnist; mnist_all.mat; mnist.npz.
    """
    for candidate in (folder, folder / "mnist"):
        if find_idx_files(candidate).keys() == FILES.keys():
            return candidate
    return next((path for name in ("mnist_all.mat", "mnist.npz") if (path := folder / name).is_file()), None)


def _download(folder: Path) -> None:
    """Download the gzipped IDX files that a folder lacks. A file gets its name only after its SHA-256 is verified."""
    mirrors = _reachable_mirrors()
    present = find_idx_files(folder)
    missing = [name for key, name in FILES.items() if key not in present]
    if mirrors:
        print(f"downloading MNIST into {folder}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
    for name in missing:
        answers = (_fetch(mirror, name, _STALL_SECONDS, _FILE_SECONDS, bar=True) for mirror in mirrors)
        content = next(filter(None, answers), None)
        if content is None:
            raise MnistUnavailableError(
                f"MNIST is not in {folder.parent} and could not be downloaded ({len(_MIRRORS)} mirrors tried): put "
                f"mnist_all.mat or the four IDX files there, or set TORCHNET_DATA to their folder or file"
            )
        write_durably(folder / f"{name}.gz", content)


def _reachable_mirrors() -> list[str]:
    """Return all mirrors, the first to deliver the smallest file in front; none if none delivers it in time."""
    name = FILES["test_labels"]
    answers: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def ask(mirror: str) -> None:
        answers.put(mirror if _fetch(mirror, name, _ANSWER_SECONDS, _ANSWER_SECONDS) else None)

    for mirror in _MIRRORS:  # in threads, since a name lookup can hang for longer than any timeout
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    deadline = time.monotonic() + _ANSWER_SECONDS
    with contextlib.suppress(queue.Empty):
        for _ in _MIRRORS:
            if first := answers.get(timeout=max(0.0, deadline - time.monotonic())):
                return sorted(_MIRRORS, key=lambda mirror: mirror != first)
    return []


def _fetch(mirror: str, name: str, stall_seconds: float, max_seconds: float, bar: bool = False) -> bytes | None:
    """Return a gzipped file of a mirror; None if the mirror fails, is too slow, or delivers something else."""
    url, deadline, content = f"{mirror}{name}.gz", time.monotonic() + max_seconds, bytearray()
    columns = *Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn()
    try:
        with (
            _HttpsRedirects() as session,
            session.get(url, stream=True, timeout=stall_seconds, headers=_HEADERS) as answer,
            Progress(*columns, console=Console(stderr=True), disable=not (bar and sys.stderr.isatty())) as progress,
        ):
            announced = answer.headers.get("Content-Length", "")
            task = progress.add_task(f"{name}.gz", total=int(announced) if announced.isdecimal() else None)
            # read1 returns what has arrived; read would wait for a whole chunk and could miss the deadline.
            while chunk := answer.raw.read1(_CHUNK, decode_content=False):
                content += chunk
                if len(content) > _LARGEST_DOWNLOAD or time.monotonic() > deadline:
                    return None
                progress.advance(task, len(chunk))
        decompressed = gunzip(bytes(content), _LARGEST_FILE + 1)
    except Exception:  # however a mirror fails, the next one is tried
        return None
    return bytes(content) if hashlib.sha256(decompressed).hexdigest() == _SHA256[name] else None


class _HttpsRedirects(requests.Session):
    """Follow redirects to https only; plain http can be forged on the way."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None and urlsplit(urljoin(resp.url, target)).scheme != "https":
            raise requests.exceptions.InvalidURL(f"a redirect to {target}")
        return target
