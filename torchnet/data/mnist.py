"""MNIST: find it on disk, or download and verify it."""

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
from torchnet.data.formats.idx import gunzip
from torchnet.data.formats.idx_files import FILES, find_idx_files, missing_files, near_misses
from torchnet.printable import printable
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
_WAIT_SECONDS = 4.0  # the longest wait for an answer, and then for the next byte; three silent mirrors cost 12 s
_SLOWEST = 20_000  # bytes a second; what arrives more slowly on average, after the first wait, is given up
_CHUNK = 2**16
_HEADERS = {"Accept-Encoding": "identity"}
_Part = int | bytes | None  # of a request: the announced size, a chunk (empty at the end), or None if it failed


class MnistUnavailableError(DataError):
    """MNIST is not on disk, and no mirror can be reached."""


def mnist_path() -> Path:
    """Return the file or folder that holds MNIST, after downloading it if necessary.

    The place to search is $TORCHNET_DATA (a folder or a file), or data/ if the variable is not set.

    Raises:
        MnistUnavailableError: if MNIST is missing and cannot be downloaded.
        DataError: if there is no MNIST, but files with nearly the right names.
    """
    found = find_mnist()
    if found is None:
        if misses := near_misses(_place()):
            raise DataError(missing_files(_place(), find_idx_files(_place()), misses))
        found = _place() / "mnist"
        _download(found)
    return found


def find_mnist() -> Path | None:
    """Return the file or folder that holds MNIST, or None if it has to be downloaded."""
    place = _place()
    return place if place.is_file() else find_in_folder(place)


def _place() -> Path:
    return Path(os.environ.get("TORCHNET_DATA") or "data")


def find_in_folder(folder: Path) -> Path | None:
    """Return the path of MNIST, or of a data set with files of the same names, in a folder; None if there is none.

    In this order: the folder itself if it holds four IDX files (idx_files.py); mnist_all.mat; mnist.npz.
    """
    if find_idx_files(folder).keys() == FILES.keys():
        return folder
    return next((path for name in ("mnist_all.mat", "mnist.npz") if (path := folder / name).is_file()), None)


def _download(folder: Path) -> None:
    """Download the gzipped IDX files that a folder lacks. A file gets its name only after its SHA-256 is verified."""
    present = find_idx_files(folder)
    missing = [name for key, name in reversed(FILES.items()) if key not in present]  # a small one first
    mirrors = list(_MIRRORS)
    for name in missing:
        while mirrors and (content := _fetch(mirrors[0], name)) is None:
            del mirrors[0]  # a mirror that failed once is not asked for another file
        if not mirrors or content is None:
            raise MnistUnavailableError(
                f"MNIST is not in {folder.parent} and could not be downloaded ({len(_MIRRORS)} mirrors tried): put "
                f"mnist_all.mat or the four IDX files there, or set TORCHNET_DATA to their folder or file"
            )
        if name == missing[0]:
            print(f"downloading MNIST into {printable(folder)}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(folder / f"{name}.gz", content)


def _fetch(mirror: str, name: str) -> bytes | None:
    """Return a gzipped file of a mirror; None if the mirror fails, is too slow, or delivers something else.

    The request runs in a thread: a name lookup, or headers that arrive byte by byte, can take longer than any timeout
    of a socket. A request that is too slow is left behind.
    """
    arrived: queue.SimpleQueue[_Part] = queue.SimpleQueue()
    is_over = threading.Event()
    threading.Thread(target=_request, args=(f"{mirror}{name}.gz", arrived, is_over), daemon=True).start()
    try:
        content = _receive(arrived, f"{name}.gz")
        decompressed = gunzip(content, _LARGEST_FILE + 1)
    except (queue.Empty, ValueError):
        return None
    finally:
        is_over.set()
    return content if hashlib.sha256(decompressed).hexdigest() == _SHA256[name] else None


def _receive(arrived: "queue.SimpleQueue[_Part]", name: str) -> bytes:
    """Return the content that arrives in parts.

    Raises:
        queue.Empty: if it arrives too slowly; ValueError: if it is too large, or the request fails.
    """
    content, began = bytearray(), time.monotonic()
    columns = *Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(name, total=None)
        while True:
            left = began + _WAIT_SECONDS + len(content) / _SLOWEST - time.monotonic()
            part = arrived.get(timeout=max(0.0, min(left, _WAIT_SECONDS)))
            if part is None or len(content) > _LARGEST_DOWNLOAD:
                raise ValueError("the request failed")
            if isinstance(part, int):
                progress.update(task, total=part)
            elif part:
                content += part
                progress.advance(task, len(part))
            else:
                return bytes(content)


def _request(url: str, arrived: "queue.SimpleQueue[_Part]", is_over: threading.Event) -> None:
    """Put the announced size of a file, its chunks and an empty chunk; or None, however the request fails."""
    try:
        with (
            _HttpsRedirects() as session,
            session.get(url, stream=True, timeout=_WAIT_SECONDS, headers=_HEADERS) as answer,
        ):
            announced = answer.headers.get("Content-Length", "")
            if announced.isdecimal():
                arrived.put(int(announced))
            # read1 returns what has arrived; read would wait for a whole chunk.
            while not is_over.is_set() and (chunk := answer.raw.read1(_CHUNK, decode_content=False)):
                arrived.put(chunk)
            arrived.put(b"")
    except Exception:
        arrived.put(None)


class _HttpsRedirects(requests.Session):
    """Follow redirects to https only; plain http can be forged on the way."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None and urlsplit(urljoin(resp.url, target)).scheme != "https":
            raise requests.exceptions.InvalidURL(f"a redirect to {target}")
        return target
