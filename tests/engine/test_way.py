"""The choice between eager, captured and fused steps, and the fused step within an engine."""

import copy
from functools import partial
from typing import Any

import pytest
import torch

import torchnet.engine.fused.cpu
import torchnet.engine.fused.steps
from torchnet import MLP, SGD
from torchnet.averaging import WeightAverage
from torchnet.clipping import clip_by_value
from torchnet.engine import CaptureError, Engine
from torchnet.engine.fused.description import FusedStepError, NotFusedError, describe
from torchnet.engine.variants import same_bits
from torchnet.engine.way import choose_way
from torchnet.losses import cross_entropy, mean_squared_error, one_vs_rest_cross_entropy
from torchnet.step import Recipe

from .test_engine import IMAGES, LABELS, ROWS, expect_same, mlp, order, train


def engine(way: str | None = None, net: Any = None, lr: float = 0.5, targets: Any = LABELS, **options: Any) -> Engine:
    net = mlp() if net is None else net
    names = ("momentum", "nesterov", "weight_decay", "dampening")
    update = {name: options.pop(name) for name in names if name in options}
    loss = options.pop("loss", cross_entropy)
    return Engine(net, loss, SGD(net.parameters(), lr=lr, **update), IMAGES, targets, way=way, **options)


def expect_close(first: Engine, second: Engine) -> None:
    for weight, other in zip(first.recipe.net.parameters(), second.recipe.net.parameters(), strict=True):
        torch.testing.assert_close(weight.data, other.data, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(weight.grad, other.grad, rtol=1e-3, atol=1e-5)
        states = [it.recipe.optimizer.state.get(w, {}) for it, w in ((first, weight), (second, other))]
        assert states[0].keys() == states[1].keys()
        for key, value in states[0].items():
            torch.testing.assert_close(value, states[1][key], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("update", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}])
@pytest.mark.parametrize("targets", [LABELS, ROWS], ids=["classes", "rows"])
@pytest.mark.parametrize("loss", [cross_entropy, mean_squared_error])
def test_fused_is_captured_up_to_rounding(update, targets, loss):
    both = [engine(way, targets=targets, loss=loss, lr=0.1, **update) for way in ("fused", "captured")]
    for options in ({}, {"divisor": 8}, {"schedule": [{"lr": 0.1 / (k + 1)} for k in range(6)]}):
        losses = [train(it, epochs=2, **options) for it in both]
        torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-6)
        expect_close(*both)
    assert both[0].way.name == "fused"
    assert both[0].step == both[1].step == 36


def test_momentum_follows_the_schedule():
    schedule = [{"lr": 0.1 / (k + 1), "momentum": 0.9 - k / 10} for k in range(6)]
    both = [engine(way, momentum=0.5) for way in ("fused", "captured")]
    losses = [torch.cat([train(it, 2), train(it, 2, schedule=schedule), train(it, 2)]) for it in both]
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-6)
    expect_close(*both)


def test_other_options_of_a_schedule_are_not_ignored():
    trained = engine("fused")
    with pytest.raises(CaptureError):  # torchnet.SGD reads weight_decay in Python
        train(trained, 1, schedule=[{"lr": 0.1, "weight_decay": 0.1 * k} for k in range(6)])


def test_the_bits_do_not_depend_on_blocks_and_interruptions():
    through, in_blocks, resumed = engine("fused", momentum=0.9), engine("fused", momentum=0.9, block_size=4), None
    losses = train(through, 4)
    assert same_bits(losses, train(in_blocks, 4))
    expect_same(through, in_blocks)
    first = engine("fused", momentum=0.9)
    train(first, 2)
    state = copy.deepcopy((first.recipe.net.state_dict(), first.recipe.optimizer.state_dict()))
    resumed = engine("fused", momentum=0.9)
    resumed.recipe.net.load_state_dict(state[0])
    resumed.recipe.optimizer.load_state_dict(state[1])
    again = torch.cat([resumed.run(order(epoch), 7) for epoch in (2, 3)])
    assert same_bits(again, losses[12:])
    expect_same(resumed, through)


def test_options_of_the_optimizer_that_change_between_blocks_are_followed():
    fused, plain = engine("fused", momentum=0.9), engine("captured", momentum=0.9)
    for numbers in (
        {"lr": 0.1},
        {"weight_decay": 0.1},
        {"momentum": 0.5, "nesterov": True},
        {"dampening": 0.3, "nesterov": False},
    ):
        for it in (fused, plain):
            it.recipe.optimizer.param_groups[0].update(numbers)
        torch.testing.assert_close(train(fused, 1), train(plain, 1), rtol=1e-4, atol=1e-6)
    expect_close(fused, plain)


RECIPES: dict[str, tuple[dict[str, Any], str]] = {
    "deformation": ({"augment": lambda images, step, start: images}, "images are deformed"),
    "clipping": ({"clip": partial(clip_by_value, max_value=1)}, "gradients are clipped"),
    "average": ({"average": WeightAverage(mlp(), 0.9)}, "the weights are averaged"),
    "hooks": ({"hooks": object()}, "every gradient is looked at"),
    "processes": ({"gradient_sum": object()}, "several processes train together"),
    "loss": ({"loss": one_vs_rest_cross_entropy}, "the loss is neither"),
    "smoothing": ({"loss": partial(cross_entropy, label_smoothing=0.1)}, "the loss is neither"),
    "batch norm": ({"net": mlp(normalization="batch_norm")}, "a layer BatchNorm1d at 1"),
    "dropout": ({"net": mlp(dropout=0.5)}, "a layer Dropout at 2"),
    "residual": ({"net": mlp((5, 5, 5, 4), residual=True)}, "a layer Residual at 1"),
    "float64": ({"net": mlp(dtype=torch.float64)}, "the weights are float64"),
    "not an MLP": ({"net": torch.nn.Sequential(*mlp())}, "is a Sequential"),
    "images": ({"images": IMAGES.float()}, "the inputs are not bytes"),
}


def recipe(**parts: Any) -> Recipe:
    net = parts.pop("net", mlp())
    optimizer = parts.pop("optimizer", SGD(net.parameters()))
    return Recipe(
        **{"net": net, "loss": cross_entropy, "optimizer": optimizer, "images": IMAGES, "targets": LABELS} | parts
    )


@pytest.mark.parametrize("name", RECIPES)
def test_what_no_fused_step_does_is_captured_or_eager(name):
    parts, reason = RECIPES[name]
    way = choose_way("fused", recipe(**parts))
    assert way.name == ("eager" if name in ("hooks", "processes") else "captured")
    assert reason in way.reason


def test_other_optimizers_and_groups_are_captured():
    net = mlp()
    weights = list(net.parameters())
    for optimizer in (
        torch.optim.SGD(weights, lr=0.1),
        SGD([{"params": weights[:1]}, {"params": weights[1:]}]),
        SGD(weights[1:]),
    ):
        way = choose_way("fused", recipe(net=net, optimizer=optimizer))
        assert way.name == "captured"
        assert "the optimizer" in way.reason


def test_a_plain_loss_with_unused_options_is_fused():
    assert choose_way("fused", recipe(loss=partial(cross_entropy, label_smoothing=0.0, weight=None))).name == "fused"


def test_the_fastest_way_that_works_is_the_default():
    assert engine().way.name == "fused"
    assert engine(net=mlp(dropout=0.5)).way.name == "captured"
    assert engine("captured").way.name == "captured"
    assert engine("eager").way.name == "eager"
    assert engine("eager").way.reason is None


def test_a_wide_network_is_fused_on_request():
    wide = recipe(net=mlp((5, 300, 4)))
    assert choose_way(None, wide).name == "captured"
    assert "more than 256 outputs" in choose_way(None, wide).reason
    assert choose_way("fused", wide).name == "fused"
    assert (
        choose_way(None, recipe(net=mlp((300, 256, 4)), images=torch.zeros((2, 300), dtype=torch.uint8))).name
        == "fused"
    )


def test_the_choice_changes_nothing():
    before = recipe()
    state = copy.deepcopy(before.net.state_dict())
    choose_way("fused", before)
    assert all(same_bits(value, before.net.state_dict()[name]) for name, value in state.items())
    assert not before.optimizer.state
    assert all(weight.grad is None for weight in before.net.parameters())


@pytest.mark.parametrize("error", [NotFusedError("no compiler"), RuntimeError("a driver\nis broken"), OSError("x")])
def test_a_fused_step_that_does_not_work_here_is_not_used(error, monkeypatch):
    def fail(*arguments: Any) -> None:
        raise error

    monkeypatch.setattr(torchnet.engine.fused.cpu.CpuSteps, "run", fail)
    way = choose_way("fused", recipe())
    assert way.name == "captured"
    assert " ".join(str(error).split()) in way.reason


@pytest.mark.parametrize("kind", ["factor", "loss", "velocity"])
def test_a_wrong_fused_step_is_found_at_the_third_step(kind, monkeypatch):
    trained = engine("fused", momentum=0.9)
    right = torchnet.engine.fused.cpu.CpuSteps.run

    def wrong(self: Any, *arguments: Any) -> Any:
        losses = right(self, *arguments)
        weight = self.description.linears[1].bias
        if kind == "factor":
            weight += 0.01
        if kind == "velocity":
            self.recipe.optimizer.state[weight]["momentum_buffer"] *= 1.01
        return losses * (1.01 if kind == "loss" else 1)

    monkeypatch.setattr(torchnet.engine.fused.cpu.CpuSteps, "run", wrong)
    trained.run(order(0)[:14], 7)
    with pytest.raises(FusedStepError, match=r"the fused step differs from the plain one: .* --model\.step captured"):
        trained.run(order(1)[:14], 7)


def test_numbers_that_are_not_finite_are_no_difference():
    trained = engine("fused", lr=1e30, net=mlp(activation="relu"))
    assert not train(trained, 2).isfinite().all()


def test_bias_and_width_of_a_description():
    found = describe(recipe(net=MLP((5, 3, 4), activation="leaky_relu")))
    assert found.sizes == (5, 3, 4)
    assert found.activations == (("leaky_relu", 0.01),)
    assert not found.bfloat16
