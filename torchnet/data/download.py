"""The download of one file, which neither a slow mirror nor an endless answer nor a broken line can turn into harm."""

import sys
import time
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

_CHUNK = 2**16


class DownloadError(Exception):
    """A mirror does not deliver: it is out of reach, silent, slow, or answers something else."""


class _HttpsRedirects(requests.Session):
    """Follow redirects to https alone: whoever sits between could answer any other request."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        target = super().get_redirect_target(resp)
        if target is not None and urlsplit(urljoin(resp.url, target)).scheme != "https":
            raise DownloadError(f"{resp.url}: expected a redirect to https, got {target}")
        return target


def fetch(
    url: str, file: BinaryIO, max_bytes: int, stall_seconds: float, max_seconds: float, bar: bool = False
) -> None:
    """Write what a URL delivers to a file.

    Args:
        url: of the file.
        file: is written to.
        max_bytes: more than this is not taken.
        stall_seconds: the longest wait for a connection, and for the next byte.
        max_seconds: the longest time in all, however steadily the bytes trickle.
        bar: draw a progress bar on the terminal.

    Raises:
        DownloadError: if the URL delivers nothing, less than it announced, too much or too slowly.
    """
    deadline = time.monotonic() + max_seconds
    try:
        with (
            _HttpsRedirects() as session,
            session.get(url, stream=True, timeout=stall_seconds, headers={"Accept-Encoding": "identity"}) as answer,
            _progress(bar) as progress,
        ):
            answer.raise_for_status()
            announced = answer.headers.get("Content-Length", "")
            task = progress.add_task(url.rsplit("/", 1)[-1], total=int(announced) if announced.isdecimal() else None)
            received = 0
            # read1 gives what has arrived: read would wait for a whole chunk, and the deadline with it.
            while chunk := answer.raw.read1(_CHUNK, decode_content=False):
                received += len(chunk)
                if received > max_bytes:
                    raise DownloadError(f"{url}: expected at most {max_bytes} bytes, got more")
                if time.monotonic() > deadline:
                    raise DownloadError(f"{url}: expected all of it within {max_seconds:g} seconds")
                file.write(chunk)
                progress.advance(task, len(chunk))
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise DownloadError(f"{url}: {error}") from error


def _progress(shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        disable=not (shown and sys.stderr.isatty()),
    )
