"""The colors and the style of every figure."""

from typing import Any

from matplotlib.colors import LinearSegmentedColormap, to_hex

INK, FAINT, GRID, PAPER = "#1b1f24", "#5c6570", "#d6dade", "#fefefe"
# One color per split, per run in a comparison, or per class.
SERIES = ("#2563c9", "#c2410c", "#15803d", "#7c3aed", "#0e7490", "#b45309")
DPI = 110
FEW = 12  # a line with at most this many points has markers
_DEPTH = LinearSegmentedColormap.from_list("depth", ["#3b7dd8", "#9b6bd3", "#e8743b"])
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "figure.constrained_layout.use": False,  # each figure chooses its layout
    "figure.facecolor": "white",  # also where the user's style is dark
    "axes.facecolor": "white",
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.bottom": False,
    "ytick.left": False,
    "legend.facecolor": PAPER,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.75,
    "legend.fancybox": False,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "torchnet",
}


def color_of_layer(number: int, layers: int) -> str:
    """Return the color of a layer, numbered from 1 at the input: from blue to orange."""
    return to_hex(_DEPTH((number - 1) / max(1, layers - 1)))
