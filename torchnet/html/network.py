"""A network or a layer as an HTML table: shapes, norms of the weights and of their last gradients."""

import torch
from torch import Tensor, nn

from torchnet.html.tables import Cell, log_bars, table

_FIRST, _LAST = 40, 20  # layers that are shown of a deep network
_COLUMNS = ("name", "layer", "shape of the weight", "weights and biases", "norm of the weight", "norm of its gradient")


def network_table(net: nn.Module) -> str:
    """Return a row for each layer, indented within a container.

    Each norm is that of the layer's first parameter, its weight, without the bias. The gradient is the one that the
    last backward wrote.
    """
    modules = [(name, part) for name, part in net.named_modules() if name or not any(net.children())]
    shown = modules if len(modules) <= _FIRST + _LAST else modules[:_FIRST] + modules[-_LAST:]
    weights = [next(part.parameters(recurse=False), None) for _, part in shown]
    grads = [None if weight is None else weight.grad for weight in weights]
    sizes, slopes = log_bars(list(map(_norm, weights))), log_bars(list(map(_norm, grads)))
    slopes = [
        "none yet" if weight is not None and grad is None else slope
        for weight, grad, slope in zip(weights, grads, slopes, strict=True)
    ]
    rows: list[list[Cell]] = []
    for (name, part), weight, *norms in zip(shown, weights, sizes, slopes, strict=True):
        count = sum(it.numel() for it in part.parameters(recurse=False))
        kind = "    " * name.count(".") + type(part).__name__
        rows.append([name, kind, "" if weight is None else str(tuple(weight.shape)), count or "", *norms])
    if len(shown) < len(modules):
        rows.insert(_FIRST, ["", f"... {len(modules) - len(shown):,} more", "", "", "", ""])
    note = "The bars have a log scale."
    if any(weight is not None for weight in weights) and all(grad is None for grad in grads):
        note += " There are no gradients before a backward pass: call net.backward(grad_logits)."
    return table(_title(net), _COLUMNS, rows, note)


def _title(net: nn.Module) -> str:
    """Say what it is, such as "MLP, 55,050 weights, torch.float32 on cpu, training mode"."""
    parameters = list(net.parameters())
    mode = "training mode" if net.training else "evaluation mode"
    if not parameters:
        return f"{type(net).__name__}, no weights, {mode}"
    count, first = sum(it.numel() for it in parameters), parameters[0]
    return f"{type(net).__name__}, {count:,} weights, {first.dtype} on {first.device}, {mode}"


def _norm(tensor: Tensor | None) -> float | None:
    """Return a norm; None without a tensor, or without its values."""
    if tensor is None or tensor.is_meta:
        return None
    return float(torch.linalg.vector_norm(tensor.detach(), dtype=torch.float64))
