"""Build checkpoint files with arbitrary contents and a correct digest."""

import io
import zlib
from pathlib import Path

from torchnet.storage import write_checkpoint
from torchnet.storage.archive import descriptor, directory_end, entry, header, members
from torchnet.storage.checkpoint import add_digest, verify_digest

Members = dict[str, bytes]
ONE_FLOAT = b"\0\0\x80?"


def good(folder: Path, contents: dict) -> bytes:
    """Return the bytes of a checkpoint that the package wrote."""
    write_checkpoint(folder / "good.ckpt", contents)
    return (folder / "good.ckpt").read_bytes()


def taken_apart(checkpoint: bytes) -> tuple[bytes, list[bytes]]:
    """Return the pickle and the storages of a valid checkpoint."""
    file = io.BytesIO(checkpoint)
    pickle, storages = members(file, verify_digest(file))
    content, *others = (checkpoint[member.start : member.start + member.size] for member in (pickle, *storages))
    return content, others


def usual(pickle: bytes, storages: list[bytes]) -> Members:
    """Return the members of an archive of torch.save by name, in its order."""
    return {
        "data.pkl": pickle,
        ".format_version": b"1",
        ".storage_alignment": b"64",
        "byteorder": b"little",
        **{f"data/{i}": storage for i, storage in enumerate(storages)},
        "version": b"3\n",
        ".data/serialization_id": b"0" * 40,
    }


def sealed(pickle: bytes, storages: list[bytes] | None = None) -> bytes:
    """Return a checkpoint with this pickle and these storages that is correct otherwise."""
    return add_digest(archive(usual(pickle, storages or [])))


def archive(contents: Members) -> bytes:
    """Return an archive in the format of torch.save with these members."""
    body, directory = bytearray(), bytearray()
    for name, content in contents.items():
        offset, checksum, full = len(body), zlib.crc32(content), f"archive/{name}"
        body += header(full, len(content), offset) + content + descriptor(checksum, len(content), offset)
        directory += entry(full, checksum, len(content), offset)
    return bytes(body + directory) + directory_end(len(contents), len(directory), len(body))
