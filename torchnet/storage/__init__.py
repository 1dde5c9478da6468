"""Files that survive a crash, and cannot hurt whoever reads them: checkpoints and weights."""

from torchnet.storage.checkpoint import read_checkpoint, write_checkpoint
from torchnet.storage.contents import plain
from torchnet.storage.durable import write_durably
from torchnet.storage.errors import CheckpointError
from torchnet.storage.weights import read_weights, write_weights

__all__ = [
    "CheckpointError",
    "plain",
    "read_checkpoint",
    "read_weights",
    "write_checkpoint",
    "write_durably",
    "write_weights",
]
