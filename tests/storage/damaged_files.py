"""Corrupt checkpoints, and other objects that may be at the path of a checkpoint."""

import gzip
import io
import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import torch

from .examples import CONTENTS
from .forge import good

PAGE = 4096
TRUNCATIONS, FLIPS, PAGES, BLOCKS = 64, 288, 32, 16


def damaged_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each corrupt file and a description. Most are written to the same path, one after the other."""
    path = folder / "damaged.ckpt"
    for name, content in damaged_contents(good(folder, CONTENTS)):
        path.write_bytes(content)
        yield name, path
    path.unlink()
    for name, make in NO_FILES.items():
        place = folder / name
        make(place)
        yield name, place


def damaged_contents(checkpoint: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a description and the content of a checkpoint after each kind of damage."""
    draw, size = random.Random(0), len(checkpoint)
    for length in {round(i * (size - 1) / (TRUNCATIONS - 1)) for i in range(TRUNCATIONS)}:
        yield f"truncated to {length} bytes", checkpoint[:length]
    for bit in flipped_bits(checkpoint):
        yield f"bit {bit} flipped", flipped(checkpoint, bit)
    for start in draw.sample(range(size - PAGE), PAGES):
        assert any(checkpoint[start : start + PAGE])
        yield f"zeros from {start}", checkpoint[:start] + bytes(PAGE) + checkpoint[start + PAGE :]
    for i in range(BLOCKS):
        start, at = draw.randrange(size - PAGE), (size if i < BLOCKS / 2 else draw.randrange(size))
        block = checkpoint[start : start + PAGE]
        yield f"the block at {start} repeated at {at}", checkpoint[:at] + block + checkpoint[at:]
    yield "0xFF", b"\xff" * size
    yield "zeros", bytes(size)
    yield "gzip", gzip.compress(checkpoint)
    yield "text", b"this is not a checkpoint...\n" * 100
    yield "twice", checkpoint * 2
    yield "without the digest", checkpoint[:-82] + b"\0\0"
    yield "another digest", checkpoint[:-64] + b"0" * 64
    yield "digest in capitals", checkpoint[:-64] + checkpoint[-64:].upper()
    plain = io.BytesIO()
    torch.save(CONTENTS, plain)
    yield "torch.save without a digest", plain.getvalue()


def flipped_bits(checkpoint: bytes) -> list[int]:
    """Return the bits to flip one by one: most are in the elements of tensors, some anywhere in the file."""
    draw = random.Random(1)
    places = [(checkpoint.index(t.numpy().tobytes()), t.nbytes) for t in CONTENTS["state_dict"].values()]
    in_tensors = [
        (start + draw.randrange(size)) * 8 + draw.randrange(8) for start, size in draw.choices(places, k=FLIPS - 72)
    ]
    return in_tensors + [draw.randrange(len(checkpoint) * 8) for _ in range(64)] + list(range(len(checkpoint) * 8))[-8:]


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket has at most 108 bytes
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(here)


def _without_permission(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0)  # root can still open it, but it is empty


NO_FILES = {
    "missing": lambda path: None,
    "directory": Path.mkdir,
    "fifo": os.mkfifo,
    "socket": _socket,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to a directory": lambda path: path.symlink_to("/"),
    "no permission": _without_permission,
    "n" * 300: lambda path: None,
    "a\0b": lambda path: None,
    "empty": Path.touch,
}
