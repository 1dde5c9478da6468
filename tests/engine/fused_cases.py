"""Random recipes for the fused steps, and what they have to agree with: the plain step in float64."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from torchnet import MLP, SGD
from torchnet.engine.fused.description import ACTIVATION_NAMES
from torchnet.losses import cross_entropy, mean_squared_error
from torchnet.step import Recipe, train_step

Run = Callable[[Recipe, Tensor, Tensor, int | None], Tensor]  # recipe, order, options, divisor -> losses

_PLAIN_STEPS = 6

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weight decay": {"weight_decay": 0.01},
    "momentum": {"momentum": 0.9},
    "dampening": {"momentum": 0.8, "dampening": 0.3, "weight_decay": 0.02},
    "Nesterov": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
}


@dataclass(frozen=True)
class Case:
    """A recipe and a few steps of it, drawn from a seed unless they are given."""

    sizes: tuple[int, ...] = (7, 5, 3)
    batch: int = 6
    activations: tuple[str, ...] | str = "sigmoid"
    loss: str = "cross_entropy"
    optimizer: str = "plain"
    is_rows: bool = False
    divisor: int | None = None
    steps: int = 3
    seed: int = 0
    options: tuple[tuple[float, float], ...] | None = None
    matmul_dtype: torch.dtype | None = field(default=None, compare=False)

    def recipe(self, dtype: torch.dtype = torch.float32) -> Recipe:
        generator = torch.Generator().manual_seed(self.seed)
        names = self.activations if isinstance(self.activations, str) else list(self.activations)
        net = MLP(self.sizes, names, generator=generator, matmul_dtype=self.matmul_dtype)
        for bias in (weight for name, weight in net.named_parameters() if name.endswith("bias")):
            bias.copy_(torch.randn(bias.shape, generator=generator))
        net.to(dtype)
        samples, (pixels, *_, classes) = 2 * self.batch + 3, self.sizes
        images = torch.randint(0, 256, (samples, pixels), generator=generator, dtype=torch.uint8)
        targets = torch.randint(0, classes, (samples,), generator=generator)
        if self.is_rows:
            targets = torch.rand((samples, classes), generator=generator).to(dtype)
        loss = {"cross_entropy": cross_entropy, "mean_squared_error": mean_squared_error}[self.loss]
        return Recipe(net, loss, SGD(net.parameters(), lr=0.1, **OPTIMIZERS[self.optimizer]), images, targets)

    def order(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed + 1)
        return torch.randint(0, 2 * self.batch + 3, (self.steps, self.batch), generator=generator)

    def numbers(self) -> Tensor:
        """The learning rate and the momentum of each step, (steps, 2)."""
        momentum = OPTIMIZERS[self.optimizer].get("momentum", 0.0)
        options = self.options or tuple((0.02 / (k + 1), momentum) for k in range(self.steps))
        return torch.tensor(options)


def random_case(seed: int, largest: int = 300, most: int = 600) -> Case:
    """Return a case with everything drawn; small sizes are as likely as large ones."""
    draw = random.Random(seed)
    size = partial(_size, draw)
    depth = draw.randint(1, 4)
    classes = draw.choice((1, 2, 3, 10, size(largest)))
    sizes = (*(size(largest) for _ in range(depth)), classes)
    batch = size(most)
    return Case(
        sizes=sizes,
        batch=batch,
        activations=tuple(draw.choice(ACTIVATION_NAMES) for _ in range(depth - 1)),
        loss=draw.choice(("cross_entropy", "mean_squared_error")),
        optimizer=draw.choice(list(OPTIMIZERS)),
        is_rows=draw.random() < 0.3,
        divisor=draw.choice((None, None, batch + 1)),
        seed=seed,
    )


def _size(draw: random.Random, largest: int) -> int:
    return round(largest ** draw.random())


def plain(recipe: Recipe, order: Tensor, options: Tensor, divisor: int | None) -> Tensor:
    """Run the plain step, with the numbers of the options as a schedule sets them."""
    losses = []
    for k, indices in enumerate(order):
        of_step = {"lr": options[k, 0].item(), "momentum": options[k, 1].item()}
        losses.append(train_step(recipe, indices, torch.tensor(k), divisor, options=[of_step]))
    return torch.stack(losses)


def results(recipe: Recipe, losses: Tensor) -> dict[str, Tensor]:
    """Return everything that a step leaves behind, by name."""
    found = {"losses": losses}
    for name, weight in recipe.net.named_parameters():
        found[name] = weight.detach()
        found[f"the gradient of {name}"] = weight.grad
        if "momentum_buffer" in recipe.optimizer.state[weight]:
            found[f"the velocity of {name}"] = recipe.optimizer.state[weight]["momentum_buffer"]
    return found


def run_case(case: Case, run: Run, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Run the steps of a case; return what they leave behind."""
    recipe = case.recipe(dtype)
    return results(recipe, run(recipe, case.order(), case.numbers(), case.divisor))


def expect_parity(case: Case, run: Run) -> None:
    """Assert that each fused step errs at most twice as much as the plain float32 step may, tensor by tensor.

    The error is the distance from the plain step in float64; all steps start from the same numbers. One plain step may
    be exact by luck. Others, whose weights are moved by up to a unit in the last place, show how much rounding matters.
    Through a layer of a few units, with a few samples or logits, errors hardly average out, and luck counts: four times
    as much is allowed then, eight times for a handful of logits. Beside it, a few units in the last place are: 8 for
    small tensors, else 2.
    """
    logits = case.batch * case.sizes[-1]
    factor = 2 if min(*case.sizes[:-1], case.batch, logits / 8) >= 8 else 4 if logits >= 8 else 8
    exact, fused = case.recipe(torch.float64), case.recipe()
    for k, order in enumerate(case.order().split(1)):
        arguments = (order, case.numbers()[k : k + 1], case.divisor)
        _copy_state(fused, exact)
        plains = [case.recipe() for _ in range(_PLAIN_STEPS)]
        for number, recipe in enumerate(plains):
            _copy_state(fused, recipe)
            if number > 0:
                _move_weights(recipe, seed=number)
        expected = results(exact, plain(exact, *arguments))
        allowed = [results(recipe, plain(recipe, *arguments)) for recipe in plains]
        found = results(fused, run(fused, *arguments))
        assert found.keys() == expected.keys() == allowed[0].keys()
        for name, tensor in expected.items():
            error, *errors = ((it[name].double() - tensor).norm().item() for it in (found, *allowed))
            unit = torch.finfo(torch.float32).eps * tensor.norm().item()
            assert error <= factor * max(errors) + (8 if tensor.numel() < 64 else 2) * unit + 1e-30, (
                f"step {k}, {name}: error {error:.2e}, of plain steps {max(errors):.2e}, unit {unit:.2e}; {case}"
            )


def _move_weights(recipe: Recipe, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in recipe.net.parameters():
        moved = 1 + torch.finfo(torch.float32).eps / 2 * (
            2 * torch.rand(weight.shape, generator=generator).double() - 1
        )
        weight.copy_(weight.double() * moved)


def _copy_state(source: Recipe, target: Recipe) -> None:
    for weight, copy in zip(source.net.parameters(), target.net.parameters(), strict=True):
        copy.copy_(weight)
        for name, value in source.optimizer.state[weight].items():
            target.optimizer.state[copy][name] = value.to(copy.dtype, copy=True)
