"""A SHA-256 digest within the file that it covers.

A zip archive may end with a comment. The digest is that comment, so that the file stays one that every reader of
archives opens. It covers the archive as it was before it had a comment:

    sealed file = archive without its last two bytes, length of the comment, comment

The archive's last two bytes are the length of its comment, zero. So each byte of the file is either covered by the
digest, or has only one value that is accepted.
"""

import hashlib
import os
from typing import BinaryIO

_CHUNK = 2**20  # bytes
_NO_COMMENT = b"\0\0"
_PREFIX = b"torchnet sha256 "
_COMMENT = len(_PREFIX) + 64
_END = b"PK\x05\x06"  # the signature of an archive's last record, which is 22 bytes long without its comment
_END_SIZE = 22


def seal(archive: bytes) -> bytes:
    """Return an archive that has no comment, sealed by its digest."""
    digest = hashlib.sha256(archive).hexdigest().encode()
    return b"".join((archive[:-2], _COMMENT.to_bytes(2, "little"), _PREFIX, digest))


def verify_seal(file: BinaryIO) -> int:
    """See that a file is what was once sealed, to the last bit; return the size of the archive that was sealed.

    Its end is looked at first, so that a large file of something else is refused at once; the rest is read in pieces.

    Raises:
        ValueError: if it is not.
    """
    size = file.seek(0, os.SEEK_END)
    covered = size - _COMMENT - 2
    file.seek(max(0, covered + 2 - _END_SIZE))
    end = file.read()
    expected = _COMMENT.to_bytes(2, "little") + _PREFIX
    if end[:4] != _END or end[_END_SIZE - 2 :][: len(expected)] != expected:
        raise ValueError("expected a checkpoint that ends with its SHA-256, got a file that does not")
    digest, left = hashlib.sha256(), covered
    file.seek(0)
    while left > 0 and (chunk := file.read(min(_CHUNK, left))):
        digest.update(chunk)
        left -= len(chunk)
    digest.update(_NO_COMMENT)
    if digest.hexdigest().encode() != end[-64:]:
        raise ValueError("expected a checkpoint with the SHA-256 that stands at its end, got another one")
    return covered + 2
