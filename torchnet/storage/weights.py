"""Weights without a run, in the safetensors format, which holds only tensors and text.

The format has no checksum. `write_weights` therefore stores a SHA-256 digest in the metadata. It is the digest of the
file with 64 zeros in the place of the digest.
"""

import hashlib
import json
import re
from pathlib import Path

import safetensors.torch
from torch import Tensor

from torchnet.storage.contents import plain
from torchnet.storage.safe_files import CheckpointError, open_regular_file, write_durably

_DIGEST = re.compile(rb'"torchnet":"sha256 ([0-9a-f]{64})"')
_PARTS = (b'"torchnet"', b'"sha256 ')  # a header with either of them had a digest, even if that is corrupt now


def write_weights(path: Path, weights: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors by name, as `state_dict` returns them, with `write_durably`.

    The file also stores the text of `metadata`. The digest is added to it under the key "torchnet".

    Raises:
        TypeError: if `weights` holds anything but tensors by name; OSError: if the file cannot be written.
    """
    for name, tensor in weights.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise TypeError(f"weights: expected tensors by name, got {type(tensor).__name__} as {name!r}")
    content = safetensors.torch.save(plain(weights, "weights"), metadata | {"torchnet": f"sha256 {'0' * 64}"})
    signed = _with_digest(content)
    assert signed is not None
    write_durably(path, signed)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of a safetensors file by name, in CPU memory; see `read_weights_and_metadata`."""
    return read_weights_and_metadata(path)[0]


def read_weights_and_metadata(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the weights of a safetensors file by name, in CPU memory, and the text of its metadata.

    The digest is verified if the file has one. Files from other programs have none.

    Raises:
        CheckpointError: if the file is corrupt or not a safetensors file; OSError: if the disk fails.
    """
    with open_regular_file(path) as file:
        content = file.read()
    try:
        header = content[: _header_end(content)]
        if any(part in header for part in _PARTS) and content != _with_digest(content):
            raise ValueError("a SHA-256 that differs from the one in the metadata")
        weights = safetensors.torch.load(content)  # checks the header, too: metadata are text by name
        return weights, json.loads(header[8:]).get("__metadata__") or {}
    except Exception as error:  # SafetensorError, KeyError for an unknown dtype, and others
        found = " ".join(str(error).split())[:100]
        raise CheckpointError(f"{path}: expected a safetensors file, got {found!r}: name another one") from error


def _with_digest(content: bytes) -> bytes | None:
    """Return a file with the right digest in its metadata, or None if they have no place for it."""
    found = _DIGEST.search(content, 8, _header_end(content))
    if found is None:
        return None
    before, after = content[: found.start(1)], content[found.end(1) :]
    return before + hashlib.sha256(before + b"0" * 64 + after).hexdigest().encode() + after


def _header_end(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")
