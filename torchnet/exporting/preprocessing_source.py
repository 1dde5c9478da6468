"""The preprocessing of a network as Python source."""

from collections.abc import Sequence
from pprint import pformat

from torchnet.data import CategoricalColumn, Classes, NumericColumn, Pixels, Quantities, Table
from torchnet.exporting.arrangement import Arrangement, arranged_source

_WIDTH = 110  # characters of a line

_ENCODED = '''

def encoded(rows):
    """Return the inputs of the network for a dict of columns."""
    inputs = []
    for name, how in columns.items():
{branches}    return torch.stack([it.double() for it in inputs], dim=1)


'''
_NUMBERS = """\
        if isinstance(how, tuple):
            mean, std = how
            inputs.append((torch.tensor(rows[name], dtype=torch.float64) - mean) / std)
"""
_NUMBERS_OR_NONE = """\
        if isinstance(how, tuple):
            mean, std, missing = how
            numbers = torch.tensor([float("nan") if it is None else it for it in rows[name]], dtype=torch.float64)
            inputs.append(((numbers - mean) / std).masked_fill(numbers.isnan(), 0))
            if missing == "indicator":
                inputs.append(numbers.isnan())
"""
_CATEGORIES = """\
        if isinstance(how, list):  # one input per category
            words = ["" if it is None else str(it) for it in rows[name]]
            inputs += [torch.tensor([word == category for word in words]) for category in how]
"""


def input_source(inputs: Pixels | Table, arranged: Arrangement, cast: str) -> tuple[str, str]:
    """Return the lines that prepare raw data, and the expression for the inputs of the network.

    Args:
        inputs: the preprocessing of inputs.
        arranged: how the network takes them.
        cast: the call that casts a tensor to the dtype of the weights, such as ".float()".
    """
    if isinstance(inputs, Pixels):
        shape = ", ".join(map(str, inputs.shape))
        said = f"\n# images: a tensor (N, {shape}) of pixels from {inputs.low:g} to {inputs.high:g}\n"
        images = arranged_source("images", arranged)
        if inputs.is_scaled_in_steps:
            return said, f"{images}{cast} / 255"
        difference = f"{images}.double() - {inputs.low!r}" if inputs.low else f"{images}.double()"
        return said, f"(({difference}) / {inputs.high - inputs.low!r}){cast}"
    if inputs.is_array:
        return _of_array(inputs), arranged_source(f"x{cast}", arranged)
    return _of_columns(inputs), arranged_source(f"encoded(rows){cast}", arranged)


def output_source(targets: Classes | Quantities, encoded: str) -> str:
    """Return the lines that compute the outputs for the inputs of the network."""
    if isinstance(targets, Classes):
        return (
            f"logits = net({encoded})\n"
            f"classes = {literal(targets.labels.tolist())}\n"
            "labels = [classes[k] for k in logits.argmax(dim=1)]\n"
        )
    return (
        f"outputs = net({encoded})\n"
        f"means = torch.tensor({literal(targets.means)}, dtype=torch.float64)\n"
        f"stds = torch.tensor({literal(targets.stds)}, dtype=torch.float64)\n"
        f"quantities = outputs * stds + means\n"
        f"names = {literal(targets.names)}\n"
    )


def _of_array(inputs: Table) -> str:
    columns = [column for column in inputs.columns if isinstance(column, NumericColumn)]
    lines = [
        f"\n# rows: a tensor (N, {len(columns)})",
        f"mean = torch.tensor({literal([column.mean for column in columns])}, dtype=torch.float64)",
        f"std = torch.tensor({literal([column.std for column in columns])}, dtype=torch.float64)",
        "x = (rows - mean) / std",
    ]
    if columns[0].missing != "refuse":
        lines.append("x = x.masked_fill(rows.isnan(), 0)")
    if columns[0].missing == "indicator":
        lines.append("x = torch.stack([x, rows.isnan().double()], dim=2).flatten(1)")
    return "\n".join(lines) + "\n"


def _of_columns(inputs: Table) -> str:
    has_missing = any(it.missing != "refuse" for it in inputs.columns if isinstance(it, NumericColumn))
    branches = ""
    if any(isinstance(it, NumericColumn) for it in inputs.columns):
        branches += _NUMBERS_OR_NONE if has_missing else _NUMBERS
    if any(isinstance(it, CategoricalColumn) for it in inputs.columns):
        branches += _CATEGORIES
    lines = "".join(f"    {column.name!r}: {_how(column, has_missing)},\n" for column in inputs.columns)
    explained = "of numbers the mean and the standard deviation, of others the categories"
    return (
        f"\ncolumns = {{  # {explained}\n{lines}}}\n"
        + _ENCODED.format(branches=branches)
        + "# rows: a dict of columns, as lists or arrays; None is a missing value\n"
    )


def _how(column: NumericColumn | CategoricalColumn, has_missing: bool) -> str:
    if isinstance(column, CategoricalColumn):
        return literal(column.categories).replace("\n", "\n    ")
    return repr((column.mean, column.std, column.missing) if has_missing else (column.mean, column.std))


def literal(values: Sequence[object]) -> str:
    """Return values as the source of a list."""
    return pformat([*values], width=_WIDTH, compact=True)
