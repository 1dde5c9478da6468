"""A small page for one layer or loss: it runs forward and backward, with numbers that the reader changes.

Each page needs nothing else. It posts its height in pixels to the page around it: {"widgetHeight": height}.
"""

from collections.abc import Callable
from typing import Any

from torchnet.demo.description import describe, expect_shown
from torchnet.demo.web_files import MATHEMATICS, render
from torchnet.layers import ACTIVATIONS, BatchNorm1d, BatchNorm2d, Identity, Layer

_SCRIPTS = (*MATHEMATICS, "view/elements", "view/equations", "view/rows", "widget/numbers")
_STYLES = ("view/base", "view/rows", "widget/widget")
_CURVES = {type(make()) for make in ACTIVATIONS.values()} - {Identity}
_WIDTH = 4  # the width of a layer that works on any width, and the height and width of an image
_IMAGES: dict[str, Callable[[Any], list[int]]] = {  # the shape of a small image for a layer
    "Conv2d": lambda layer: [layer.in_channels, _WIDTH, _WIDTH],
    **dict.fromkeys(("MaxPool2d", "AvgPool2d"), lambda _: [1, _WIDTH, _WIDTH]),
    **dict.fromkeys(("AdaptiveAvgPool2d", "Flatten", "Dropout2d"), lambda _: [2, 2, 2]),
    "BatchNorm2d": lambda layer: [layer.num_features, 2, 2],
    "GroupNorm": lambda layer: [layer.num_channels, 2, 2],
}
_WIDEST = 8


def layer_widget(layer: Layer) -> str:
    """Return a self-contained HTML page that shows a layer at work, forward and backward.

    An activation is shown as its curve and its slope, at an input that a slider sets. Any other layer is shown by its
    numbers: input, weights and upstream gradient, which can be changed, and output and gradients. They are those of one
    sample, or of three samples for a batch norm in training mode. Dropout is the identity, as in evaluation mode.

    Raises:
        ValueError: if the layer has a weight with more than 8 rows or columns, or JavaScript does not have it.
    """
    expect_shown([layer])
    weights = list(layer.parameters())
    widest = max((size for weight in weights for size in weight.shape), default=0)
    if widest > _WIDEST:
        raise ValueError(f"expected a layer with at most {_WIDEST} features, got {widest}: make a smaller one")
    uses_batch = any(isinstance(part, (BatchNorm1d, BatchNorm2d)) and part.training for part in layer.modules())
    shape = _input_shape(layer)
    network, numbers = describe([layer], "cross_entropy", shape)
    data = {"network": network, "numbers": numbers, "samples": 3 if uses_batch else 1, "shape": shape}
    script = "widget/activation" if type(layer) in _CURVES and not weights else "widget/layer"
    return _page(script, type(layer).__name__, data)


def _input_shape(layer: Layer) -> list[int]:
    """Return the shape of a small sample for a layer."""
    if (image := _IMAGES.get(type(layer).__name__)) is not None:
        return image(layer)
    weights = [weight for weight in layer.parameters() if weight.numel() > 1]
    return [weights[0].shape[-1] if weights else _WIDTH]


def loss_widget(loss: str) -> str:
    """Return a self-contained HTML page that shows a loss of `LOSSES` at work, for four logits and a class."""
    return _page("widget/loss", loss, {"loss": loss})


def _page(script: str, title: str, data: dict[str, Any]) -> str:
    return render("widget/widget.html", _STYLES, (*_SCRIPTS, script), commented=False, title=title, data=data)
