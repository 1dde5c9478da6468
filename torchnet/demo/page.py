"""The demo page: one self-contained HTML file with trained networks, on which their input is drawn or changed."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from torchnet.data import Preprocessing
from torchnet.data.inputs import Inputs, Table
from torchnet.demo.description import describe
from torchnet.demo.web_files import MATHEMATICS, render
from torchnet.layers import Layer

_STYLES = ("view/base", "view/drawing", "demo/passes", "view/rows")
_SCRIPTS = (
    *MATHEMATICS,
    *("mathematics/random", "mathematics/initializers"),
    *("demo/table", "demo/digit", "demo/examples"),
    *(
        "view/elements",
        "view/motion",
        "view/pictures",
        "view/maps",
        "view/bars",
        "view/equations",
        "view/plots",
        "view/rows",
    ),
    *("demo/summary", "demo/units", "demo/filters", "demo/weights", "demo/views"),
    *("demo/board", "demo/images", "demo/sliders", "demo/inputs"),
    *("demo/targets", "demo/rates", "demo/networks", "demo/demo"),
)
_CONTENT = re.compile(r'<script type="application/json" id="content">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class ShownNetwork:
    """A network, and what its page says about it.

    Attributes:
        layers: a network, or its layers in order.
        loss: a name in `LOSSES`.
        name: what it is called, such as the name of its run.
        steps: the number of its training steps.
        score: how good it is, such as "test accuracy 97.38%"; empty if it is unknown.
        initializer: a name in `INITIALIZERS`, for the random weights that can be compared.
    """

    layers: Iterable[Layer]
    loss: str
    name: str
    steps: int
    score: str = ""
    initializer: str = "he_normal"

    def as_dict(self, inputs: Inputs) -> dict[str, Any]:
        """Return all of it as JSON values, for a page on which these inputs are set.

        Raises:
            ValueError: if the page cannot show a layer.
        """
        network, numbers = describe(self.layers, self.loss, given=inputs.shape)
        words = {"name": self.name, "steps": self.steps, "score": self.score, "initializer": self.initializer}
        return words | {"network": network, "numbers": numbers}


def demo_page(networks: Sequence[ShownNetwork], preprocessing: Preprocessing) -> str:
    """Return a page as HTML with networks that have the same inputs and outputs.

    The preprocessing says whether digits, images or rows of a table are set on the page, and what the outputs are
    called.

    Raises:
        ValueError: if the inputs are images that are not square, or flat rows of pixels, or the page cannot
            show a layer.
    """
    described = [network.as_dict(preprocessing.inputs) for network in networks]
    return page_of({"networks": described, "preprocessing": preprocessing.as_dict()})


def page_of(content: dict[str, Any]) -> str:
    """Return the page with the content that `content_of` read from another page."""
    preprocessing = Preprocessing.from_dict(content["preprocessing"])
    return render(
        "demo/demo.html",
        _STYLES,
        _SCRIPTS,
        kind=kind_of(preprocessing.inputs),
        is_color=len(preprocessing.inputs.shape) == 3,
        task=preprocessing.task,
        content=content,
    )


def content_of(page: str) -> dict[str, Any]:
    """Return the networks and the preprocessing in a page, from which another version can render it anew.

    Raises:
        ValueError: if the page is not one of `demo_page`.
    """
    if (found := _CONTENT.search(page)) is None:
        raise ValueError("expected a page of `python -m torchnet demo`, found no networks in it")
    content: dict[str, Any] = json.loads(found[1])
    return content


def kind_of(inputs: Inputs) -> str:
    """Return what is set on the page of a network with these inputs: a "digit", an "image" or a row of a "table".

    Raises:
        ValueError: if they are images that are not square, or flat rows of pixels.
    """
    if isinstance(inputs, Table):
        return "table"
    if not inputs.is_image:
        got = f"rows of {inputs.in_features} pixels"
    else:
        height, width, *_ = inputs.drawn(np.zeros(inputs.in_features, np.uint8)).shape
        if height == width:
            return "digit" if inputs.digits else "image"
        got = f"images of {height} x {width} pixels"
    raise ValueError(
        f"expected a network for square images or for a table, got one for {got}: the page can only draw square images"
    )
