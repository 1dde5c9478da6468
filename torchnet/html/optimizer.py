"""An optimizer as an HTML table: the options of each group of weights, and what it remembers of them."""

from collections import Counter

import torch

from torchnet.html.tables import Cell, table


def optimizer_table(optimizer: torch.optim.Optimizer) -> str:
    """Return a row for each group of weights."""
    options = list(dict.fromkeys(name for group in optimizer.param_groups for name in group if name != "params"))
    rows: list[list[Cell]] = []
    for number, group in enumerate(optimizer.param_groups):
        weights = group["params"]
        state = Counter(name for weight in weights for name in optimizer.state.get(weight, ()))
        kept = ", ".join(f"{name}: {count} of {len(weights)} tensors" for name, count in state.items())
        values = [_value(group.get(name, "")) for name in options]
        rows.append([str(number), *values, len(weights), sum(it.numel() for it in weights), kept or "none yet"])
    return table(type(optimizer).__name__, ("group", *options, "tensors", "weights", "state"), rows)


def _value(value: object) -> str:
    """Return an option as text; it may be a tensor, ()."""
    if isinstance(value, torch.Tensor):
        value = value.tolist()
    return f"{value:g}" if isinstance(value, float) else str(value)
