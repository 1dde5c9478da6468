"""Data sets: files are read into verified arrays, and arrays are split into mini-batches in a reproducible order.

The public names are in __init__.pyi.
"""

from torchnet.public_names import import_on_first_use

__getattr__, __dir__, __all__ = import_on_first_use(__name__, __file__)
