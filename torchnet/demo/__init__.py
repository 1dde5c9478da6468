"""The demo page: draw a digit, and see every layer of a trained network compute. Its web/ files hold one idea each."""

from torchnet.demo.page import demo_page, describe

__all__ = ["demo_page", "describe"]
