"""The training step at full speed."""

from torchnet.engine.engine import Engine
from torchnet.engine.tape import CaptureError
from torchnet.engine.way import WAYS, Way, choose_way

__all__ = ["WAYS", "CaptureError", "Engine", "Way", "choose_way"]
