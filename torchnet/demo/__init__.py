"""Pages that compute in the browser, with the same layers in JavaScript. web/ holds their parts."""

from torchnet.demo.description import describe
from torchnet.demo.page import demo_page, kind_of

__all__ = ["demo_page", "describe", "kind_of"]
