"""Which constructor arguments of torch.nn's layers torchnet's take, and which shapes: the table of docs/layers.md.

Every argument of every layer is tried with a value that is not its default. A layer takes it if it then computes the
same output and the same gradients as torch.nn's, which `outcome` finds out.
"""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

import torchnet
from torchnet.layers import Layer

DOUBLE = torch.float64


@dataclass(frozen=True)
class Row:
    """A layer: the arguments that it needs, other values for the rest, and shapes of inputs that torch.nn's takes."""

    args: tuple[Any, ...]
    shapes: tuple[tuple[int, ...], ...]
    others: dict[str, Any]


ELEMENTWISE = ((7,), (3, 5), (2, 3, 4, 5))
IMAGES = ((2, 4, 9, 8), (4, 9, 8))
_NORM = {"eps": 0.01, "momentum": 0.3, "affine": False, "track_running_stats": False, "bias": False}
_CONV = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2, "bias": False, "padding_mode": "reflect"}
LAYERS: dict[str, Row] = {
    "Linear": Row((5, 3), ((7, 5), (5,), (2, 3, 5)), {"bias": False}),
    "Conv1d": Row((4, 6, 3), ((2, 4, 9), (4, 9)), _CONV),
    "Conv2d": Row((4, 6, 3), IMAGES, _CONV),
    "MaxPool2d": Row(
        (3,), IMAGES, {"stride": 2, "padding": 1, "dilation": 2, "return_indices": True, "ceil_mode": True}
    ),
    "AvgPool2d": Row(
        (3,),
        IMAGES,
        {"stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False, "divisor_override": 5},
    ),
    "AdaptiveAvgPool2d": Row((1,), IMAGES, {"output_size": 2}),
    "Flatten": Row((), ((2, 3, 4, 5),), {"start_dim": 0, "end_dim": 2}),
    "BatchNorm1d": Row((4,), ((5, 4), (3, 4, 6)), _NORM),
    "BatchNorm2d": Row((4,), ((3, 4, 2, 5),), _NORM),
    "GroupNorm": Row((2, 4), ((3, 4), (3, 4, 5), (3, 4, 2, 5)), {"eps": 0.01, "affine": False, "bias": False}),
    "LayerNorm": Row(
        ((4, 5),), ((4, 5), (3, 4, 5), (2, 3, 4, 5)), {"eps": 0.01, "elementwise_affine": False, "bias": False}
    ),
    "RMSNorm": Row(((4, 5),), ((4, 5), (3, 4, 5), (2, 3, 4, 5)), {"eps": 0.01, "elementwise_affine": False}),
    "Dropout": Row((), ELEMENTWISE, {"p": 0.0, "inplace": True}),
    "Dropout2d": Row((), IMAGES[:1], {"p": 0.0, "inplace": True}),
    "Embedding": Row(
        (6, 3),
        ((5,), (2, 3), ()),
        {
            "padding_idx": 2,
            "max_norm": 1.0,
            "norm_type": 1.0,
            "scale_grad_by_freq": True,
            "sparse": True,
            "_weight": torch.ones(6, 3, dtype=DOUBLE),
            "_freeze": True,
        },
    ),
    "MultiheadAttention": Row(
        (6, 2),
        ((5, 3, 6), (5, 6)),
        {
            "dropout": 0.1,
            "bias": False,
            "add_bias_kv": True,
            "add_zero_attn": True,
            "kdim": 3,
            "vdim": 3,
            "batch_first": True,
        },
    ),
    "Softmax": Row((-1,), ELEMENTWISE, {"dim": 0}),
    "LogSoftmax": Row((-1,), ELEMENTWISE, {"dim": 0}),
    "Sigmoid": Row((), ELEMENTWISE, {}),
    "Tanh": Row((), ELEMENTWISE, {}),
    "ReLU": Row((), ELEMENTWISE, {"inplace": True}),
    "LeakyReLU": Row((), ELEMENTWISE, {"negative_slope": 0.3, "inplace": True}),
    "PReLU": Row((), ELEMENTWISE, {"num_parameters": 3, "init": 0.4}),
    "ELU": Row((), ELEMENTWISE, {"alpha": 0.7, "inplace": True}),
    "CELU": Row((), ELEMENTWISE, {"alpha": 0.5, "inplace": True}),  # torch rounds 1 / alpha to float32
    "SELU": Row((), ELEMENTWISE, {"inplace": True}),
    "GELU": Row((), ELEMENTWISE, {"approximate": "tanh"}),
    "SiLU": Row((), ELEMENTWISE, {"inplace": True}),
    "Mish": Row((), ELEMENTWISE, {"inplace": True}),
    "Softplus": Row((), ELEMENTWISE, {"beta": 2.0, "threshold": 1.5}),
    "Softsign": Row((), ELEMENTWISE, {}),
    "LogSigmoid": Row((), ELEMENTWISE, {}),
    "Hardtanh": Row(
        (), ELEMENTWISE, {"min_val": -0.5, "max_val": 2.0, "inplace": True, "min_value": -2.0, "max_value": 2.0}
    ),
    "ReLU6": Row((), ELEMENTWISE, {"inplace": True}),
    "Hardswish": Row((), ELEMENTWISE, {"inplace": True}),
    "Identity": Row((), ELEMENTWISE, {}),
}
_EVERYWHERE = ("device", "dtype")  # tried for all layers by a test of their own


def parameters_of_torch(name: str) -> list[inspect.Parameter]:
    """Return the constructor arguments of torch.nn's layer; args and kwargs, which are ignored there, left out."""
    found = inspect.signature(getattr(nn, name)).parameters.values()
    return [it for it in found if it.kind not in (it.VAR_POSITIONAL, it.VAR_KEYWORD)]


def calls(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each argument that is tried, and all keyword arguments of that try; first "" for the needed ones alone."""
    needed = dict(zip([it.name for it in parameters_of_torch(name)], LAYERS[name].args, strict=False))
    yield "", needed
    for argument, value in LAYERS[name].others.items():
        yield argument, needed | {argument: value}


def outcome(name: str, options: dict[str, Any], shape: tuple[int, ...]) -> str:
    """Return "right" if the layer computes what torch.nn's does, "refused" if it raises a ValueError about it.

    Raises:
        AssertionError: if it computes something else.
    """
    torch.manual_seed(0)
    dtype = {"dtype": DOUBLE} if "dtype" in [it.name for it in parameters_of_torch(name)] else {}
    theirs = getattr(nn, name)(**options, **dtype)
    for parameter in theirs.parameters():
        parameter.data.normal_()
    x = torch.randint(5, shape) if name == "Embedding" else torch.randn(shape, dtype=DOUBLE)
    try:
        ours = getattr(torchnet, name)(**options, **dtype)
        ours.load_state_dict(theirs.state_dict())
        y = ours(x)
    except ValueError:
        return "refused"
    if name.startswith("Dropout") and options.get("p", 0.5) != 0:
        return "right"  # random: tests/layers/test_dropout.py
    _compare(theirs, ours, x, y)
    return "right"


def _compare(theirs: nn.Module, ours: Layer, x: Tensor, y: Tensor) -> None:
    inner = x.clone().requires_grad_(x.is_floating_point())
    expected = theirs(inner, inner, inner)[0] if isinstance(theirs, nn.MultiheadAttention) else theirs(inner)
    grad_output = torch.randn_like(expected)
    (expected * grad_output).sum().backward()
    torch.testing.assert_close(y, expected.detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.backward(grad_output), inner.grad, rtol=1e-11, atol=1e-12)
    for key, parameter in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(key).grad, parameter.grad, rtol=1e-11, atol=1e-12, msg=key)
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    theirs.load_state_dict(ours.state_dict())  # the way back
    if x.dim() > 0 and not isinstance(theirs, nn.MultiheadAttention):
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x).detach(), rtol=1e-12, atol=1e-12)


def table() -> str:
    """Return a row for each layer: the arguments that it takes, those that it refuses, and the shapes of its input."""
    lines = ["| layer | takes | refuses (other than the default) | inputs |", "|---|---|---|---|"]
    for name in LAYERS:
        needed = [it.name for it in parameters_of_torch(name)][: len(LAYERS[name].args)]
        tried = {
            argument: {outcome(name, options, shape) for shape in LAYERS[name].shapes[-1:]}
            for argument, options in calls(name)
            if argument
        }
        takes = [it for it in dict.fromkeys([*needed, *tried]) if it in needed or tried[it] != {"refused"}]
        takes += [it.name for it in parameters_of_torch(name) if it.name in _EVERYWHERE]
        refuses = [it for it, found in tried.items() if found == {"refused"}]
        cells = [", ".join(f"`{it}`" for it in names) or "–" for names in (takes, refuses)]
        lines.append(f"| `{name}` | {cells[0]} | {cells[1]} | {_inputs(name)} |")
    return "\n".join(lines) + "\n"


_INPUTS = {
    "Linear": "(\\*, I)",
    "Conv1d": "(N, I, L), (I, L)",
    "Conv2d": "(N, I, H, W), (I, H, W)",
    "BatchNorm1d": "(N, C), (N, C, L)",
    "BatchNorm2d": "(N, C, H, W)",
    "GroupNorm": "(N, C, \\*)",
    "Dropout2d": "(N, C, H, W), (N, C, L)",
    "LayerNorm": "(\\*, normalized_shape)",
    "RMSNorm": "(\\*, normalized_shape)",
    "Embedding": "(\\*), whole numbers",
    "MultiheadAttention": "(L, N, E) or (N, L, E), (L, E)",
}


def _inputs(name: str) -> str:
    return "(N, C, H, W), (C, H, W)" if LAYERS[name].shapes == IMAGES and name != "Conv2d" else _INPUTS.get(name, "any")
