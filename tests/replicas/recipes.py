"""What is trained in one process and in several: a network and a way to train it, one row each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from torchnet import MLP, SGD, ConvNet, Network, WeightAverage, clip_by_norm, cross_entropy, mean_squared_error
from torchnet.data import Deformation
from torchnet.engine import Engine
from torchnet.replicas import GradientSum, Replicas

STEPS, CLASSES, SIDE = 200, 10, 8
SAMPLES = 131
WEIGHT = torch.linspace(0.5, 3, CLASSES, dtype=torch.float64)


PLAIN = partial(SGD, lr=0.5)


@dataclass(frozen=True)
class Recipe:
    """A network, and how it is trained."""

    sizes: tuple[int, ...] = (SIDE * SIDE, 24, 24, CLASSES)
    widths: tuple[int, ...] = ()  # of a convolutional network, instead of sizes
    net: Any = None  # options of the network
    optimizer: Callable[[Iterable[Tensor]], torch.optim.Optimizer] = PLAIN
    loss: Callable[..., tuple[Tensor, Tensor]] = cross_entropy
    normalizer: Callable[[Tensor], Tensor] | None = None
    lr: Callable[[int], float] | None = None  # of a step, if it changes
    clip: Callable[..., Any] | None = None
    decay: float | None = None
    augment: Any = None
    batch_size: int = 26  # 131 = 5 · 26 + 1: uneven shares in 4 processes, and a last mini-batch of one sample
    divisor: int | None = None


def total_weight(targets: Tensor) -> Tensor:
    return WEIGHT.take(targets).sum()


def one_cycle(step: int, max_lr: float) -> float:
    """Return the learning rate of a step: up to max_lr in the first half, then down."""
    return max_lr * min(step + 1, STEPS - step) / (STEPS / 2)


ADAMW = partial(torch.optim.AdamW, lr=0.002, weight_decay=0.05, fused=True)
BATCH_NORM = {"activation": "gelu", "normalization": "batch_norm"}
RECIPES = {
    "the notebook's": Recipe(sizes=(784, 64, 64, 10), optimizer=partial(SGD, lr=1.0), batch_size=500, divisor=500),
    "batch norm and dropout": Recipe(net={**BATCH_NORM, "dropout": 0.3}, batch_size=20),
    "momentum": Recipe(optimizer=partial(SGD, lr=0.1, momentum=0.9), batch_size=13),  # 6 and 7 rows in 2 processes
    "Nesterov, one cycle": Recipe(
        optimizer=partial(SGD, lr=0.1, momentum=0.9, nesterov=True), lr=partial(one_cycle, max_lr=0.5)
    ),
    "AdamW, one cycle, average": Recipe(
        net=BATCH_NORM, optimizer=ADAMW, lr=partial(one_cycle, max_lr=0.002), decay=0.99, batch_size=20
    ),
    "residual": Recipe(
        sizes=(SIDE * SIDE, *(16,) * 3, CLASSES),
        net={"activation": "relu", "normalization": "batch_norm", "residual": True},
        optimizer=partial(SGD, lr=0.02, momentum=0.9),
        batch_size=20,
    ),
    "convolutions": Recipe(
        widths=(4, 6), net={"activation": "tanh"}, optimizer=partial(SGD, lr=0.005, momentum=0.9), batch_size=20
    ),
    "deformed": Recipe(
        augment=Deformation(rotation=12, scale=0.1, translation=1, elastic_strength=0.5, elastic_smoothness=2, seed=3)
    ),
    "clipped": Recipe(clip=partial(clip_by_norm, max_norm=0.3)),
    "weighted classes, smoothed": Recipe(
        loss=partial(cross_entropy, weight=WEIGHT, label_smoothing=0.1), normalizer=total_weight
    ),
    "squared error": Recipe(loss=mean_squared_error, net={"activation": "tanh", "normalization": "layer_norm"}),
    "fewer samples than processes": Recipe(batch_size=3),
}


def train(
    name: str, images: Tensor, labels: Tensor, steps: int = STEPS, bucket_bytes: int = 2**20
) -> dict[str, Tensor]:
    """Train for some steps, alone or with the other processes; return the losses and all that has been trained."""
    recipe = RECIPES[name]
    options = {"generator": torch.Generator().manual_seed(5), "dtype": torch.float64, "seed": 7, **(recipe.net or {})}
    net: Network = MLP(recipe.sizes, **options)
    if recipe.widths:
        net = ConvNet((1, SIDE, SIDE), CLASSES, recipe.widths, **options)
    optimizer = recipe.optimizer(net.parameters())
    average = None if recipe.decay is None else WeightAverage(net, recipe.decay)
    engine = Engine(
        net,
        recipe.loss,
        optimizer,
        images,
        labels,
        augment=recipe.augment,
        clip=recipe.clip,
        average=average,
        replicas=Replicas() if dist.is_initialized() else None,
        normalizer=recipe.normalizer,
    )
    if engine.replicas is not None:
        engine.recipe.gradient_sum = GradientSum(engine.replicas, net, bucket_bytes)
    losses: list[Tensor] = []
    step = 0
    while step < steps:
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(step))
        indices = order[: (steps - step) * recipe.batch_size]
        taken = range(step, step - (-len(indices) // recipe.batch_size))
        schedule = None if recipe.lr is None else [{"lr": recipe.lr(each)} for each in taken]
        losses.append(engine.run(indices, recipe.batch_size, recipe.divisor, schedule, step))
        step = taken.stop
    found = {"losses": torch.cat(losses), **net.state_dict()}
    for key, weight in net.named_parameters():
        kept = optimizer.state.get(weight, {})
        found |= {f"{key}, {kind}": value for kind, value in kept.items() if isinstance(value, Tensor)}
    if average is not None:
        found |= {f"average, {key}": value for key, value in average.state_dict().items()}
    return {key: value.clone() for key, value in found.items()}
