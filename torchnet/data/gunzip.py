"""A gzipped file, decompressed no further than is asked for, so that a bomb of a few kilobytes costs no memory.

Python's own reader of gzipped files also takes several of them in a row, and lets bytes behind the last one pass.
"""

import zlib
from typing import BinaryIO

from torchnet.data.dataset import DataError

_CHUNK = 2**16
_GZIP = 31  # zlib's number for: a gzip header, the largest window, and a checksum and a length that are verified

MAGIC = b"\x1f\x8b"


class GzipReader:
    """Read a file that is gzipped once, from its beginning to its end.

    Args:
        file: the gzipped file.
        name: of the file, for messages.
    """

    def __init__(self, file: BinaryIO, name: object) -> None:
        self._file, self._name, self._stream = file, name, zlib.decompressobj(_GZIP)

    def read(self, size: int) -> bytes:
        """Return the next bytes: fewer than `size` only if the data end before, and are then known to be intact.

        Raises:
            DataError: if the data are damaged or cut short, or something follows them in the file.
        """
        content = bytearray()
        while len(content) < size and not self._stream.eof:
            compressed = self._stream.unconsumed_tail or self._file.read(_CHUNK)
            try:
                piece = self._stream.decompress(compressed, size - len(content))
            except zlib.error as error:
                raise DataError(
                    f"{self._name}: the compressed data are damaged ({error}): fetch the file again"
                ) from error
            if not compressed and not piece and not self._stream.eof:
                raise DataError(f"{self._name}: the compressed data are cut short: fetch the file again")
            content += piece
        if self._stream.eof and (self._stream.unused_data or self._file.read(1)):
            raise DataError(f"{self._name}: expected one gzipped file, got bytes behind its end: fetch the file again")
        return bytes(content)
