"""The page on which a trained network can be drawn for and looked into: its parts are in web/, one idea a file."""

from torchnet.demo.description import describe
from torchnet.demo.page import demo_page

__all__ = ["demo_page", "describe"]
