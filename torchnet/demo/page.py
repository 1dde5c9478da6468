"""One HTML page out of the files in web/ and a network, which needs nothing else: no server and no network."""

from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from torchnet.demo.description import describe
from torchnet.layers import Layer

_WEB = Path(__file__).parent / "web"
_STYLES = ("base.css", "drawing.css", "passes.css", "rows.css")
# In the order in which they are needed: a class comes before those that extend it.
_SCRIPTS = (
    "layer.js",
    "layers.js",
    "erfc.js",
    "activations.js",
    "losses.js",
    "network.js",
    "digit.js",
    "examples.js",
    "elements.js",
    "pictures.js",
    "equations.js",
    "plots.js",
    "facts.js",
    "rows.js",
    "views.js",
    "board.js",
    "demo.js",
)


def demo_page(layers: Iterable[Layer], loss: str, name: str, steps: int) -> str:
    """Return the page as HTML.

    Args:
        layers: of the network, in order.
        loss: its name in `torchnet.losses.LOSSES`.
        name: of the run.
        steps: that the network was trained for.
    """
    network, numbers = describe(layers, loss)
    environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FileSystemLoader(_WEB))
    return environment.get_template("demo.html").render(
        name=name,
        steps=steps,
        network=network,
        numbers=numbers,
        style=_text(_STYLES),
        script=_text(_SCRIPTS),
    )


def _text(names: Iterable[str]) -> str:
    return "\n".join((_WEB / name).read_text(encoding="utf-8") for name in names)
