"""torchnet: deep networks with hand-written gradients, on PyTorch, each proven right.

The public names are in __init__.pyi. What a name needs is imported when the name is first asked for, so that
`python -m torchnet --help` need not wait for torch.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
