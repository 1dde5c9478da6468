"""torchnet: deep networks with hand-written and verified gradients, on PyTorch.

The public names are listed in __init__.pyi. Each is imported on first use, so that `python -m torchnet --help` does not
import torch.
"""

from torchnet.public_names import import_on_first_use

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = import_on_first_use(__name__, __file__)
