"""Weights alone, in the format safetensors, which holds tensors and text and nothing that could run."""

from pathlib import Path

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from torchnet.storage.contents import plain
from torchnet.storage.durable import write_durably
from torchnet.storage.errors import CheckpointError
from torchnet.storage.opening import open_file


def write_weights(path: Path, weights: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write weights durably: see `write_durably`.

    Args:
        path: the file.
        weights: the tensors by name, as `state_dict` returns them.
        metadata: text that goes with them.

    Raises:
        TypeError: if something else is among the weights; OSError: if the file cannot be written.
    """
    write_durably(path, safetensors.torch.save(plain(weights, "weights"), metadata))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the weights of a file of safetensors by name, in the CPU's memory.

    Raises:
        CheckpointError: if it is not such a file; OSError: if the disk fails to read it.
    """
    with open_file(path) as file:
        content = file.read()
    try:
        return safetensors.torch.load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: expected a file of safetensors, got a damaged or another one ({error})"
        ) from error
