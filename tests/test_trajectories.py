"""Compare 200 training steps with torch.nn, autograd and torch.optim, one test per recipe.

A mistake in one step, such as a wrong factor, order or state, accumulates over all later steps.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from torchnet import MLP, SGD, WeightAverage, clip_by_norm, clip_by_value, cross_entropy, mean_squared_error
from torchnet.engine import Engine
from torchnet.step import scale_pixels

from .test_network import TRAJECTORY, autograd_twin, random_net

STEPS, SAMPLES, BATCH, CLASSES = 200, 40, 7, 4
SCHEDULED = ("lr", "momentum", "betas")
IMAGES = torch.randint(0, 256, (SAMPLES, 5), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
LABELS = torch.randint(0, CLASSES, (SAMPLES,), generator=torch.Generator().manual_seed(1))
WEIGHT = torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64)
# Full mini-batches and a smaller last one.
ORDER = torch.randint(0, SAMPLES, (STEPS * BATCH - 2,), generator=torch.Generator().manual_seed(2))

Optimizer = Callable[[Iterable[Tensor]], torch.optim.Optimizer]


def sigmoid_mlp() -> tuple[MLP, nn.Module]:
    net = random_net((5, 6, 6, CLASSES), "sigmoid")
    return net, autograd_twin(net)


def tanh_mlp() -> tuple[MLP, nn.Module]:
    net = random_net((5, 6, 6, CLASSES), "tanh")
    return net, autograd_twin(net)


def batch_norm_mlp() -> tuple[MLP, nn.Module]:
    return with_options(activation="gelu", normalization="batch_norm")


def residual_mlp() -> tuple[MLP, nn.Module]:
    return with_options(activation="silu", normalization="layer_norm", residual=True)


def with_options(**options: Any) -> tuple[MLP, nn.Module]:
    generator = torch.Generator().manual_seed(0)
    net = MLP((5, 6, 6, CLASSES), generator=generator, dtype=torch.float64, **options)
    return net, autograd_twin(net)


@dataclass(frozen=True)
class Recipe:
    """How a network and its twin are trained: the parts of torchnet and the matching parts of torch."""

    optimizer: Optimizer
    peer: Optimizer
    nets: Callable[[], tuple[Any, nn.Module]] = tanh_mlp
    loss: Callable[..., tuple[Tensor, Tensor]] = cross_entropy
    peer_loss: Callable[..., Tensor] = functional.cross_entropy
    schedule: Callable[[torch.optim.Optimizer], LRScheduler] | None = None
    clip: Callable[..., Any] | None = None
    peer_clip: Callable[..., Any] | None = None
    decay: float | None = None  # of the moving average of the weights


def torch_mean_squared_error(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.mse_loss(logits, functional.one_hot(targets, CLASSES).to(logits.dtype))


def sgd(**options: Any) -> dict[str, Optimizer]:
    return {
        "optimizer": lambda weights: SGD(weights, **options),
        "peer": lambda weights: torch.optim.SGD(weights, **options),
    }


def adamw(**options: Any) -> dict[str, Optimizer]:
    return dict.fromkeys(("optimizer", "peer"), lambda weights: torch.optim.AdamW(weights, **options))


MOMENTUM = sgd(lr=0.05, momentum=0.9)
MAX_NORM, MAX_VALUE = 0.6, 0.2
RECIPES = {
    "momentum": Recipe(**MOMENTUM),
    "momentum, sigmoid": Recipe(**MOMENTUM, nets=sigmoid_mlp),
    "Nesterov": Recipe(**sgd(lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3)),
    "AdamW": Recipe(**adamw(lr=0.01, weight_decay=0.1)),
    "one cycle": Recipe(
        **MOMENTUM, schedule=partial(OneCycleLR, max_lr=0.2, total_steps=STEPS + 1, cycle_momentum=False)
    ),
    "one cycle of AdamW": Recipe(
        **adamw(lr=0.01), schedule=partial(OneCycleLR, max_lr=0.02, total_steps=STEPS + 1, cycle_momentum=False)
    ),
    "one cycle of the momentum, too": Recipe(
        **MOMENTUM, schedule=partial(OneCycleLR, max_lr=0.2, total_steps=STEPS + 1)
    ),
    "one cycle of AdamW's betas, too": Recipe(
        **adamw(lr=0.01), schedule=partial(OneCycleLR, max_lr=0.02, total_steps=STEPS + 1)
    ),
    "batch normalization": Recipe(**MOMENTUM, nets=batch_norm_mlp),
    "residual blocks, layer normalization, AdamW": Recipe(**adamw(lr=0.01), nets=residual_mlp),
    "everything": Recipe(
        **adamw(lr=0.01, weight_decay=0.1),
        nets=batch_norm_mlp,
        loss=partial(cross_entropy, label_smoothing=0.1),
        peer_loss=partial(functional.cross_entropy, label_smoothing=0.1),
        schedule=partial(OneCycleLR, max_lr=0.02, total_steps=STEPS + 1),
        clip=partial(clip_by_norm, max_norm=MAX_NORM),
        peer_clip=partial(nn.utils.clip_grad_norm_, max_norm=MAX_NORM),
        decay=0.97,
    ),
    "clipped by norm": Recipe(
        **MOMENTUM,
        clip=partial(clip_by_norm, max_norm=MAX_NORM),
        peer_clip=partial(nn.utils.clip_grad_norm_, max_norm=MAX_NORM),
    ),
    "clipped by value": Recipe(
        **MOMENTUM,
        clip=partial(clip_by_value, max_value=MAX_VALUE),
        peer_clip=partial(nn.utils.clip_grad_value_, clip_value=MAX_VALUE),
    ),
    "averaged": Recipe(**MOMENTUM, decay=0.97),
    "smoothed": Recipe(
        **MOMENTUM,
        loss=partial(cross_entropy, label_smoothing=0.1),
        peer_loss=partial(functional.cross_entropy, label_smoothing=0.1),
    ),
    "weighted": Recipe(
        **MOMENTUM,
        loss=partial(cross_entropy, weight=WEIGHT),
        peer_loss=partial(functional.cross_entropy, weight=WEIGHT),
    ),
    "squared error": Recipe(**MOMENTUM, loss=mean_squared_error, peer_loss=torch_mean_squared_error),
}


def train_twin(recipe: Recipe, twin: nn.Module) -> tuple[nn.Module | None, list[dict[str, Any]], int]:
    """Return the averaged twin, the options of each step, and the number of clipped steps."""
    optimizer = recipe.peer(twin.parameters())
    scheduler = recipe.schedule(optimizer) if recipe.schedule else None
    average = None
    if recipe.decay is not None:
        average = AveragedModel(twin, multi_avg_fn=get_ema_multi_avg_fn(recipe.decay), use_buffers=True)
    options, clipped = [], 0
    for chosen in ORDER.split(BATCH):
        optimizer.zero_grad()
        recipe.peer_loss(twin(scale_pixels(IMAGES[chosen], torch.float64)), LABELS[chosen]).backward()
        if recipe.peer_clip:
            before = torch.cat([weight.grad.flatten() for weight in twin.parameters()])
            recipe.peer_clip(twin.parameters())
            after = torch.cat([weight.grad.flatten() for weight in twin.parameters()])
            clipped += not torch.equal(before, after)
        options.append({key: optimizer.param_groups[0][key] for key in SCHEDULED if key in optimizer.param_groups[0]})
        optimizer.step()
        if scheduler:
            scheduler.step()
        if average:
            average.update_parameters(twin)
    return average.module if average else None, options, clipped


def train(recipe: Recipe, net: Any, options: list[dict[str, Any]] | None) -> nn.Module | None:
    """Train in captured blocks of 30 steps; return the averaged network."""
    average = None if recipe.decay is None else WeightAverage(net, recipe.decay)
    optimizer = recipe.optimizer(net.parameters())
    engine = Engine(net, recipe.loss, optimizer, IMAGES, LABELS, block_size=30, clip=recipe.clip, average=average)
    engine.run(ORDER, BATCH, schedule=options)
    return None if average is None else average.net


@pytest.mark.parametrize("name", RECIPES)
def test_two_hundred_steps_match_autograd_and_torch_optim(name, expect_equal):
    recipe = RECIPES[name]
    net, twin = recipe.nets()
    start = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    averaged_twin, options, clipped = train_twin(recipe, twin)
    average = train(recipe, net, options if recipe.schedule else None)
    pairs = [("", net, twin), *([("averaged ", average, averaged_twin)] if recipe.decay else [])]
    assert len(options) == STEPS
    assert (options[0] != options[-1]) == (recipe.schedule is not None)
    if recipe.clip:
        print(f"{name}: {clipped} of {STEPS} steps were clipped")
        assert STEPS / 4 < clipped < STEPS
    for kind, ours, theirs in pairs:  # weights and running statistics
        got, expected = ours.state_dict(), theirs.state_dict()
        assert list(got) == list(expected)
        floats = [key for key in got if got[key].is_floating_point()]  # AveragedModel averages counts, too
        for key in floats:
            what = f"{kind}{key} after {STEPS} steps of {name}"
            largest_error(what, got[key].double(), expected[key].double())
            expect_equal(what, got[key].double(), expected[key].double(), f"torch, {name}", TRAJECTORY)
        assert max((got[key] - start[key]).abs().max() for key in floats) > 0.1, f"{kind}{name}: nothing was trained"


def largest_error(what: str, got: Tensor, expected: Tensor) -> None:
    error = ((got - expected).abs().max() / expected.abs().max()).item()
    print(f"{what}: {error:.1e} of the largest")
    assert error <= TRAJECTORY
