"""The network, the loss and the way of the steps, from the options that describe them."""

import copy
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchnet import reference
from torchnet.engine import Way, choose_way
from torchnet.layers import Linear
from torchnet.losses import LOSSES
from torchnet.network import MLP
from torchnet.step import Recipe
from torchnet.training.lightning_internals import inner_hooks

Loss = Callable[..., tuple[Tensor, Tensor]]
_NOTEBOOK_INITIALIZER = "notebook"


def build_network(sizes: Sequence[int], initializer: str, seed: int, matmul_dtype: str | None, **options: Any) -> MLP:
    """Return the network with its initial weights; the initializer "notebook" sets those that the notebook drew.

    The network itself rounds operands for the matmul_dtype bfloat16 only; tf32 is a setting of the engine.
    """
    from_notebook = initializer == _NOTEBOOK_INITIALIZER
    net = MLP(
        sizes,
        initializer="zeros" if from_notebook else initializer,
        generator=torch.Generator().manual_seed(seed),
        matmul_dtype=torch.bfloat16 if matmul_dtype == "bfloat16" else None,
        seed=seed,
        **options,
    )
    if from_notebook:
        linears = (part for part in net.modules() if isinstance(part, Linear))
        for linear, (weight, _) in zip(linears, reference.initialize_params(sizes, seed), strict=True):
            linear.weight.copy_(torch.from_numpy(weight))  # biases are zero in both
    return net


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


def way_of_steps(module: Any, trainer: Any, data: Any, resumed: str | None = None) -> Way:
    """Return how the steps of a run are computed.

    Args:
        module: the Classifier.
        trainer: its Trainer, with the device and the callbacks.
        data: the DataModule, with the deformation and the size of mini-batches.
        resumed: what the bits of the resumed run depend on, "fused" or "plain" (Way.order_of_sums).
    """
    if trainer.world_size > 1:
        return Way("eager", "several processes train together")
    device = trainer.strategy.root_device
    net = copy.deepcopy(module.net).to(device)
    images = torch.zeros((1, module.layer_sizes[0]), dtype=torch.uint8, device=device)
    targets = torch.zeros(1, dtype=torch.int64, device=device)
    recipe = Recipe(
        net,
        module.loss,
        module.make_optimizer(net.parameters()),
        images,
        targets,
        augment=data.deformation,
        clip=module.clip,
        average=module.average,
        hooks=inner_hooks(trainer),
    )
    wanted = module.step or ("captured" if resumed == "plain" else "fused")
    return choose_way(wanted, recipe, module.matmul_dtype == "tf32", print, data.batch_size)
