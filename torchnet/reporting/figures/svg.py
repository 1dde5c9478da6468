"""A figure as a part of a page, whose colors become CSS variables, for light and dark mode."""

import re

from markupsafe import Markup
from matplotlib.figure import Figure

from torchnet.drawing.picture import encoded
from torchnet.drawing.style import FAINT, GRID, INK, PAPER, SERIES

_VARIABLES = {INK: "--ink", FAINT: "--faint", GRID: "--grid", PAPER: "--paper"} | {
    color: f"--series-{i}" for i, color in enumerate(SERIES)
}


def svg(figure: Figure) -> Markup:
    """Return an SVG element that takes its colors and fonts from the page."""
    text = encoded(figure, ".svg", transparent=True, metadata={"Date": None}).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # ids would repeat in every figure
    text = re.sub(r"font: ([0-9.]+)px [^;\"]*", r"font-size: \1px", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var({variable})")
    return Markup(text)
