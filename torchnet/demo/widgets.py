"""A small page for one layer or loss: it runs forward and backward, with numbers that the reader changes.

Each page needs nothing else. It posts its height in pixels to the page around it: {"widgetHeight": height}.
"""

from typing import Any

from torchnet.demo.description import describe
from torchnet.demo.web_files import MATHEMATICS, render
from torchnet.layers import ACTIVATIONS, BatchNorm1d, Identity, Layer, expect_layers_of_torchnet

_SCRIPTS = (*MATHEMATICS, "view/elements", "view/equations", "view/rows", "widget/numbers")
_STYLES = ("view/base", "view/rows", "widget/widget")
_CURVES = {type(make()) for make in ACTIVATIONS.values()} - {Identity}
_WIDTH = 4  # the width of a layer that works on any width
_WIDEST = 8


def layer_widget(layer: Layer) -> str:
    """Return a self-contained HTML page that shows a layer at work, forward and backward.

    An activation is shown as its curve and its slope, at an input that a slider sets. Any other layer is shown by its
    numbers: input, weights and upstream gradient, which can be changed, and output and gradients. They are those of one
    sample, or of three samples for a BatchNorm1d in training mode. Dropout is the identity, as in evaluation mode.

    Raises:
        ValueError: if the layer has a weight with more than 8 rows or columns, or is not torchnet's.
    """
    expect_layers_of_torchnet(layer)
    weights = list(layer.parameters())
    widest = max((size for weight in weights for size in weight.shape), default=0)
    if widest > _WIDEST:
        raise ValueError(f"expected a layer with at most {_WIDEST} features, got {widest}: make a smaller one")
    network, numbers = describe([layer], "cross_entropy")
    uses_batch = any(isinstance(part, BatchNorm1d) and part.training for part in layer.modules())
    data = {
        "network": network,
        "numbers": numbers,
        "samples": 3 if uses_batch else 1,
        "width": weights[0].shape[-1] if weights else _WIDTH,
    }
    script = "widget/activation" if type(layer) in _CURVES else "widget/layer"
    return _page(script, type(layer).__name__, data)


def loss_widget(loss: str) -> str:
    """Return a self-contained HTML page that shows a loss of `LOSSES` at work, for four logits and a class."""
    return _page("widget/loss", loss, {"loss": loss})


def _page(script: str, title: str, data: dict[str, Any]) -> str:
    return render("widget/widget.html", _STYLES, (*_SCRIPTS, script), title=title, data=data)
