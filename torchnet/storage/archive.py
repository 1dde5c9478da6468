"""The one form of archive that `torch.save` writes, known in advance but for the sizes and checksums of its members.

A zip archive says everything twice, in a header before each member and in a directory at the end, and has room for
much that `torch.save` never uses: compression, encryption, names that lead out of a folder, gaps, members of the same
name. Two readers of such an archive may see different things in it. So nothing is interpreted here. From the sizes
and the checksums that the directory claims, every byte outside of the contents is built again, and the archive must
have exactly these bytes: then there is one way to read it, and no room for anything else.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from torchnet.storage.records import (
    DIRECTORY_END_SIZE,
    MIN_ENTRY_SIZE,
    claims,
    descriptor,
    directory_claims,
    directory_end,
    entry,
    header,
)

_FIRST = ("data.pkl", ".format_version", ".storage_alignment", "byteorder")
_LAST = ("version", ".data/serialization_id")
_FIXED = {
    "archive/.format_version": b"1",
    "archive/.storage_alignment": b"64",
    "archive/byteorder": b"little",
    "archive/version": b"3\n",
}
_MAX_STORAGES = 100_000
_MAX_ENTRY_SIZE = 128


class Member(NamedTuple):
    """Where in the file the content of a member is."""

    start: int
    size: int


def members(file: BinaryIO, size: int) -> tuple[Member, list[Member]]:
    """Return where an archive has its pickle and its storages.

    Args:
        file: the file that begins with the archive.
        size: the archive's, in bytes.

    Raises:
        ValueError: if it is not as `torch.save` writes it.
    """
    _expect(size >= DIRECTORY_END_SIZE, "one that is too short")
    end = _read(file, size - DIRECTORY_END_SIZE, DIRECTORY_END_SIZE)
    count, length, start = directory_claims(end)
    _expect(start + length + len(end) == size, "one with gaps")
    # Its last two bytes are the length of a comment: the seal's matter.
    _expect(end[:-2] == directory_end(count, length, start)[:-2], "another end of its directory")
    storages = count - len(_FIRST) - len(_LAST)
    _expect(0 <= storages <= _MAX_STORAGES, f"one that claims {count} members")
    _expect(length <= count * _MAX_ENTRY_SIZE, "a directory that is too large")
    directory, position, offset, found = _read(file, start, length), 0, 0, []
    for name in _names(storages):
        here = directory[position : position + _MAX_ENTRY_SIZE]
        _expect(len(here) >= MIN_ENTRY_SIZE, "a directory that is cut short")
        expected, member, offset = _check_member(file, here, name, offset, start)
        position += len(expected)
        found.append(member)
    _expect(position == length and offset == start, "one with gaps")
    return found[0], found[len(_FIRST) : -len(_LAST)]


def _names(storages: int) -> Iterator[str]:
    for name in (*_FIRST, *(f"data/{i}" for i in range(storages)), *_LAST):
        yield f"archive/{name}"


def _check_member(file: BinaryIO, found: bytes, name: str, offset: int, end: int) -> tuple[bytes, Member, int]:
    """Return a member's entry in the directory, the member, and where the next one starts."""
    checksum, size = claims(found, name)
    _expect(offset + size <= end, f"one that has no room for {name}")
    expected, before, behind = (
        entry(name, checksum, size, offset),
        header(name, size, offset),
        descriptor(checksum, size, offset),
    )
    member = Member(offset + len(before), size)
    _expect(found.startswith(expected), f"another entry for {name}")
    _expect(_read(file, offset, len(before)) == before, f"another header of {name}")
    _expect(_read(file, member.start + size, len(behind)) == behind, f"another descriptor of {name}")
    if name in _FIXED:
        _expect(size == len(_FIXED[name]) and _read(file, member.start, size) == _FIXED[name], f"another {name}")
    return expected, member, member.start + size + len(behind)


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(f"expected an archive as torch.save writes it, got {otherwise}")
