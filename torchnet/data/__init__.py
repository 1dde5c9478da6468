"""Data sets: files are read into verified arrays, and arrays are split into mini-batches in a reproducible order.

The public names are in __init__.pyi.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
