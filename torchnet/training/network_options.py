"""The network, its arithmetic and the loss, from the options that describe them."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchnet import reference
from torchnet.choices import expect_one_of
from torchnet.engine import WAYS
from torchnet.engine.matmul_precision import MATMUL_DTYPES, fastest_matmul_dtype
from torchnet.layers import Linear
from torchnet.losses import LOSSES
from torchnet.network import Network, build_network, network_options

Loss = Callable[..., tuple[Tensor, Tensor]]
_NOTEBOOK_INITIALIZER = "notebook"


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
