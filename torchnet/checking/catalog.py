"""What the command line checks by default: the default network, and everything that torchnet has."""

import copy
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from torchnet import layers
from torchnet.checking.named import parsed_call
from torchnet.checking.oracles.oracles import ORACLES, TAYLOR
from torchnet.checking.proof import check
from torchnet.checking.reports.report import Report
from torchnet.layers import ACTIVATIONS, BatchNorm1d, Dropout, LayerNorm, Linear, Residual, RMSNorm, Tanh
from torchnet.losses import LOSSES, cross_entropy
from torchnet.network import HEADS, MLP, POOLINGS, ConvNet

if TYPE_CHECKING:
    from rich.table import Table

Module = TypeVar("Module", bound=nn.Module)
Case = tuple[Any, ...]  # the positional arguments of check

_SEEDS = range(3)
_ORACLES_WITH_ERRORS = [oracle for oracle in ORACLES if oracle != TAYLOR]
COLUMNS = [*_ORACLES_WITH_ERRORS, "Taylor slope", ""]  # of the table of `overview`
# Layers with arguments, as they are called, and the shape of an input; after a colon, a remark.
LAYERS: dict[str, tuple[int, ...]] = {
    "Linear(5, 3)": (7, 5),
    "Linear(4, 4)": (7, 4),
    "Linear(5, 3, bias=False)": (7, 5),
    "Linear(5, 3): leading dimensions": (2, 3, 5),
    "Conv1d(4, 6, 3, stride=2, padding=1, groups=2)": (3, 4, 8),
    "Conv2d(2, 3, 3)": (3, 2, 6, 5),
    "Conv2d(3, 4, (3, 2), padding='same', dilation=2, bias=False)": (2, 3, 6, 5),
    "Conv2d(4, 6, 3, stride=(2, 1), padding=(1, 2), groups=2)": (3, 4, 6, 5),
    "MaxPool2d(2)": (3, 2, 6, 4),
    "MaxPool2d((3, 2), stride=(2, 1), padding=1, dilation=(1, 2), ceil_mode=True)": (3, 2, 7, 6),
    "AvgPool2d(2)": (3, 2, 6, 4),
    "AvgPool2d((3, 2), stride=2, padding=1, ceil_mode=True, count_include_pad=False)": (3, 2, 7, 6),
    "AdaptiveAvgPool2d(1)": (3, 2, 6, 5),
    "Flatten()": (3, 2, 4, 5),
    "BatchNorm1d(5)": (7, 5),
    "BatchNorm1d(3): (N, C, L)": (4, 3, 5),
    "BatchNorm2d(3)": (4, 3, 2, 5),
    "BatchNorm2d(3, affine=False)": (4, 3, 2, 5),
    "GroupNorm(2, 6)": (3, 6, 4),
    "LayerNorm(5)": (7, 5),
    "LayerNorm((3, 5))": (4, 3, 5),
    "RMSNorm(5)": (7, 5),
    "RMSNorm((3, 5))": (4, 3, 5),
    "Dropout(0.3)": (7, 5),
    "Dropout2d(0.3)": (4, 5, 2, 3),
    "Softmax(1)": (7, 5),
    "LogSoftmax(-1)": (7, 5),
    "Embedding(6, 4)": (3, 5),
    "MultiheadAttention(4, 1)": (5, 2, 4),
    "MultiheadAttention(6, 3, batch_first=True)": (2, 5, 6),
}


def default_network(dtype: str = "float32", seed: int = 0) -> tuple[MLP, Tensor, Tensor]:
    """Return the network of configs/default.yaml with random biases, and random images and targets."""
    generator = torch.Generator().manual_seed(seed)
    net = MLP((784, 64, 64, 10), generator=generator, dtype=getattr(torch, dtype))
    randomize_biases(net, generator)
    images = torch.rand(64, 784, generator=generator).to(getattr(torch, dtype))
    return net, images, torch.randint(10, (64,), generator=generator)


def randomize_biases(net: Module, generator: torch.Generator, norms: bool = False) -> Module:
    """Draw every bias from a standard normal distribution, and, if `norms`, every weight of a norm; return the net.

    Their initial values, zeros and ones, hide mistakes.
    """
    for name, weight in net.named_parameters():
        if name.endswith("bias") or (norms and weight.dim() == 1):
            weight.data.copy_(torch.randn(weight.shape, generator=generator))
    return net


def overview() -> tuple["Table", bool]:
    """Check every layer, activation and loss with every oracle; return a table of the worst errors, and if all passed.

    Each is checked at several random points; the errors are those of the worst tensor.
    """
    from rich.table import Table

    found = check_everything()
    table = Table("worst relative error of", *COLUMNS, box=None, pad_edge=False)
    for name, reports in found.items():
        table.add_row(name, *worst_errors(reports))
    table.add_section()
    everything = [report for reports in found.values() for report in reports]
    table.add_row("all", *worst_errors(everything))
    return table, all(report.passed for report in everything)


def check_everything() -> dict[str, list[Report]]:
    """Check every layer, activation, loss and network with every oracle; return the reports by name.

    Each is checked at several random points; convolutional networks, which take the longest and whose layers are
    checked on their own, at one, and by autograd at others.
    """
    found: dict[str, list[Report]] = {}
    for seed in _SEEDS:
        for name, loss, case in _everything(seed):
            reports = found.setdefault(name, [])
            first = seed == _SEEDS[0]  # other inputs are the same kind of check again
            reports.append(check(*case, loss=loss, oracles=ORACLES, seed=len(reports), other_inputs=first))
    return found


def worst_errors(reports: list[Report]) -> list[str]:
    """Return the cells of `COLUMNS`: the worst error by each oracle, the worst Taylor slope, and the outcome."""
    verdicts = [verdict for report in reports for verdict in report.tensors]
    cells = []
    for oracle in _ORACLES_WITH_ERRORS:
        errors = [v.comparisons[oracle].error for v in verdicts if oracle in v.comparisons]
        cells.append(f"{max(errors):.1e}" if errors else "-")
    slopes = [v.taylor_slope for v in verdicts if v.taylor_slope is not None and v.taylor_slope < 10]
    passed = all(report.passed for report in reports)
    return [*cells, f"{min(slopes):.2f}" if slopes else "exact", "right" if passed else "WRONG"]


def _everything(seed: int) -> Iterator[tuple[str, Any, Case]]:
    """Yield each layer, loss and network: its name, the loss that follows it (None for a layer), and a random case."""
    double = torch.float64
    randn = partial(torch.randn, dtype=double)

    def new() -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    for call, shape in LAYERS.items():
        yield from _layer_cases(call, shape, seed)
    for activation in ACTIVATIONS.values():
        yield str(activation()).removesuffix("()"), None, (activation().double(), randn(7, 5, generator=new()))
    residual = randomize_biases(Residual(Linear(5, 5, generator=(g := new())), Tanh()).double(), g)
    yield "Residual(Linear, Tanh)", None, (residual, randn(7, 5, generator=g))
    weight = torch.tensor([0.5, 2, 1, 3], dtype=double)
    variants = {
        "cross_entropy, smoothed": partial(cross_entropy, label_smoothing=0.1),
        "cross_entropy, weighted": partial(cross_entropy, weight=weight),
        "cross_entropy, both": partial(cross_entropy, label_smoothing=0.1, weight=weight),
    }
    for name, loss in (LOSSES | variants).items():
        logits = randn(7, 4, generator=(g := new()))
        yield name, None, (loss, logits, torch.randint(4, (7,), generator=g))
        yield name, None, (loss, logits, torch.rand(7, 4, generator=g, dtype=double))
    pairs = [(activation_name, "cross_entropy") for activation_name in ACTIVATIONS]
    pairs += [("sigmoid", name) for name in LOSSES if name != "cross_entropy"]
    for activation_name, name in pairs:
        net = randomize_biases(MLP((5, 6, 6, 4), activation_name, generator=(g := new()), dtype=double), g)
        case = (net, randn(7, 5, generator=g), torch.randint(4, (7,), generator=g))
        yield f"MLP, {activation_name}, {name}", LOSSES[name], case
    net = MLP((5, 6, 4), "tanh", generator=(g := new()), dtype=double)
    blocks = [BatchNorm1d(6), LayerNorm(6), RMSNorm(6), Dropout(0.3), Residual(Linear(6, 6, generator=g), Tanh())]
    for block in reversed(blocks):  # batch norm comes first: it would hide the scale of a norm before it
        net.insert(2, block.double())
    images, targets = randn(7, 5, generator=g), torch.randint(4, (7,), generator=g)
    yield "MLP, tanh, with all blocks", None, (randomize_biases(net, g, norms=True), images, targets)
    convnets = zip(POOLINGS, (*HEADS, HEADS[0]), strict=True) if seed == _SEEDS[0] else ()
    for pooling, head in convnets:
        convnet = ConvNet((2, 6, 8), 4, (3, 4), 1, pooling, head, "tanh", generator=(g := new()), dtype=double)
        images, targets = randn(3, 2, 6, 8, generator=g), torch.randint(4, (3,), generator=g)
        yield f"ConvNet, {pooling}, {head}", None, (randomize_biases(convnet, g, norms=True), images, targets)


def _layer_cases(call: str, shape: tuple[int, ...], seed: int) -> Iterator[tuple[str, Any, Case]]:
    """Yield a layer with random weights and a random input; also its plain formulas if it calls torch's kernels."""
    name, args, kwargs = parsed_call(call.partition(": ")[0])
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # layers draw their first weights from the global generator
        layer: Any = getattr(layers, name)(*(args or []), **kwargs).double()
    for weight in layer.parameters():
        weight.copy_(torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
    if name == "Embedding":
        x = torch.randint(layer.num_embeddings, shape, generator=generator)
    else:
        x = torch.randn(shape, generator=generator, dtype=torch.float64)
    yield call, None, (layer, x)
    if hasattr(layer, "fast"):
        plain = copy.deepcopy(layer)
        plain.fast = False
        yield f"{call}: plain formulas", None, (plain, x)
