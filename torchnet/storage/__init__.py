"""Checkpoints and weights: files that survive a crash and are safe to read.

The public names are in __init__.pyi.
"""

from torchnet.public_names import import_on_first_use

__getattr__, __dir__, __all__ = import_on_first_use(__name__, __file__)
