"""The network, its arithmetic and the loss, from the options that describe them."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from torchnet import reference
from torchnet.choices import expect_one_of
from torchnet.engine import WAYS
from torchnet.engine.matmul_precision import MATMUL_DTYPES, fastest_matmul_dtype
from torchnet.layers import Conv2d, Linear, own_layers
from torchnet.losses import LOSSES
from torchnet.network import Network, build_network, network_options
from torchnet.runs.errors import UsageError

Loss = Callable[..., tuple[Tensor, Tensor]]
_NOTEBOOK_INITIALIZER = "notebook"
_SAMPLES, _IMAGE = 5, (3, 4)  # of the check of own layers: samples, and height and width between convolutions
_TIME_LIMIT = 10.0  # seconds, after which no other inputs are tried


def initial_network(
    network: str,
    input_shape: Sequence[int],
    num_classes: int,
    given: Mapping[str, Any],
    seed: int,
    dtype: torch.dtype,
    matmul_dtype: str | None,
) -> Network:
    """Return the network with its initial weights; the initializer "notebook" of an MLP sets those that it drew.

    The network itself rounds operands for the matmul_dtype bfloat16 only; tf32 is a setting of the engine.
    """
    options = network_options(network, given)
    from_notebook = network == "mlp" and options["initializer"] == _NOTEBOOK_INITIALIZER
    net = build_network(
        network,
        input_shape,
        num_classes,
        options | {"initializer": "zeros"} if from_notebook else options,
        seed=seed,
        dtype=dtype,
        matmul_dtype=torch.bfloat16 if matmul_dtype == "bfloat16" else None,
    )
    if from_notebook:
        linears = [part for part in net.modules() if isinstance(part, Linear)]
        sizes = (linears[0].in_features, *(linear.out_features for linear in linears))
        for linear, (weight, _) in zip(linears, reference.initialize_params(sizes, seed), strict=True):
            linear.weight.copy_(torch.from_numpy(weight))  # biases are zero in both
    return net


def check_own_layers(net: Network, loss: Loss, targets: Tensor, num_classes: int) -> None:
    """Check the gradients of the layers that are not torchnet's, each on small random inputs of its width.

    A network that is not torchnet's is checked as a whole, with the loss and the first targets of the run.

    Raises:
        GradientError: if one is wrong; UsageError: if one fails.
    """
    names: dict[nn.Module, str] = {layer: name for name, layer in own_layers(net).items()}
    generator, shape = torch.Generator().manual_seed(0), tuple[int, ...]()
    if net in names:
        shape, targets = net.input_shape or (), targets[:_SAMPLES].cpu()
        dtype = next(net.parameters()).dtype
        samples = torch.rand((len(targets), *shape), generator=generator, dtype=dtype)
        how = f"'{_place(names[net])}({shape}, {num_classes})' --input {_sizes(samples)} --targets {num_classes}"
        _expect_right(f"network {names[net]}", how, copy.deepcopy(net), samples, targets, loss=loss)
        return
    for part in net.modules():
        if isinstance(part, Linear):
            shape = (part.out_features,)
        elif isinstance(part, Conv2d):
            shape = (part.out_channels, *_IMAGE)
        elif part in names:
            x = torch.randn((_SAMPLES, *shape), generator=generator)
            how = f"{_place(names[part])} --input {_sizes(x)}"
            _expect_right(f"activation {names[part]}", how, type(part)(), x)


def _expect_right(what: str, how: str, subject: nn.Module, *inputs: Tensor, **options: Any) -> None:
    from torchnet.checking import GradientError, check

    hint = f"to see more: python -m torchnet check {how}"
    try:
        check(subject, *inputs, time_limit=_TIME_LIMIT, **options).raise_if_failed()
    except GradientError as error:
        mistake = str(error).partition("\n")[0].partition(": ")[2]
        raise GradientError(f"{what}: {mistake}; {hint}") from error
    except Exception as error:
        raise UsageError(f"{what.replace(' ', ': ', 1)} fails ({error}); {hint}") from error


def _place(name: str) -> str:
    """Return the name of a class as the command `check` takes it."""
    return ":".join(name.rsplit(".", 1))


def _sizes(x: Tensor) -> str:
    return ",".join(map(str, x.shape))


def chosen_matmul_dtype(matmul_dtype: str | None, dtype: str) -> str | None:
    """Return the dtype that operands of products are rounded to; "auto" becomes the fastest on this machine."""
    expect_one_of("matmul_dtype", matmul_dtype, (*MATMUL_DTYPES, "auto", None))
    if matmul_dtype is not None and dtype != "float32":
        raise ValueError(f"matmul_dtype: expected None with dtype {dtype}, got {matmul_dtype}: it is for float32")
    return fastest_matmul_dtype() if matmul_dtype == "auto" else matmul_dtype


def chosen_step(step: str | None, captured: bool) -> str | None:
    """Return how steps are asked to be computed; None leaves the choice open."""
    expect_one_of("step", step, (*WAYS, None))
    if not captured and step not in ("eager", None):
        raise ValueError(f"captured: expected true with step {step}, got false: leave it out")
    return step if captured else "eager"


def loss_of_task(loss: str | None, task: str) -> str:
    """Return the name of the loss; None becomes the usual one of the task."""
    if loss is None:
        return "cross_entropy" if task == "classification" else "mean_squared_error"
    expect_one_of("loss", loss, LOSSES)
    if task == "regression" and loss != "mean_squared_error":
        raise ValueError(f"loss: expected mean_squared_error for quantities as targets, got {loss}: leave it out")
    return loss


def class_weight_tensor(name: str, class_weights: list[float] | None, dtype: torch.dtype) -> Tensor | None:
    """Return the weights of classes as a tensor, (C,); None if all classes count the same."""
    if class_weights is None:
        return None
    if not all(0 < weight < math.inf for weight in class_weights):
        raise ValueError(f"class_weights: expected numbers above 0, got {class_weights}")
    if name != "cross_entropy":
        raise ValueError(f"class_weights: only cross_entropy has them, not {name}: leave them out")
    return torch.tensor(class_weights, dtype=dtype)


def training_loss(name: str, label_smoothing: float, class_weights: Tensor | None) -> Loss:
    """Return the loss that training follows. Evaluations use the plain loss, so that runs can be compared."""
    if label_smoothing != 0 and name != "cross_entropy":
        raise ValueError(f"label_smoothing: only cross_entropy has it, not {name}: leave it out")
    loss: Loss = LOSSES[name]
    if label_smoothing == 0 and class_weights is None:
        return loss
    return partial(loss, label_smoothing=label_smoothing, weight=class_weights)
