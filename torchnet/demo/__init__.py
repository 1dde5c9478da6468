"""The demo page: draw a digit, and see every layer of a trained network compute. web/ holds its parts."""

from torchnet.demo.page import demo_page, describe

__all__ = ["demo_page", "describe"]
