"""The records of a zip archive, as torch writes them: no compression, no time, no owner.

Sizes and offsets from 2³² - 1 up do not fit their field. Then that number stands there, and the real one in an extra
field. Source: the format description of PKWARE, APPNOTE.TXT 6.3.
"""

from struct import Struct, pack

ALIGNMENT = 64  # the content of each member begins at a multiple of this
LARGE = 2**32 - 1

_HEADER = Struct("<4sHHHIIIIHH")  # signature, version, flags, method, time, checksum, 2 sizes, lengths: name and extra
_DESCRIPTOR = Struct("<4sIII")  # signature, checksum, 2 sizes
_LARGE_DESCRIPTOR = Struct("<4sIQQ")
_ENTRY = Struct("<4sHHHHIIIIHHHHHII")  # as the header, with versions, comment, disk, attributes and offset
_END_OF_LARGE = Struct("<4sQHHIIQQQQ")  # signature, size, versions, disks, 2 counts of entries, their size, their start
_LOCATOR = Struct("<4sIQI")  # signature, disk, where the record above starts, disks
_END = Struct("<4sHHHHIIH")  # signature, disks, 2 counts of entries, their size, their start, length of a comment
_CLAIMS = Struct("<16xI4xI")  # of an entry: the checksum and the size of the content
_UTF8, _DESCRIPTOR_FOLLOWS = 0x800, 0x8

MIN_ENTRY_SIZE = _ENTRY.size
DIRECTORY_END_SIZE = _END_OF_LARGE.size + _LOCATOR.size + _END.size


def header(name: str, size: int, offset: int) -> bytes:
    """Return what stands before a member's content: the header, the name, and padding.

    Args:
        name: the member's.
        size: of its content, in bytes.
        offset: where the header starts.
    """
    encoded = name.encode()
    extra = _extra([size, 0] * (size >= LARGE) + [offset] * (offset >= LARGE))
    padding = -(offset + _HEADER.size + len(encoded) + len(extra) + 4) % ALIGNMENT
    extra += b"FB" + pack("<H", padding) + b"Z" * padding
    fixed = _HEADER.pack(b"PK\x03\x04", 0, _flags(size), 0, 0, 0, 0, 0, len(encoded), len(extra))
    return fixed + encoded + extra


def descriptor(checksum: int, size: int, offset: int) -> bytes:
    """Return what stands behind a member's content."""
    if size == 0:
        return b""
    record = _LARGE_DESCRIPTOR if max(size, offset) >= LARGE else _DESCRIPTOR
    return record.pack(b"PK\x07\x08", checksum, size, size)


def entry(name: str, checksum: int, size: int, offset: int) -> bytes:
    """Return what the directory says of a member."""
    encoded = name.encode()
    checksum = checksum if size else 0
    extra = _extra([size, size] * (size >= LARGE) + [offset] * (offset >= LARGE))
    sizes, place = [min(size, LARGE)] * 2, min(offset, LARGE)
    lengths = len(encoded), len(extra)
    fixed = _ENTRY.pack(b"PK\x01\x02", 0, 0, _flags(size), 0, 0, checksum, *sizes, *lengths, 0, 0, 0, 0, place)
    return fixed + encoded + extra


def claims(entry: bytes, name: str) -> tuple[int, int]:
    """Return the checksum and the size that an entry, whose length is not known yet, claims."""
    checksum, size = _CLAIMS.unpack_from(entry)
    behind = _ENTRY.size + len(name) + 4
    if size == LARGE:
        size = int.from_bytes(entry[behind : behind + 8], "little")
    return checksum, size


def directory_end(count: int, size: int, start: int) -> bytes:
    """Return what stands behind the directory: how many entries it has, how large it is and where it starts."""
    return (
        _END_OF_LARGE.pack(b"PK\x06\x06", 44, 0x031E, 0x002D, 0, 0, count, count, size, start)
        + _LOCATOR.pack(b"PK\x06\x07", 0, start + size, 1)
        + _END.pack(b"PK\x05\x06", 0, 0, *[min(count, 0xFFFF)] * 2, min(size, LARGE), min(start, LARGE), 0)
    )


def directory_claims(end: bytes) -> tuple[int, int, int]:
    """Return the count, the size and the start that `directory_end` was given."""
    *_, count, size, start = _END_OF_LARGE.unpack_from(end)
    return count, size, start


def _flags(size: int) -> int:
    return _UTF8 | (_DESCRIPTOR_FOLLOWS if size else 0)


def _extra(numbers: list[int]) -> bytes:
    return pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
