"""Weights alone, in the format safetensors, which holds tensors and text and nothing that could run.

The format has no checksum. So its metadata has one: the SHA-256 of the file as it is while zeros stand for the digest.
"""

import hashlib
import re
from pathlib import Path

import safetensors.torch
from torch import Tensor

from torchnet.storage.contents import plain
from torchnet.storage.durable import write_durably
from torchnet.storage.errors import CheckpointError
from torchnet.storage.opening import open_file

_DIGEST = re.compile(rb'"torchnet":"sha256 ([0-9a-f]{64})"')
_PARTS = (b'"torchnet"', b'"sha256 ')  # a file with one of them once had a digest, even if that is damaged now
_ZEROS = "0" * 64


def write_weights(path: Path, weights: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write weights durably: see `write_durably`.

    Args:
        path: the file.
        weights: the tensors by name, as `state_dict` returns them.
        metadata: text that goes with them; the digest is put beside it as "torchnet".

    Raises:
        TypeError: if something else is among the weights; OSError: if the file cannot be written.
    """
    for name, tensor in weights.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise TypeError(f"weights: expected tensors by name, got {type(tensor).__name__} as {name!r}")
    content = safetensors.torch.save(plain(weights, "weights"), metadata | {"torchnet": f"sha256 {_ZEROS}"})
    found = _DIGEST.search(content, 8, _header_end(content))
    assert found is not None
    write_durably(path, _with_digest(content, found, hashlib.sha256(content).hexdigest()))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of a file of safetensors by name, in the CPU's memory.

    One that `write_weights` wrote must be as it was written; one from elsewhere has no digest to tell.

    Raises:
        CheckpointError: if it is not such a file; OSError: if the disk fails to read it.
    """
    with open_file(path) as file:
        content = file.read()
    try:
        _verify(content)
        return safetensors.torch.load(content)
    except Exception as error:  # whatever is wrong: SafetensorError, KeyError for a type of numbers, ...
        found = " ".join(str(error).split())[:100]
        raise CheckpointError(f"{path}: expected a file of safetensors, got {found!r}: name another one") from error


def _verify(content: bytes) -> None:
    end = _header_end(content)
    if any(content.find(part, 8, end) >= 0 for part in _PARTS):
        found = _DIGEST.search(content, 8, end)
        digest = found and hashlib.sha256(_with_digest(content, found, _ZEROS)).hexdigest().encode()
        if found is None or found[1] != digest:
            raise ValueError("another SHA-256 than the one in its metadata")


def _header_end(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def _with_digest(content: bytes, found: re.Match[bytes], digest: str) -> bytes:
    return content[: found.start(1)] + digest.encode() + content[found.end(1) :]
