"""Check hand-written backward passes against independent oracles, and name the mistake in a wrong one.

The public names are in __init__.pyi. Each is imported on first use.
"""

from torchnet.public_names import import_on_first_use

__getattr__, __dir__, __all__ = import_on_first_use(__name__, __file__)
