"""What the command line checks: an object given by name, the default network, and everything that torchnet has."""

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from torchnet.checking.oracles.oracles import ORACLES, TAYLOR
from torchnet.checking.proof import check
from torchnet.checking.reports.report import Report
from torchnet.checking.subjects.subject import SubjectError, function_name, is_float
from torchnet.layers import ACTIVATIONS, BatchNorm1d, Dropout, Layer, LayerNorm, Linear, Residual, RMSNorm, Tanh
from torchnet.losses import LOSSES, cross_entropy
from torchnet.network import MLP

if TYPE_CHECKING:
    from rich.table import Table

Module = TypeVar("Module", bound=nn.Module)
Case = tuple[Any, ...]  # the positional arguments of check

_SEEDS = range(3)
_ORACLES_WITH_ERRORS = [oracle for oracle in ORACLES if oracle != TAYLOR]
COLUMNS = [*_ORACLES_WITH_ERRORS, "Taylor slope", ""]  # of the table of `overview`
# Layers other than linear ones and activations, by name.
_BLOCKS: dict[str, Callable[[int, torch.Generator], Layer]] = {
    "BatchNorm1d": lambda width, generator: BatchNorm1d(width),
    "LayerNorm": lambda width, generator: LayerNorm(width),
    "RMSNorm": lambda width, generator: RMSNorm(width),
    "Dropout": lambda width, generator: Dropout(0.3),
    "Residual": lambda width, generator: Residual(Linear(width, width, generator=generator), Tanh()),
}


def named_subject(spec: str, dtype: str | None = None) -> Any:
    """Return the object `package.module:Name` or `package.module:Name(arguments)`; a layer class is instantiated.

    Raises:
        SubjectError: if it cannot be imported or instantiated.
    """
    module_name, colon, expression = spec.partition(":")
    if not colon or not expression or not all(part.isidentifier() for part in module_name.split(".")):
        raise SubjectError(f"expected MODULE:NAME, as in mypackage.mymodule:MyLayer, got {spec!r}")
    if module_name.endswith(".py"):
        raise SubjectError(f"expected a module, not a file name: write {module_name.removesuffix('.py')}:{expression}")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    name, args, kwargs = _parsed(expression)
    try:
        thing = getattr(importlib.import_module(module_name), name)
    except ImportError as error:
        raise SubjectError(f"{module_name} cannot be imported: {error}") from error
    except AttributeError as error:
        raise SubjectError(f"{module_name} has no {name}") from error
    is_function = isinstance(thing, type) and issubclass(thing, torch.autograd.Function)
    if args is not None or (isinstance(thing, type) and not is_function):
        try:
            thing = thing(*(args or []), **kwargs)
        except TypeError as error:
            needs_arguments = args is None and "argument" in str(error)
            hint = f": give its arguments, '{module_name}:{name}(...)'" if needs_arguments else ""
            raise SubjectError(f"{error}{hint}") from error
    if isinstance(thing, nn.Module) and dtype is not None:
        thing = thing.to(getattr(torch, dtype))
    return thing


def _parsed(expression: str) -> tuple[str, list[Any] | None, dict[str, Any]]:
    """Return the name, the positional arguments (None without parentheses), and the keyword arguments."""
    try:
        tree = ast.parse(expression, mode="eval").body
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in tree.keywords}
            return tree.func.id, [ast.literal_eval(arg) for arg in tree.args], kwargs
        if isinstance(tree, ast.Name):
            return tree.id, None, {}
    except (SyntaxError, ValueError):
        pass
    raise SubjectError(f"expected NAME or NAME(ARGUMENTS) with literal arguments, got {expression!r}")


def random_inputs(
    subject: Any, shapes: Sequence[str], num_classes: int | None, dtype: str | None, seed: int
) -> list[Tensor]:
    """Return a random input for each shape, written as "4,7", followed by random targets if num_classes is given.

    Raises:
        SubjectError: if a shape or num_classes is invalid.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = subject.parameters() if isinstance(subject, nn.Module) else ()
    own = next((weight.dtype for weight in weights if is_float(weight)), torch.float64)
    chosen = own if dtype is None else getattr(torch, dtype)
    inputs = [torch.randn(_shape(shape), generator=generator, dtype=chosen) for shape in shapes]
    if not inputs:
        raise SubjectError(f"expected the shapes of the inputs of {_signature(subject)}: --input 4,7")
    if num_classes is not None:
        if num_classes < 1 or inputs[0].dim() == 0:
            raise SubjectError(f"--targets: expected at least 1 class, and a batch as input, got {num_classes}")
        inputs.append(torch.randint(num_classes, inputs[0].shape[:1], generator=generator))
    return inputs


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(size) for size in text.split(",") if size.strip())
    except ValueError:
        shape = (0,)
    if any(size < 1 for size in shape):
        raise SubjectError(f"--input: expected a shape such as 4,7, got {text!r}")
    return shape


def _signature(subject: Any) -> str:
    """Return the subject's name with the arguments of its forward."""
    function = getattr(subject, "forward", subject)
    function = function[0] if isinstance(function, tuple) else function
    try:
        return f"{function_name(subject)}{inspect.signature(function)}"
    except (TypeError, ValueError):
        return function_name(subject)


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
    """Check every layer, activation and loss with every oracle at several random points; return the reports by name."""
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

    for sizes, bias in (((5, 3), True), ((4, 4), True), ((5, 3), False)):
        linear = randomize_biases(Linear(*sizes, generator=(g := new()), dtype=double, bias=bias), g)
        name = f"Linear({sizes[0]}, {sizes[1]}{'' if bias else ', bias=False'})"
        yield name, None, (linear, randn(7, sizes[0], generator=g))
    for activation in ACTIVATIONS.values():
        yield str(activation()).removesuffix("()"), None, (activation().double(), randn(7, 5, generator=new()))
    for name, block in _BLOCKS.items():
        layer = randomize_biases(block(5, g := new()).double(), g, norms=True)
        yield name, None, (layer, randn(7, 5, generator=g))
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
    for block in reversed(_BLOCKS.values()):  # batch norm comes first: it would hide the scale of a norm before it
        net.insert(2, block(6, g).double())
    images, targets = randn(7, 5, generator=g), torch.randint(4, (7,), generator=g)
    yield "MLP, tanh, with all blocks", None, (randomize_biases(net, g, norms=True), images, targets)
