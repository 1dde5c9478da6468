"""Pages that compute in the browser, with the same layers in JavaScript. web/ holds their parts."""

from torchnet.demo.description import describe, expect_shown
from torchnet.demo.page import ShownNetwork, content_of, demo_page, kind_of, page_of
from torchnet.demo.playground import playground_page

__all__ = [
    "ShownNetwork",
    "content_of",
    "demo_page",
    "describe",
    "expect_shown",
    "kind_of",
    "page_of",
    "playground_page",
]
