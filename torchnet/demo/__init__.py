"""The demo page: set an input, and see every layer of a trained network compute. web/ holds its parts."""

from torchnet.demo.page import demo_page, describe, kind_of

__all__ = ["demo_page", "describe", "kind_of"]
