"""How Lightning writes and reads checkpoints: through torchnet.storage, atomically and without running code."""

from pathlib import Path
from typing import Any

from pytorch_lightning.plugins import CheckpointIO

from torchnet.runs.folders import FoundCheckpoint
from torchnet.storage import read_checkpoint, write_checkpoint


class CheckpointFiles(CheckpointIO):
    """Use torchnet.storage, whatever options Lightning passes: nothing is ever unpickled unsafely.

    Args:
        found: a checkpoint that was read already; its file may be deleted by now.
    """

    def __init__(self, found: FoundCheckpoint | None = None) -> None:
        self.found = found

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        write_checkpoint(Path(path), checkpoint)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        found, self.found = self.found, None  # Lightning changes what it loads
        return found.contents if found is not None and found.path == Path(path) else read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        Path(path).unlink(missing_ok=True)
