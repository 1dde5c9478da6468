"""One training step as one function, compared with autograd and torch.optim, and its state."""

import subprocess
import sys
from functools import partial

import pytest
import torch
from torch import nn

from torchnet import MLP, SGD, cross_entropy
from torchnet.averaging import WeightAverage
from torchnet.clipping import clip_by_norm
from torchnet.engine.tape import Tape
from torchnet.layers import step_known
from torchnet.state import TrainingState, first_nonfinite
from torchnet.step import Recipe, prepare_images, train_step, update_weights

SAMPLES, CLASSES = 30, 4
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (SAMPLES, 5), generator=GENERATOR, dtype=torch.uint8)
LABELS = torch.randint(0, CLASSES, (SAMPLES,), generator=GENERATOR)
OPTIONS = {"lr": 0.3, "momentum": 0.9, "weight_decay": 0.01}


def make(optimizer: type = SGD, **parts: object) -> Recipe:
    generator = torch.Generator().manual_seed(1)
    net = MLP((5, 6, 6, CLASSES), "tanh", generator=generator, dtype=torch.float64)
    for name, weight in net.named_parameters():
        if name.endswith("bias"):
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    return Recipe(net, cross_entropy, optimizer(net.parameters(), **OPTIONS), IMAGES, LABELS, **parts)


def twin_of(net: MLP) -> nn.Sequential:
    twin = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, CLASSES)).double()
    twin.load_state_dict(net.state_dict())
    return twin


def mini_batches(epochs: int = 8, size: int = 7) -> list[torch.Tensor]:
    order = [torch.randperm(SAMPLES, generator=torch.Generator().manual_seed(epoch)) for epoch in range(epochs)]
    return [indices for epoch in order for indices in epoch.split(size)]


@pytest.mark.parametrize("optimizer", [SGD, torch.optim.SGD])
@pytest.mark.parametrize("divisor", [None, 9])
def test_steps_match_autograd_and_torch_optim(optimizer, divisor):
    def brighter(images, step, start):
        return images * (1 + step.double() / 10)

    recipe = make(optimizer, augment=brighter, clip=partial(clip_by_norm, max_norm=0.5))
    recipe.average = WeightAverage(recipe.net, 0.9)
    twin = twin_of(recipe.net)
    theirs = torch.optim.SGD(twin.parameters(), **OPTIONS)
    averages = torch.optim.swa_utils.AveragedModel(
        twin, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9), use_buffers=True
    )
    for step, indices in enumerate(mini_batches()):
        loss = train_step(recipe, indices, torch.tensor(step), divisor)
        theirs.zero_grad()
        x = IMAGES[indices].double() / 255 * (1 + step / 10)
        expected = nn.functional.cross_entropy(twin(x), LABELS[indices], reduction="sum") / (divisor or len(indices))
        expected.backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        theirs.step()
        averages.update_parameters(twin)
        torch.testing.assert_close(loss, expected.detach(), rtol=1e-12, atol=0)
    pairs = [(recipe.net, twin), (recipe.average.net, averages.module)]
    for ours, other in pairs:
        for name, weight in ours.named_parameters():
            torch.testing.assert_close(weight, other.get_parameter(name).detach(), rtol=1e-11, atol=1e-13, msg=name)


def test_options_of_a_step_override_those_of_the_groups():
    given, plain = make(), make()
    for step, indices in enumerate(mini_batches(2)):
        options = {"lr": torch.tensor(0.1 / (step + 1), dtype=torch.float64), "momentum": 0.5}
        train_step(given, indices, torch.tensor(step), options=[options])
        plain.optimizer.param_groups[0].update(lr=0.1 / (step + 1), momentum=0.5)
        train_step(plain, indices, torch.tensor(step))
    assert given.optimizer.param_groups[0]["lr"] == OPTIONS["lr"]
    for one, other in zip(given.net.parameters(), plain.net.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-14, atol=0)


def test_options_of_a_step_may_be_tensors_that_are_not_read():
    recipe = make()
    numbers = {"lr": torch.tensor(0.1, dtype=torch.float64), "momentum": torch.tensor(0.5, dtype=torch.float64)}
    for weight in recipe.net.parameters():
        weight.grad = torch.ones_like(weight)
    update_weights(recipe, [numbers])
    Tape(lambda: update_weights(recipe, [numbers]))  # it raises a CaptureError if a number is read


def test_options_of_a_step_need_one_mapping_per_group():
    with pytest.raises(ValueError, match="zip"):
        update_weights(make(), [{"lr": 0.1}, {"lr": 0.2}])


def test_images_are_gathered_scaled_and_augmented_at_their_place():
    recipe = make(augment=lambda images, step, start: images + 10 * step + 100 * start)
    got = prepare_images(recipe, torch.tensor([3, 1]), torch.float64, torch.tensor(2), start=5)
    torch.testing.assert_close(got, IMAGES[[3, 1]].double() / 255 + 20 + 500, rtol=1e-15, atol=0)


def test_layers_know_the_step_and_their_rows_inside_the_context_only():
    net, counter, share = MLP((5, 6, 4), dropout=0.5, residual=True), torch.tensor(3), object()
    with step_known(net, counter, share):
        assert all(layer.step_counter is counter and layer.share is share for layer in net)
    assert all(layer.step_counter is None and layer.share is None for layer in net)


def test_layers_load_no_communication_between_processes():
    code = "import sys, torchnet.layers; sys.exit('torchnet.replicas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_dropout_uses_the_counter_of_steps_and_does_not_count_then():
    net = MLP((5, 60, 4), "identity", dropout=0.5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x, dropout, counter = torch.ones(3, 5, dtype=torch.float64), net[2], torch.tensor(4)
    with step_known(net, counter):
        first = net(x)
        net.backward(torch.ones(3, 4, dtype=torch.float64))
        assert dropout.step == 0
        counter.add_(1)
        assert not torch.equal(net(x), first)
    dropout.step.fill_(4)
    assert torch.equal(net(x), first)


@pytest.mark.parametrize("optimizer", [SGD, torch.optim.SGD, partial(torch.optim.Adam, lr=0.01)])
def test_a_restored_state_continues_with_the_same_bits(optimizer):
    kind = optimizer if isinstance(optimizer, type) else lambda weights, **_: optimizer(weights)
    recipe = make(kind)
    recipe.average = WeightAverage(recipe.net, 0.9)
    state = TrainingState(recipe.net, recipe.optimizer, recipe.average)

    def run(first: int, last: int) -> dict[str, torch.Tensor]:
        for step, indices in enumerate(mini_batches()[first:last]):
            train_step(recipe, indices, torch.tensor(step))
        return {name: tensor.clone() for name, tensor in (state.gradients() | state.kept()).items()}

    for first in (0, 6):  # before the optimizer has a state, and after
        snapshot = state.snapshot()
        once = run(first, first + 6)
        state.restore(snapshot)
        again = run(first, first + 6)
        assert once.keys() == again.keys()
        assert all(torch.equal(once[name], again[name]) for name in once)


def test_the_state_names_everything_a_step_changes():
    recipe = make()
    recipe.average = WeightAverage(recipe.net, 0.9)
    train_step(recipe, torch.arange(4), torch.tensor(0))
    state = TrainingState(recipe.net, recipe.optimizer, recipe.average)
    assert next(iter(state.gradients())) == "the gradient of 4.bias"  # the order in which backward writes
    kept = state.kept()
    for name in ("0.weight", "momentum_buffer of 4.bias", "the average of 2.weight", "the number of averaged updates"):
        assert name in kept
    assert len(kept) == 6 + 6 + 6 + 1


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_the_first_tensor_with_inf_or_nan_is_named(value):
    tensors = {"a": torch.ones(3), "b": torch.zeros(2, 2), "c": torch.ones(2), "count": torch.tensor(3)}
    assert first_nonfinite(tensors) is None
    tensors["c"][1] = tensors["b"][1, 0] = value
    assert first_nonfinite(tensors) == "b"
    assert first_nonfinite({"huge": torch.full((4,), 3e38)}) is None  # whose sum is not finite


class Watch:
    """Hooks that keep what they see."""

    def __init__(self, net: MLP) -> None:
        self.net, self.seen = net, list[tuple[str, object]]()

    def before_backward(self, loss: torch.Tensor) -> None:
        self.seen.append(("before", loss.clone()))
        self.seen.append(("old", [weight.grad for weight in self.net.parameters()]))

    def after_backward(self) -> None:
        self.seen.append(("after", [weight.grad.clone() for weight in self.net.parameters()]))
        self.seen.append(("weights", [weight.clone() for weight in self.net.parameters()]))


def test_hooks_are_called_around_the_backward_pass_and_change_no_bit():
    recipe, plain = (make(clip=partial(clip_by_norm, max_norm=1e-3)) for _ in range(2))
    recipe.hooks = watch = Watch(recipe.net)
    weights = [weight.clone() for weight in recipe.net.parameters()]
    unclipped = make()
    losses = [train_step(each, torch.arange(7), torch.tensor(0)) for each in (recipe, plain, unclipped)]
    assert [name for name, _ in watch.seen] == ["before", "old", "after", "weights"]
    seen = dict(watch.seen)
    assert torch.equal(seen["before"], losses[0])
    assert seen["old"] == [None] * 6
    for grad, weight, before, own in zip(
        seen["after"], seen["weights"], weights, unclipped.net.parameters(), strict=True
    ):
        assert torch.equal(grad, own.grad)
        assert torch.equal(weight, before)
    for ours, theirs in zip(recipe.net.parameters(), plain.net.parameters(), strict=True):
        assert torch.equal(ours, theirs)
        assert torch.equal(ours.grad, theirs.grad)
