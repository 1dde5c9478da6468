"""Figures of networks and runs, for notebooks and scripts.

Each function returns a Figure of matplotlib, which a notebook shows as a picture. They use no pyplot, so a script
needs no display: `figure.savefig("flow.png")`. The functions are listed in __init__.pyi.
"""

from torchnet.public_names import import_on_first_use

__getattr__, __dir__, __all__ = import_on_first_use(__name__, __file__)
