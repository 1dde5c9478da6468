"""The demo page: one self-contained HTML file with a trained network, on which its input is drawn or changed."""

from collections.abc import Iterable

import numpy as np

from torchnet.data import Preprocessing
from torchnet.data.inputs import Inputs, Table
from torchnet.demo.description import describe
from torchnet.demo.web_files import MATHEMATICS, render
from torchnet.layers import Layer, expect_layers_of_torchnet

_STYLES = ("view/base", "view/drawing", "view/rows", "demo/passes")
_SCRIPTS = (
    *MATHEMATICS,
    *("demo/table", "demo/digit", "demo/examples"),
    *("view/elements", "view/motion", "view/pictures", "view/bars", "view/equations", "view/plots", "view/rows"),
    *("demo/units", "demo/views", "demo/board", "demo/images", "demo/sliders", "demo/inputs", "demo/targets"),
    "demo/demo",
)


def demo_page(layers: Iterable[Layer], loss: str, name: str, steps: int, preprocessing: Preprocessing) -> str:
    """Return the page of a run as HTML: of the layers of its network in order, with a loss of `LOSSES`.

    The page also shows the name of the run and the number of its training steps. Its preprocessing says whether digits,
    images or rows of a table are set on the page, and what the outputs are called.

    Raises:
        ValueError: if the inputs are images that are not square, or flat rows of pixels, or a layer is not torchnet's.
    """
    kind = kind_of(preprocessing.inputs)
    layers = list(layers)
    for layer in layers:
        expect_layers_of_torchnet(layer)
    network, numbers = describe(layers, loss)
    return render(
        "demo/demo.html",
        _STYLES,
        _SCRIPTS,
        name=name,
        steps=steps,
        kind=kind,
        is_color=len(preprocessing.inputs.shape) == 3,
        task=preprocessing.task,
        network=network | {"preprocessing": preprocessing.as_dict()},
        numbers=numbers,
    )


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
