"""Check hand-written backward passes against independent oracles, and name the mistake in a wrong one.

The public names are in __init__.pyi. Each is imported on first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
