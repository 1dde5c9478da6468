"""The engine of a run, and how it computes the steps."""

import copy
from typing import Any, cast

import torch
from torch import Tensor

from torchnet.engine import Engine, Way, choose_way
from torchnet.replicas import Replicas
from torchnet.step import Recipe
from torchnet.training.lightning_internals import inner_hooks


def engine_of(module: Any, trainer: Any) -> Engine:
    """Return the engine that runs the steps of a run."""
    data = trainer.datamodule
    images, targets = data.training_tensors
    weights = cast(Tensor | None, module.class_weights)
    return Engine(
        module.net,
        module.loss,
        trainer.optimizers[0],
        images,
        targets,
        block_size=min(data.block_size, int(trainer.num_training_batches)),  # memory for as many steps
        way=module.way,
        tf32=module.matmul_dtype == "tf32",
        augment=data.deformation,
        clip=module.clip,
        average=module.average,
        replicas=Replicas() if trainer.world_size > 1 else None,
        # With class weights, a mean is divided by the total weight of its samples.
        normalizer=None if weights is None or targets.dim() > 1 else lambda labels: weights.take(labels).sum(),
        hooks=inner_hooks(trainer),
    )


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
    images, targets = (torch.zeros_like(tensor[:1], device=device) for tensor in data.training_tensors)
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
    wanted = module.step or {"plain": "captured", "fused": "fused", None: None}[resumed]
    return choose_way(wanted, recipe, module.matmul_dtype == "tf32", print, data.batch_size)


def resumed_order_of_sums(checkpoint: dict[str, Any]) -> str:
    """Return whether the run of a checkpoint computed "plain" or "fused" steps (Way.order_of_sums)."""
    ours = checkpoint.get("torchnet")
    found = ours.get("environment") if isinstance(ours, dict) else None
    return "fused" if isinstance(found, dict) and found.get("training step") == "fused" else "plain"
