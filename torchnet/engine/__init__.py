"""The training step at full speed."""

from torchnet.engine.engine import Engine
from torchnet.engine.tape import CaptureError

__all__ = ["CaptureError", "Engine"]
