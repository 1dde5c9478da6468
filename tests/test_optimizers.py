"""Compare SGD with torch.optim.SGD, from equal weights and equal gradients."""

import copy
import math

import pytest
import torch

from torchnet import SGD

OPTIONS = [
    {"lr": 0.1},
    {"lr": 0.1, "weight_decay": 0.3},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.4},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True},
    {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.3},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.4, "weight_decay": 0.3},
    {"lr": 0.1, "momentum": 1.0, "weight_decay": 1.0},
]


def random_weights() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((4, 3), (4,), (1, 1))]


def run(optimizer: torch.optim.Optimizer, weights: list[torch.Tensor], steps: range) -> None:
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        optimizer.step()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_matches_torch_over_ten_steps(options, expect_equal):
    ours, theirs = random_weights(), random_weights()
    optimizer, peer = SGD(ours, **options), torch.optim.SGD(theirs, **options)
    run(optimizer, ours, range(10))
    run(peer, theirs, range(10))
    for i, (weight, expected) in enumerate(zip(ours, theirs, strict=True)):
        expect_equal(f"SGD {options} weight {i}", weight, expected, "torch.optim.SGD", tolerance=1e-15)
        if "momentum" in options:
            velocity, buffer = (o.state[w]["momentum_buffer"] for o, w in ((optimizer, weight), (peer, expected)))
            expect_equal(f"SGD {options} velocity {i}", velocity, buffer, "torch.optim.SGD", tolerance=1e-15)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("first", "second"), [(SGD, SGD), (SGD, torch.optim.SGD), (torch.optim.SGD, SGD)])
def test_training_resumes_from_a_state_dict(options, first, second, expect_equal):
    straight, halted = random_weights(), random_weights()
    run(SGD(straight, **options), straight, range(10))
    optimizer = first(halted, **options)
    run(optimizer, halted, range(6))
    resumed = second(halted, **options)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    run(resumed, halted, range(6, 10))
    for got, expected in zip(halted, straight, strict=True):
        expect_equal(f"resumed SGD {options}", got, expected, "an unbroken run", tolerance=1e-15)


class OnGpu(torch.Tensor):
    """A tensor that says that it is on a GPU."""

    is_cuda = True


@pytest.mark.parametrize("kind", [torch.Tensor, OnGpu])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_learning_rate_in_a_tensor_matches_torch_over_two_hundred_steps(options, kind, expect_equal):
    ours, theirs = random_weights(), random_weights()
    optimizer, peer = SGD(ours, **options), torch.optim.SGD(theirs, **options)
    rate = optimizer.param_groups[0]["lr"] = torch.zeros((), dtype=torch.float64).as_subclass(kind)
    for step in range(200):
        number = 0.1 * (1 + math.cos(math.pi * step / 200))  # different in every step
        rate.fill_(number)
        peer.param_groups[0]["lr"] = number
        run(optimizer, ours, range(step, step + 1))
        run(peer, theirs, range(step, step + 1))
        assert rate.item() == number
    for i, (weight, expected) in enumerate(zip(ours, theirs, strict=True)):
        expect_equal(f"SGD {options} weight {i}", weight, expected, "torch.optim.SGD, 200 steps")
        if "momentum" in options:
            velocity, buffer = (o.state[w]["momentum_buffer"] for o, w in ((optimizer, weight), (peer, expected)))
            expect_equal(f"SGD {options} velocity {i}", velocity, buffer, "torch.optim.SGD, 200 steps")


def test_groups_may_have_their_learning_rates_in_tensors():
    a, b, c = (torch.zeros(1) for _ in range(3))
    for weight in (a, b, c):
        weight.grad = torch.full((1,), 2.0)
    optimizer = SGD([{"params": [a], "lr": 0.5}, {"params": [b]}, {"params": [c]}], lr=2.0)
    optimizer.param_groups[1]["lr"], optimizer.param_groups[2]["lr"] = torch.tensor(0.25), torch.tensor(4.0)
    optimizer.step()
    assert (a.item(), b.item(), c.item()) == (-1, -0.5, -8)
    assert c.grad.item() == 2


def test_calls_the_closure_once_and_returns_its_value():
    weights = random_weights()
    calls = []

    def closure() -> float:
        calls.append(1)
        for weight in weights:
            weight.grad = torch.ones_like(weight)
        return 3.5

    before = [weight.clone() for weight in weights]
    assert SGD(weights, lr=0.5).step(closure) == 3.5
    assert len(calls) == 1
    assert all(torch.equal(weight, old - 0.5) for weight, old in zip(weights, before, strict=True))


def test_a_closure_may_use_autograd():
    weight = torch.ones(2, requires_grad=True)

    def closure() -> torch.Tensor:
        loss = (weight**2).sum()
        loss.backward()
        return loss

    SGD([weight], lr=0.25).step(closure)
    assert weight.tolist() == [0.5, 0.5]


def test_a_weight_without_a_gradient_is_not_changed():
    weight = torch.ones(2)
    SGD([weight], lr=1.0, momentum=0.9, weight_decay=0.1).step()
    assert weight.tolist() == [1, 1]


@pytest.mark.parametrize("kind", [None, torch.Tensor, OnGpu])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_gradient_is_not_changed(options, kind):
    weight = torch.ones(2)
    weight.grad = torch.full((2,), 3.0)
    optimizer = SGD([weight], **options)
    if kind is not None:
        optimizer.param_groups[0]["lr"] = torch.tensor(0.1).as_subclass(kind)
    optimizer.step()
    optimizer.step()
    assert weight.grad.tolist() == [3, 3]


def test_options_that_are_off_have_no_effect():
    weight = torch.full((2,), torch.inf)
    weight.grad = torch.ones(2)
    optimizer = SGD([weight], lr=0.1)
    optimizer.step()
    assert weight.tolist() == [torch.inf, torch.inf]  # 0 times infinity would be NaN
    assert not optimizer.state


def test_the_learning_rate_is_one_unless_given():
    weight = torch.zeros(2)
    weight.grad = torch.ones(2)
    SGD([weight]).step()
    assert weight.tolist() == [-1, -1]


def test_options_at_the_ends_of_their_range_are_taken():
    for value in (0, torch.finfo(torch.float32).max):
        assert SGD(random_weights(), lr=value).defaults["lr"] == value


def test_groups_have_separate_options():
    a, b = torch.zeros(1), torch.zeros(1)
    a.grad, b.grad = torch.ones(1), torch.ones(1)
    SGD([{"params": [a], "lr": 0.5}, {"params": [b]}], lr=2.0).step()
    assert (a.item(), b.item()) == (-0.5, -2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lr": -1.0}, "lr: expected a number from 0 to the largest of float32, got -1.0"),
        ({"lr": float("nan")}, "lr: expected a number"),
        ({"lr": 1e300}, "lr: expected a number"),
        ({"momentum": 0.9, "dampening": float("nan")}, "dampening: expected a number"),
        ({"momentum": -0.1}, "momentum: expected"),
        ({"weight_decay": float("inf")}, "weight_decay: expected"),
        ({"nesterov": True}, "nesterov: expected momentum > 0 and dampening 0"),
        ({"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov: expected"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SGD(random_weights(), **options)
