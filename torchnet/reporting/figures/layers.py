"""Pictures of what the layers of a network have learned: the weights of the first one, and feature maps."""

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from torchnet.data import NumericColumn, Table
from torchnet.drawing.figure import WIDTH, StyledFigure
from torchnet.drawing.images import filters_as_images, grid_of_images, weights_as_colors
from torchnet.drawing.style import DPI, SERIES
from torchnet.printable import printable
from torchnet.reporting.run_data import RunData
from torchnet.reporting.tables import cut

_UNITS = 64  # of the first layer, or tiles of its filters, that are shown
_MOST_INPUTS = 20  # of a table, whose weights are shown
_TILE, _PAD, _TALLEST = 48, 4, 4  # pixels of a feature map, and between two; height / width of an image
_TITLE = 0.32  # inches


def first_layer(run: RunData) -> Figure | None:
    """Draw the weights of the first layer: an image per unit or filter, or a bar per input of a table."""
    if run.first_layer is None or run.preprocessing is None:
        return None
    weight = np.clip(np.nan_to_num(run.first_layer), -1e150, 1e150)  # whose squares do not overflow
    inputs = run.preprocessing.inputs
    if weight.ndim == 4:
        return _units(filters_as_images(weight))
    if weight.ndim != 2 or weight.shape[1] != inputs.in_features:
        return None
    if isinstance(inputs, Table):
        return _input_norms(weight, inputs)
    units = _as_images(weight, inputs.shape)
    return None if units is None else _units(units)


def kind_of_weights(run: RunData) -> str:
    """Return what `first_layer` draws: "table", "gray" or "color" images, "filters" or "color filters"."""
    inputs, weight = run.preprocessing and run.preprocessing.inputs, run.first_layer
    if weight is not None and weight.ndim == 4:
        return "color filters" if weight.shape[1] == 3 else "filters"
    return "table" if isinstance(inputs, Table) else "color" if inputs and len(inputs.shape) == 3 else "gray"


def _as_images(weight: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return the weights of each unit as an image of the shape of an input; None if they are no images.

    Shape:
        weight: (O, I); returns: (O, H, W) or (O, H, W, 3).
    """
    side = math.isqrt(weight.shape[1])
    if len(shape) == 1 and side**2 == shape[0]:  # rows of bytes
        shape = (side, side)
    units = weight.reshape(len(weight), *shape)
    if len(shape) == 3 and shape[-1] != 3:
        units = units.transpose(0, 2, 3, 1)
    return units if units.ndim == 3 or (units.ndim == 4 and units.shape[-1] == 3) else None


def _units(units: np.ndarray) -> Figure:
    """Draw the units with the largest norms."""
    norms = np.linalg.norm(units.reshape(len(units), -1), axis=1)
    units = units[np.sort(np.argsort(-norms, kind="stable")[:_UNITS])]
    return grid_of_images([weights_as_colors(unit) for unit in units])


def _input_norms(weight: np.ndarray, table: Table) -> Figure:
    """Draw the norm of the weights of each input of a table, for the inputs with the largest ones."""
    norms = np.linalg.norm(weight, axis=0)
    shown = np.argsort(-norms, kind="stable")[:_MOST_INPUTS]
    every = _input_names(table)
    names = [cut(printable(every[k]), 24) for k in shown]
    left, width, height = 0.15 + 0.078 * max(map(len, names)), 4.4, 0.54 + 0.24 * len(names)
    figure = StyledFigure(figsize=(width, height))
    axes = figure.add_axes((left / width, 0.46 / height, 1 - (left + 0.16) / width, 1 - 0.5 / height))
    axes.barh(range(len(names)), norms[shown], 0.62, color=SERIES[0])
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlabel="norm of the weights")
    axes.grid(False, axis="y")
    return figure


def _input_names(table: Table) -> list[str]:
    """Return the names of the inputs of a table, such as "age", "age is missing" or "color = red"."""
    names: list[str] = []
    for column in table.columns:
        name = f"column {column.name}" if column.name.isdecimal() else column.name
        if isinstance(column, NumericColumn):
            names += [name, f"{name} is missing"][: column.width]
        else:
            names += [f"{name} = {category or '(missing)'}" for category in column.categories]
    return names


def feature_maps(run: RunData) -> Figure | None:
    """Draw the feature maps of the first and of the last stage for a few test images: a row per image."""
    if not run.feature_maps:
        return None
    images, stages = run.feature_maps["images"], run.feature_maps["stages"]
    size = max(1, round(_TILE * min(_TALLEST, images.shape[1] / images.shape[2]))), _TILE
    blocks = [_block(images, stage["maps"], size) for stage in stages]
    height = sum(len(block) / DPI + _TITLE for block in blocks)
    figure, bottom = StyledFigure(figsize=(WIDTH, height)), height
    for block, stage, after in zip(blocks, stages, ("first convolution", "last stage"), strict=False):
        bottom -= len(block) / DPI + _TITLE
        axes = figure.add_axes((0, bottom / height, block.shape[1] / DPI / WIDTH, len(block) / DPI / height))
        axes.set_axis_off()
        axes.imshow(block, interpolation="none", aspect="auto")
        pixels = " × ".join(map(str, stage["size"]))
        title = f"after the {after}: {stage['maps'].shape[1]} of {stage['channels']} channels, {pixels} pixels"
        axes.set_title(title, fontsize=9, loc="left", pad=4)
    return figure


def _block(images: np.ndarray, maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return a row of tiles for each image: the image, and its maps."""
    height, width = size[0] + _PAD, size[1] + _PAD
    rows, columns = maps.shape[:2]
    picture = np.zeros((rows * height - _PAD, (columns + 1) * width - _PAD, 4), np.uint8)  # transparent
    for row in range(rows):
        image = images[row] if images.ndim == 4 else np.repeat(images[row][..., None], 3, axis=-1)
        tiles = [image, *(colormaps["viridis"](maps[row, k], bytes=True)[..., :3] for k in range(columns))]
        for column, tile in enumerate(tiles):
            y, x = row * height, column * width
            picture[y : y + size[0], x : x + size[1], :3] = _resized(tile, size)
            picture[y : y + size[0], x : x + size[1], 3] = 255
    return picture


def _resized(tile: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return an image of another size, of its nearest pixels."""
    rows, columns = (np.arange(new) * old // new for new, old in zip(size, tile.shape[:2], strict=True))
    return tile[rows[:, None], columns]
