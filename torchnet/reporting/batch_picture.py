"""A picture of a mini-batch before and after random deformation, to judge the settings by eye."""

from pathlib import Path

from torch import Tensor

from torchnet.drawing.picture import encoded
from torchnet.printable import printable
from torchnet.storage import write_durably

_LOOK_FOR = (
    "Look for: can you read every draw as the digit at the top of its column, and is no part cut off? If not, the\n"
    "settings are too strong. If the draws in a column look almost the same, the settings are too weak to help."
)
# Inches: the width of an image, the margins (left, above for the texts, elsewhere), and the gap below the first row.
_CELL, _LEFT, _ABOVE, _EDGE, _GAP = 0.8, 0.75, 1.35, 0.15, 0.2
_TEXT_WIDTH = 7.9


def write_batch_picture(before: Tensor, after: Tensor, title: str, subtitle: str, path: Path) -> None:
    """Draw images in a row, and several deformed draws of each below it. Pixels are from 0 (white) to 1 (black).

    The suffix of the path selects the format: .png, .pdf or .svg.

    Shape:
        before: (n, H, W).
        after: (draws, n, H, W).

    Raises:
        OSError: if the file cannot be written.
    """
    from matplotlib.figure import Figure  # imported here, because it takes a second

    draws, n, height, width = after.shape
    row = _CELL * height / width
    inner_width, inner_height = _CELL * n, row * (1 + draws) + _GAP
    outer_width = max(_LEFT + inner_width, _LEFT + _TEXT_WIDTH) + _EDGE
    outer_height = _ABOVE + inner_height + _EDGE
    figure = Figure(figsize=(outer_width, outer_height))
    x, top = _LEFT / outer_width, 1 - _EDGE / outer_height
    figure.text(x, top, printable(title), va="top", fontsize=14, fontweight="bold", parse_math=False)
    figure.text(x, top - 0.32 / outer_height, subtitle, va="top", fontsize=10)
    figure.text(x, top - 0.62 / outer_height, _LOOK_FOR, va="top", fontsize=10, color="0.35", linespacing=1.35)
    # One unit is one inch. The y axis points down from the top of the images.
    axes = figure.add_axes(
        (x, _EDGE / outer_height, inner_width / outer_width, inner_height / outer_height),
        xlim=(0, inner_width),
        ylim=(inner_height, 0),
    )
    tops = [0.0, *(row * (1 + k) + _GAP for k in range(draws))]
    for y, images in zip(tops, [before, *after], strict=True):
        strip = images.float().cpu().permute(1, 0, 2).reshape(height, n * width).numpy()
        extent = (0, inner_width, y + row, y)
        axes.imshow(strip, "gray_r", vmin=0, vmax=1, interpolation="nearest", extent=extent, aspect="auto")
        axes.hlines([y, y + row], 0, inner_width, color="0.8", linewidth=1.5, clip_on=False)
        axes.vlines([_CELL * k for k in range(n + 1)], y, y + row, color="0.8", linewidth=1.5, clip_on=False)
    axes.set_yticks([y + row / 2 for y in tops], ["original", *(f"draw {k}" for k in range(1, draws + 1))])
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, labelsize=10)
    axes.spines[:].set_visible(False)
    write_durably(path, encoded(figure, path.suffix, dpi=150))
