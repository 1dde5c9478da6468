"""The exact zip archive that `torch.save` writes.

A zip archive describes each member twice: in a header before its content, and in an entry of the directory at the end
of the file. The format also allows compression, encryption, names that lead out of a folder, gaps and duplicate names,
none of which `torch.save` uses. Two readers may therefore see different contents in one archive.

So the archive is not parsed here. All bytes outside of the members' contents are rebuilt from the sizes and checksums
that the directory claims, and the archive must consist of exactly these bytes. Then it can be read in only one way.

Sizes and offsets from 2³² - 1 up do not fit their 32-bit fields. The field is then 2³² - 1, and an extra field holds
the number.

Source: PKWARE, APPNOTE.TXT 6.3.
"""

from struct import Struct, pack
from typing import BinaryIO, NamedTuple

_FIRST = ("data.pkl", ".format_version", ".storage_alignment", "byteorder")
_LAST = ("version", ".data/serialization_id")
_FIXED = {".format_version": b"1", ".storage_alignment": b"64", "byteorder": b"little", "version": b"3\n"}
_MAX_STORAGES = 100_000
_MAX_ENTRY_SIZE = 128
_ALIGNMENT = 64  # bytes; each member's content begins at a multiple of it
_LARGE = 2**32 - 1

_HEADER = Struct("<4sHHHIIIIHH")  # signature, version, flags, method, time, checksum, 2 sizes, lengths: name and extra
_ENTRY = Struct("<4sHHHHIIIIHHHHHII")  # as the header, with versions, comment, disk, attributes and offset
_END_OF_LARGE = Struct("<4sQHHIIQQQQ")  # signature, size, versions, disks, 2 entry counts, directory size and start
_LOCATOR = Struct("<4sIQI")  # signature, disk, start of the record above, disks
_END = Struct("<4sHHHHIIH")  # signature, disks, 2 entry counts, directory size and start, length of the comment
_ENTRY_CLAIMS = Struct("<16xI4xI")  # the checksum and the size of the content, within an entry
_DIRECTORY_END_SIZE = _END_OF_LARGE.size + _LOCATOR.size + _END.size
_UTF8, _DESCRIPTOR_FOLLOWS = 0x800, 0x8


class Member(NamedTuple):
    """The position of a member's content in the file, in bytes."""

    start: int
    size: int


def members(file: BinaryIO, size: int) -> tuple[Member, list[Member]]:
    """Return the positions of the pickle and of the storages.

    Args:
        file: a file that begins with the archive.
        size: the number of bytes of the archive.

    Raises:
        ValueError: if the archive is not exactly as `torch.save` writes it.
    """
    _expect(size >= _DIRECTORY_END_SIZE, "one that is too short")
    end = _read(file, size - _DIRECTORY_END_SIZE, _DIRECTORY_END_SIZE)
    *_, count, length, start = _END_OF_LARGE.unpack_from(end)
    _expect(start + length + len(end) == size, "one with gaps")
    # The last two bytes are the length of the comment, which is checked with the digest.
    _expect(end[:-2] == directory_end(count, length, start)[:-2], "a wrong end of its directory")
    storages = count - len(_FIRST) - len(_LAST)
    _expect(0 <= storages <= _MAX_STORAGES, f"one that claims {count} members")
    _expect(length <= count * _MAX_ENTRY_SIZE, "a directory that is too large")
    directory, expected, offset, found = _read(file, start, length), bytearray(), 0, []
    for name in (*_FIRST, *(f"data/{i}" for i in range(storages)), *_LAST):
        full_name = f"archive/{name}"
        checksum, size = _claims(directory[len(expected) : len(expected) + _MAX_ENTRY_SIZE], full_name)
        _expect(offset + size <= start, f"one that has no room for {name}")
        expected += entry(full_name, checksum, size, offset)
        before, after = header(full_name, size, offset), descriptor(checksum, size, offset)
        member = Member(offset + len(before), size)
        _expect(_read(file, offset, len(before)) == before, f"a wrong header of {name}")
        _expect(_read(file, member.start + size, len(after)) == after, f"a wrong descriptor of {name}")
        if content := _FIXED.get(name):
            _expect(_read(file, member.start, min(size, 99)) == content, f"a wrong {name}")
        found.append(member)
        offset = member.start + size + len(after)
    _expect(directory == expected and offset == start, "a wrong directory")
    return found[0], found[len(_FIRST) : -len(_LAST)]


def _claims(entry: bytes, name: str) -> tuple[int, int]:
    """Return the checksum and the size of a member's content, as its directory entry claims them."""
    _expect(len(entry) >= _ENTRY.size, "a directory that is cut short")
    checksum, size = _ENTRY_CLAIMS.unpack_from(entry)
    if size == _LARGE:
        extra = _ENTRY.size + len(name) + 4
        size = int.from_bytes(entry[extra : extra + 8], "little")
    return checksum, size


def header(name: str, size: int, offset: int) -> bytes:
    """Return the bytes before a member's content of `size` bytes: the header, the name, and padding."""
    encoded = name.encode()
    extra = _extra([size, 0] * (size >= _LARGE) + [offset] * (offset >= _LARGE))
    padding = -(offset + _HEADER.size + len(encoded) + len(extra) + 4) % _ALIGNMENT
    extra += b"FB" + pack("<H", padding) + b"Z" * padding
    fixed = _HEADER.pack(b"PK\x03\x04", 0, _flags(size), 0, 0, 0, 0, 0, len(encoded), len(extra))
    return fixed + encoded + extra


def descriptor(checksum: int, size: int, offset: int) -> bytes:
    """Return the bytes after a member's content."""
    if size == 0:
        return b""
    return pack("<4sIQQ" if max(size, offset) >= _LARGE else "<4sIII", b"PK\x07\x08", checksum, size, size)


def entry(name: str, checksum: int, size: int, offset: int) -> bytes:
    """Return a member's entry in the directory."""
    encoded = name.encode()
    checksum = checksum if size else 0
    extra = _extra([size, size] * (size >= _LARGE) + [offset] * (offset >= _LARGE))
    sizes, place = [min(size, _LARGE)] * 2, min(offset, _LARGE)
    lengths = len(encoded), len(extra)
    fixed = _ENTRY.pack(b"PK\x01\x02", 0, 0, _flags(size), 0, 0, checksum, *sizes, *lengths, 0, 0, 0, 0, place)
    return fixed + encoded + extra


def directory_end(count: int, size: int, start: int) -> bytes:
    """Return the bytes after a directory of `count` entries and `size` bytes that begins at `start`."""
    return (
        _END_OF_LARGE.pack(b"PK\x06\x06", 44, 0x031E, 0x002D, 0, 0, count, count, size, start)
        + _LOCATOR.pack(b"PK\x06\x07", 0, start + size, 1)
        + _END.pack(b"PK\x05\x06", 0, 0, *[min(count, 0xFFFF)] * 2, min(size, _LARGE), min(start, _LARGE), 0)
    )


def _flags(size: int) -> int:
    return _UTF8 | (_DESCRIPTOR_FOLLOWS if size else 0)


def _extra(numbers: list[int]) -> bytes:
    return pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""


def _read(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(f"expected an archive as torch.save writes it, got {otherwise}")
