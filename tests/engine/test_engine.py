"""The engine against the plain step (bit for bit), and against autograd with torch's own optimizers."""

import copy
import gc
import sys
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

import torchnet.engine.replay
from torchnet import ELU, GELU, MLP, SGD, BatchNorm1d, LeakyReLU, Linear, Softplus, set_step
from torchnet.averaging import WeightAverage
from torchnet.clipping import clip_by_norm, clip_by_value
from torchnet.engine import Engine
from torchnet.engine.cuda_graph import Graph
from torchnet.engine.tape import CaptureError, Tape
from torchnet.engine.variants import same_bits
from torchnet.layers import ACTIVATIONS
from torchnet.losses import LOSSES
from torchnet.step import train_step

from ..fakes import pretend_cuda_graphs
from ..layers.twins import BLOCKS
from ..test_network import PAIRS, autograd_loss, autograd_twin

SAMPLES, CLASSES = 40, 4
IMAGES = torch.randint(0, 256, (SAMPLES, 5), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
LABELS = torch.randint(0, CLASSES, (SAMPLES,), generator=torch.Generator().manual_seed(1))
ROWS = torch.rand((SAMPLES, CLASSES), generator=torch.Generator().manual_seed(2))
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda weights: SGD(weights, lr=0.5),
    "Nesterov": lambda weights: SGD(weights, lr=0.5, momentum=0.9, nesterov=True, weight_decay=0.01),
    "damped": lambda weights: SGD(weights, lr=0.5, momentum=0.9, dampening=0.4),
    "torch SGD": lambda weights: torch.optim.SGD(weights, lr=0.5, momentum=0.9, foreach=False),
    "torch SGD foreach": lambda weights: torch.optim.SGD(weights, lr=0.5, momentum=0.9, foreach=True),
    "Adam": lambda weights: torch.optim.Adam(weights, lr=0.01),
    "AdamW": lambda weights: torch.optim.AdamW(weights, lr=0.01, amsgrad=True),
    "fused AdamW": lambda weights: torch.optim.AdamW(weights, lr=0.01, amsgrad=True, fused=True),
    "fused Adam": lambda weights: torch.optim.Adam(weights, lr=0.01, weight_decay=0.1, fused=True),
    "fused SGD": lambda weights: torch.optim.SGD(weights, lr=0.5, momentum=0.9, nesterov=True, fused=True),
    "fused Adagrad": lambda weights: torch.optim.Adagrad(weights, lr=0.1, lr_decay=0.01, fused=True),
}


def order(seed: int, n: int = SAMPLES) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def engine(
    net: Any = None,
    optimizer: str = "Nesterov",
    loss: str = "cross_entropy",
    targets: Tensor = LABELS,
    captured: bool = True,
    **options: Any,
) -> Engine:
    net = mlp() if net is None else net
    way = "captured" if captured else "eager"
    return Engine(net, LOSSES[loss], OPTIMIZERS[optimizer](net.parameters()), IMAGES, targets, way=way, **options)


def mlp(sizes: tuple[int, ...] = (5, 6, CLASSES), kind: type[MLP] = MLP, **options: Any) -> MLP:
    return kind(sizes, generator=torch.Generator().manual_seed(3), **options)


def train(trained: Engine, epochs: int = 4, batch_size: int = 7, **options: Any) -> Tensor:
    return torch.cat([trained.run(order(epoch), batch_size, **options) for epoch in range(epochs)])


def rates(lrs: list[float] | None) -> list[dict[str, float]] | None:
    return None if lrs is None else [{"lr": lr} for lr in lrs]


def expect_same(first: Engine, second: Engine) -> None:
    """Assert that two engines hold the same bits, in the weights and in all that their optimizers keep."""
    assert all(map(same_bits, first.recipe.net.parameters(), second.recipe.net.parameters()))
    tensors = [
        [value for state in e.recipe.optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]
        for e in (first, second)
    ]
    assert len(tensors[0]) == len(tensors[1])
    assert all(map(same_bits, *tensors))


def both_ways(act: Callable[[Engine], Tensor], make: Callable[..., Engine] = engine, **options: Any) -> None:
    """Assert that the same happens to a captured and to a plain engine, bit for bit."""
    captured, plain = (make(captured=captured, **options) for captured in (True, False))
    assert same_bits(act(captured), act(plain))
    expect_same(captured, plain)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("lrs", [None, [0.3 / (k + 1) for k in range(6)]], ids=["own lr", "lrs"])
def test_captured_is_plain_with_every_optimizer(optimizer, lrs):
    both_ways(lambda e: train(e, schedule=rates(lrs)), optimizer=optimizer)


@pytest.mark.parametrize("optimizer", ["Nesterov", "damped", "AdamW", "fused AdamW"])
def test_captured_is_plain_with_a_momentum_that_varies(optimizer):
    name, values = ("betas", [(0.9 - k / 20, 0.99) for k in range(6)])
    if "AdamW" not in optimizer:
        name, values = "momentum", [0.9 - k / 10 for k in range(6)]
    schedule = [{"lr": 0.1 / (k + 1), name: value} for k, value in enumerate(values)]
    both_ways(lambda e: torch.cat([train(e), train(e, schedule=schedule), train(e)]), optimizer=optimizer)


PARTS: dict[str, Callable[[MLP], dict[str, Any]]] = {
    "deformation": lambda net: {"augment": lambda images, step, start: images * (1 + step / 7)},
    "clip by norm": lambda net: {"clip": partial(clip_by_norm, max_norm=0.1)},
    "clip by value": lambda net: {"clip": partial(clip_by_value, max_value=0.01)},
    "average": lambda net: {"average": WeightAverage(net, 0.9)},
}


@pytest.mark.parametrize("optimizer", ["Nesterov", "AdamW", "fused AdamW"])
@pytest.mark.parametrize("part", PARTS)
def test_parts_of_a_step_do_not_depend_on_how_it_is_taken(part, optimizer):
    engines = []
    for captured, block_size in ((True, 100), (True, 4), (False, 7)):
        net = mlp(normalization="batch_norm", dropout=0.3, activation="gelu")
        engines.append(engine(net, optimizer, captured=captured, block_size=block_size, **PARTS[part](net)))
    losses = [train(e, step=None) for e in engines]
    plain = engine(mlp(normalization="batch_norm", dropout=0.3, activation="gelu"), optimizer)
    changed = not torch.equal(losses[0], train(plain))
    assert changed == (part != "average")
    for e, of_this in zip(engines[1:], losses[1:], strict=True):
        assert same_bits(losses[0], of_this)
        expect_same(engines[0], e)
        if e.recipe.average is not None:
            assert all(
                map(same_bits, engines[0].recipe.average.state_dict().values(), e.recipe.average.state_dict().values())
            )


@pytest.mark.parametrize("captured", [True, False])
def test_what_is_random_is_a_function_of_the_number_of_the_step(captured):
    def make() -> Engine:
        return engine(mlp(dropout=0.5), captured=captured, augment=lambda images, step, start: images * (1 + step / 7))

    through, resumed = make(), make()
    train(through, 2)
    state = copy.deepcopy((through.recipe.net.state_dict(), through.recipe.optimizer.state_dict()))
    expected = train(through, 2)
    resumed.recipe.net.load_state_dict(state[0])
    resumed.recipe.optimizer.load_state_dict(state[1])
    again = torch.cat([resumed.run(order(epoch), 7, step=12 + 6 * epoch) for epoch in range(2)])
    assert same_bits(again, expected)
    expect_same(resumed, through)


@pytest.mark.parametrize("optimizer", ["Nesterov", "AdamW"])
def test_hooks_see_every_step_and_change_no_bit(optimizer):
    class Keep:
        def __init__(self) -> None:
            self.losses, self.grads = list[Tensor](), 0

        def before_backward(self, loss: Tensor) -> None:
            self.losses.append(loss.clone())

        def after_backward(self) -> None:
            self.grads += 1

    keep = Keep()
    seen, plain = engine(optimizer=optimizer, clip=tiny, hooks=keep), engine(optimizer=optimizer, clip=tiny)
    assert seen.way.name == "eager"
    losses = train(seen)
    assert same_bits(losses, train(plain))
    expect_same(seen, plain)
    assert same_bits(torch.stack(keep.losses), losses)
    assert keep.grads == len(losses) == 24


@pytest.mark.parametrize("captured", [True, False])
def test_unclipped_gradients_are_kept_if_they_are_wanted(captured):
    free, clipped = (engine(optimizer="SGD", captured=captured, clip=clip) for clip in (None, tiny))
    clipped.keep_unclipped()
    for e in (free, clipped):
        e.recipe.optimizer.param_groups[0]["lr"] = 0.0
        train(e)
    for name, weight in free.recipe.net.named_parameters():
        assert same_bits(clipped.unclipped[name], weight.grad)
        assert not torch.equal(clipped.recipe.net.get_parameter(name).grad, weight.grad)


def tiny(weights: Any) -> None:
    clip_by_norm(weights, 1e-3)


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
@pytest.mark.parametrize(
    "targets",
    [LABELS, ROWS, *(pytest.param(t, marks=pytest.mark.sweep) for t in (LABELS.byte(), ROWS.double()))],
    ids=lambda t: f"{t.dtype}",
)
@pytest.mark.parametrize(
    "types", [{}, {"dtype": torch.float64}, {"dtype": torch.bfloat16}, {"matmul_dtype": torch.bfloat16}], ids=str
)
def test_captured_is_plain_in_every_type(loss, activation, targets, types):
    def make(captured: bool) -> Engine:
        return engine(mlp(activation=activation, **types), loss=loss, targets=targets, captured=captured)

    both_ways(train, make)


@pytest.mark.parametrize(
    "make_layer",
    [
        lambda: LeakyReLU(0.3),
        lambda: ELU(0.6),
        lambda: GELU("tanh"),
        lambda: Softplus(0.5, 1.5),
        lambda: Linear(6, 6, initializer=eye, bias=False),
    ],
    ids=lambda make_layer: type(make_layer()).__name__,
)
def test_a_layer_with_arguments_is_replayed(make_layer):
    def make(captured: bool) -> Engine:
        net = mlp()
        net[1] = make_layer()
        return engine(net, captured=captured)

    both_ways(train, make)


def eye(shape: Any, generator: Any, dtype: Any) -> Tensor:
    return torch.eye(*shape, dtype=dtype)


def with_block(block: str, dtype: torch.dtype = torch.float32) -> MLP:
    torch.manual_seed(0)
    net = mlp((5, 6, 6, CLASSES), activation="tanh", dtype=dtype)
    for i in (4, 2):
        net.insert(i, BLOCKS[block](6).to(dtype))
    return net


@pytest.mark.parametrize("block", [*BLOCKS, "batch norm, mean over all"])
@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float64, marks=pytest.mark.sweep)])
@pytest.mark.parametrize("graph", [False, True])
def test_captured_is_plain_with_every_block_in_blocks_of_any_size(block, dtype, graph, monkeypatch):
    if graph:
        pretend_cuda_graphs(monkeypatch)
        monkeypatch.setattr(torchnet.engine.replay, "capture", lambda step, device: Graph(step))
    nets, losses = [], []
    for size, captured in ((100, False), (100, True), (3, True), (1, True), (2, False)):
        net = with_block(block.removesuffix(", mean over all"), dtype)
        for module in net.modules():
            if isinstance(module, BatchNorm1d) and block.endswith("mean over all"):
                module.momentum = None
        e = engine(net, block_size=size, captured=captured)
        run = [train(e, 3)]
        set_step(net, 18)  # as a trainer does that resumes after 18 steps: to the engine nothing is new
        losses.append(torch.cat([*run, train(e, 2, batch_size=8)]))
        nets.append(net)
    states = [dict([*net.named_parameters(), *net.named_buffers()]) for net in nets]
    for other, loss in zip(states[1:], losses[1:], strict=True):
        assert same_bits(loss, losses[0])
        assert all(same_bits(other[key], tensor) for key, tensor in states[0].items())
    steps = [tensor for key, tensor in states[0].items() if key.endswith("step")]
    assert all(step == 18 + 10 for step in steps)


def test_masks_are_those_of_the_global_step_in_a_run_that_resumes():
    whole, first = (engine(with_block("dropout"), "SGD") for _ in range(2))
    expected = train(whole, 4)
    got = [train(first, 2)]
    net = with_block("dropout")
    net.load_state_dict(first.recipe.net.state_dict())
    second = engine(net, "SGD")
    got += [second.run(order(2), 7, step=12), second.run(order(3), 7)]
    assert same_bits(torch.cat(got), expected)
    expect_same(second, whole)


@pytest.mark.parametrize("block", BLOCKS)
def test_every_operation_of_a_block_writes_into_memory_that_is_there(block, tapes):
    train(engine(with_block(block)))
    assert len(tapes) == 2
    assert not any(tape.allocating for tape in tapes)


@settings(max_examples=40)
@given(
    hidden=st.lists(st.integers(1, 9), max_size=3),
    activation=st.sampled_from(list(ACTIVATIONS)),
    loss=st.sampled_from(list(LOSSES)),
    optimizer=st.sampled_from(list(OPTIMIZERS)),
    blocks=st.lists(st.integers(1, 12), min_size=2, max_size=2),
    batch_size=st.integers(1, SAMPLES + 5),
    divisor=st.sampled_from([None, 7]),
)
def test_any_network_in_blocks_of_any_size_is_the_plain_one(
    hidden, activation, loss, optimizer, blocks, batch_size, divisor
):
    engines = [
        engine(mlp((5, *hidden, CLASSES), activation=activation), optimizer, loss, block_size=size, captured=captured)
        for size, captured in ((blocks[0], True), (blocks[1], True), (40, False))
    ]
    losses = [train(e, batch_size=batch_size, divisor=divisor) for e in engines]
    for other, of_other in zip(engines[1:], losses[1:], strict=True):
        assert same_bits(losses[0], of_other)
        expect_same(engines[0], other)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("optimizer", "peer"),
    [
        ("SGD", lambda weights: torch.optim.SGD(weights, lr=0.5)),
        ("Nesterov", lambda weights: torch.optim.SGD(weights, 0.5, 0.9, nesterov=True, weight_decay=0.01)),
        ("Adam", lambda weights: torch.optim.Adam(weights, lr=0.01)),
    ],
)
def test_matches_autograd_and_torch_optim_over_300_steps(loss, optimizer, peer, expect_equal):
    net = mlp(dtype=torch.float64, activation="tanh")
    twin = autograd_twin(net)
    theirs = peer(twin.parameters())
    lrs = [0.05 / (1 + k) for k in range(6)]
    train(engine(net, optimizer, loss), 50, schedule=rates(lrs))
    for epoch in range(50):
        for lr, chosen in zip(lrs, order(epoch).split(7), strict=True):
            theirs.param_groups[0]["lr"] = lr
            theirs.zero_grad()
            autograd_loss(loss, twin(IMAGES[chosen].double() / 255), LABELS[chosen]).backward()
            theirs.step()
    for (name, weight), expected in zip(net.named_parameters(), twin.parameters(), strict=True):
        expect_equal(f"{name} after 300 steps of {optimizer}", weight, expected.detach(), "autograd and torch.optim")


def test_losses_are_those_of_each_mini_batch_before_its_step():
    e, net = engine(optimizer="SGD"), mlp()
    got = e.run(order(0), 7, divisor=9, schedule=rates([0.0] * 6))
    expected = [LOSSES["cross_entropy"](net(IMAGES[i] / 255), LABELS[i], 9)[0] for i in order(0).split(7)]
    torch.testing.assert_close(got, torch.stack(expected))


# Updates that are captured with the step.


def plain_train(e: Engine, lrs: list[float], epochs: int = 4) -> None:
    """Train without an engine, as one would with torch's optimizer alone."""
    for epoch in range(epochs):
        for step, (lr, indices) in enumerate(zip(lrs, order(epoch).split(7), strict=True)):
            e.recipe.optimizer.param_groups[0]["lr"] = lr
            train_step(e.recipe, indices, torch.tensor(6 * epoch + step))


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name.startswith("fused")])
@pytest.mark.parametrize("captured", [True, False])
def test_a_fused_update_is_that_of_torch_bit_for_bit(optimizer, captured, tapes):
    lrs = [0.3 / (k + 1) for k in range(6)]
    nets = [mlp(normalization="batch_norm") for _ in range(2)]
    e, plain = (engine(net, optimizer, captured=captured, average=WeightAverage(net, 0.9)) for net in nets)
    train(e, schedule=rates(lrs))
    plain_train(plain, lrs)
    assert len(tapes) == 2 * captured
    assert all(block.options is not None for block in e._blocks.values())
    expect_same(e, plain)
    assert all(map(same_bits, e.recipe.average.state_dict().values(), plain.recipe.average.state_dict().values()))


CAPTURABLE = ["ASGD", "Adadelta", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Rprop"]


@pytest.fixture
def pretend_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the engine, and the optimizers of torch, take the processor for a GPU."""
    pretend_cuda_graphs(monkeypatch)
    monkeypatch.setattr(torchnet.engine.replay, "capture", lambda step, device: Graph(step))
    monkeypatch.setattr(torchnet.engine.step_options, "_is_gpu", lambda device: True)
    for name in CAPTURABLE:
        module = sys.modules[getattr(torch.optim, name).__module__]
        if hasattr(module, "_get_capturable_supported_devices"):
            monkeypatch.setattr(module, "_get_capturable_supported_devices", lambda *_, **__: ["cpu"])


@pytest.mark.parametrize("kind", CAPTURABLE)
def test_a_capturable_update_is_captured_on_a_gpu(kind, pretend_gpu):
    def make(captured: bool) -> Engine:
        e = engine(mlp(dtype=torch.float64), captured=captured)
        e.recipe.optimizer = getattr(torch.optim, kind)(e.recipe.net.parameters(), lr=0.02, foreach=True)
        e.recipe.average = WeightAverage(e.recipe.net, 0.9)
        return e

    lrs = [0.02 / (k + 1) for k in range(6)]
    captured, eager, plain = make(True), make(False), make(False)
    for e in (captured, eager):
        train(e, schedule=rates(lrs))
        (group,) = e.recipe.optimizer.param_groups
        assert group["lr"] == 0.02
        assert isinstance(group["lr"], float)
        assert group["capturable"] is False
    expect_same(captured, eager)
    plain_train(plain, lrs)
    for one, other in zip(captured.recipe.net.parameters(), plain.recipe.net.parameters(), strict=True):
        # They have changed by 0.1 and more. The correction of the bias is float32 if it is on a GPU.
        torch.testing.assert_close(one, other, rtol=0, atol=3e-5)
    assert all(block.options is not None for block in captured._blocks.values())


@pytest.mark.parametrize("kind", ["Adadelta", "Adam", "RMSprop"])
def test_an_update_that_reads_numbers_of_python_is_not_captured(kind, pretend_gpu):
    def make(captured: bool) -> Engine:
        e = engine(captured=captured)
        e.recipe.optimizer = getattr(torch.optim, kind)(e.recipe.net.parameters(), lr=0.02, foreach=False)
        return e

    both_ways(train, make)


@pytest.mark.parametrize("optimizer", ["fused AdamW", "fused SGD"])
def test_training_goes_on_from_a_state_dict_of_a_captured_update(optimizer):
    lrs = [0.3 / (k + 1) for k in range(6)]
    whole, first, second = (engine(optimizer=optimizer) for _ in range(3))
    train(whole, 4, schedule=rates(lrs))
    train(first, 2, schedule=rates(lrs))
    state = copy.deepcopy(first.recipe.optimizer.state_dict())
    assert isinstance(state["param_groups"][0]["lr"], float)
    second.recipe.net.load_state_dict(first.recipe.net.state_dict())
    second.recipe.optimizer.load_state_dict(state)
    for epoch in (2, 3):
        second.run(order(epoch), 7, schedule=rates(lrs))
    expect_same(second, whole)


def test_hooks_of_an_optimizer_are_called_in_every_step():
    e, calls = engine(optimizer="fused Adam"), []
    e.recipe.optimizer.register_step_post_hook(lambda *_: calls.append(1))
    assert len(calls) == 0
    assert len(train(e)) == len(calls) == 24


# What may happen between two runs of an engine.


def zero_grad(e: Engine) -> None:
    e.recipe.optimizer.zero_grad()


def load_states(e: Engine) -> None:
    e.recipe.optimizer.load_state_dict(copy.deepcopy(e.recipe.optimizer.state_dict()))
    e.recipe.net.load_state_dict({name: weight / 2 for name, weight in e.recipe.net.state_dict().items()})


def forget_momentum(e: Engine) -> None:
    e.recipe.optimizer.state.clear()


def replace_weights(e: Engine) -> None:
    for weight in e.recipe.net.parameters():
        weight.data = weight.data * 0.9


def options(**changed: float) -> Callable[[Engine], None]:
    return lambda e: e.recipe.optimizer.param_groups[0].update(changed)


def double(e: Engine) -> None:
    e.recipe.net.to(torch.float64)


def add_group(e: Engine) -> None:
    e.recipe.optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2))], "lr": 0.1})


def other_data(e: Engine) -> None:
    e.recipe.images, e.recipe.targets = e.recipe.images.flip(0), e.recipe.targets.flip(0).clone()


def other_loss(e: Engine) -> None:
    e.recipe.loss = LOSSES["one_vs_rest_cross_entropy"]


def longer_blocks(e: Engine) -> None:
    e.block_size = 100


def break_a_weight(e: Engine) -> None:
    e.recipe.net[0].weight[0, 0] = torch.nan


BETWEEN = [zero_grad, load_states, forget_momentum, replace_weights, double, add_group, other_data, other_loss]
BETWEEN += [longer_blocks, break_a_weight, options(lr=0.1), options(momentum=0.5), options(weight_decay=0.3)]


@pytest.mark.parametrize("between", BETWEEN, ids=lambda f: f.__name__)
def test_what_happens_between_runs_is_heeded(between):
    def act(e: Engine) -> Tensor:
        before = train(e)
        between(e)
        return torch.cat([before, train(e)])

    both_ways(act, block_size=3)


def test_sizes_and_divisors_in_turns():
    def act(e: Engine) -> Tensor:
        return torch.cat([e.run(order(i), (3, 7, 50)[i % 3], (None, 8)[i % 2]) for i in range(24)])

    both_ways(act)


def test_groups_with_learning_rates_of_their_own():
    def make(captured: bool) -> Engine:
        e = engine(captured=captured)
        groups = [
            {"params": [*e.recipe.net[0].parameters()], "lr": 0.5},
            {"params": [*e.recipe.net[2].parameters()], "lr": 0.01},
        ]
        e.recipe.optimizer = SGD(groups, momentum=0.9)
        return e

    both_ways(
        lambda e: torch.cat([train(e), train(e, schedule=rates([0.5 / (k + 1) for k in range(6)])), train(e)]), make
    )


@pytest.mark.parametrize("captured", [True, False])
def test_learning_rates_may_begin_to_vary_and_cease_to(captured):
    in_turns, always = engine(captured=captured), engine(captured=captured)
    varied = [0.5 / (k + 1) for k in range(6)]
    for own, lrs in ((None, [0.5] * 6), (varied, varied), (None, [0.5] * 6)):
        train(in_turns, schedule=rates(own))
        train(always, schedule=rates(lrs))
    expect_same(in_turns, always)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "fused Adam"])
@pytest.mark.parametrize("captured", [True, False])
def test_learning_rates_of_the_groups_are_as_before(optimizer, captured):
    e = engine(optimizer=optimizer, captured=captured)
    own = e.recipe.optimizer.param_groups[0]["lr"]
    train(e, schedule=rates([0.3] * 6))
    assert e.recipe.optimizer.param_groups[0]["lr"] is own
    with pytest.raises(IndexError):
        e.run(torch.tensor([SAMPLES]), 1, schedule=rates([0.3]))
    assert e.recipe.optimizer.param_groups[0]["lr"] is own


@pytest.mark.parametrize("bad", range(0, SAMPLES, 3))
def test_training_goes_on_after_an_error_in_the_middle_of_a_block(bad):
    def act(e: Engine) -> Tensor:
        wrong = order(0).index_fill(0, torch.tensor([bad]), SAMPLES)
        with pytest.raises(IndexError):
            e.run(wrong, 7)
        first = train(e)
        with pytest.raises(IndexError):
            e.run(wrong, 7)
        return torch.cat([first, train(e)])

    both_ways(act)


# Networks that keep something from step to step.


class Counter(MLP):
    """Every other step differs."""

    steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        return super().forward(x) * (1 + self.steps % 2)


class Rebound(MLP):
    """Reads in each step what the last one has left in another tensor."""

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x) + getattr(self, "last", 0)
        self.last = logits.mean(0)
        return logits


class ReadsNumpy(MLP):
    """Computes with a number that torch does not know of."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1 + x.numpy().item(0))


class Random(MLP):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + torch.rand(CLASSES)


class Item(MLP):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * x[0, 0].item()


class Statistics(MLP):
    """Counts in a tensor that is no buffer, and keeps the last mean."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.total = torch.zeros(CLASSES)
        self.scale = torch.full((1,), 0.5).expand(CLASSES)  # cannot be written into

    def forward(self, x: Tensor) -> Tensor:
        logits = super().forward(x) * self.scale
        self.total.add_(logits.mean(0))
        self.last = logits.mean(0)
        return logits


@pytest.mark.parametrize("kind", [Counter, Rebound, ReadsNumpy, Random, Item])
def test_a_network_that_cannot_be_replayed_is_refused(kind):
    with pytest.raises(CaptureError):
        train(engine(mlp(kind=kind)))
    train(engine(mlp(kind=kind), captured=False))


@pytest.mark.parametrize("epochs", [1, 2, 5])
@pytest.mark.parametrize("batch_size", [7, 8])
def test_tensors_in_attributes_follow_the_replay(epochs, batch_size):
    captured, plain = (engine(mlp(kind=Statistics), captured=captured) for captured in (True, False))
    for e in (captured, plain):
        train(e, epochs, batch_size)
        e.recipe.net.total = e.recipe.net.total * 2
        train(e, epochs, batch_size)
    expect_same(captured, plain)
    assert same_bits(captured.recipe.net.total, plain.recipe.net.total)
    assert same_bits(captured.recipe.net.last, plain.recipe.net.last)


def test_grads_are_those_of_the_last_step():
    captured, plain = (engine(captured=captured) for captured in (True, False))
    for e in (captured, plain):
        train(e)
    for weight, expected in zip(captured.recipe.net.parameters(), plain.recipe.net.parameters(), strict=True):
        assert same_bits(weight.grad, expected.grad)


# Memory.


@pytest.fixture
def tapes(monkeypatch: pytest.MonkeyPatch) -> list[Tape]:
    """The tapes that are recorded."""
    found: list[Tape] = []

    def capture(step: Callable[[], Any], device: torch.device) -> Tape:
        found.append(Tape(step))
        return found[-1]

    monkeypatch.setattr(torchnet.engine.replay, "capture", capture)
    return found


def allocated(replay: Callable[[], None]) -> list[int]:
    # acc_events: torch 2.11 warns that it clears the events of earlier cycles, of which there are none.
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiled:
        replay()
    events = profiled.profiler.kineto_results.events()
    return [event.nbytes() for event in events if event.name() == "[memory]" and event.nbytes() > 0]


@pytest.mark.parametrize(("activation", "loss"), PAIRS)
@pytest.mark.parametrize("targets", [LABELS, ROWS], ids=["classes", "rows"])
@pytest.mark.parametrize(
    "types", [{}, {"dtype": torch.float64}, {"dtype": torch.bfloat16}, {"matmul_dtype": torch.bfloat16}], ids=str
)
def test_every_operation_of_a_step_writes_into_memory_that_is_there(activation, loss, targets, types, tapes):
    train(engine(mlp(activation=activation, **types), loss=loss, targets=targets))
    assert len(tapes) == 2  # of two sizes
    assert not any(tape.allocating for tape in tapes)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
@pytest.mark.parametrize("targets", [LABELS, ROWS], ids=["classes", "rows"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_replay_allocates_nothing_but_the_numbers_of_python(activation, targets, dtype, tapes):
    e = engine(mlp(activation=activation, dtype=dtype), targets=targets)
    train(e)
    assert max(allocated(tapes[0].replay)) <= 8  # a number that stands in the code is a tensor of one for a moment


def test_an_engine_that_is_dropped_gives_its_memory_back_while_its_network_lives_on():
    net = mlp()
    e = engine(net)
    train(e)
    step = weakref.ref(next(iter(e._blocks.values())))
    engine_itself = weakref.ref(e)
    del e
    gc.collect()
    assert step() is None
    assert engine_itself() is None


def test_steps_are_captured_anew_only_if_something_changed(tapes):
    e = engine()
    train(e, 6)
    assert len(tapes) == 2
    options(lr=0.1)(e)
    zero_grad(e)
    train(e, 6)
    assert len(tapes) == 2
    options(weight_decay=0.5)(e)
    train(e, 6)
    assert len(tapes) == 4


# The logic around CUDA graphs, on the processor.


@pytest.mark.parametrize("optimizer", ["SGD", "Nesterov", "Adam", "fused Adam"])
@pytest.mark.parametrize("between", BETWEEN, ids=lambda f: f.__name__)
def test_cuda_graphs_are_the_plain_step(optimizer, between, monkeypatch):
    pretend_cuda_graphs(monkeypatch)
    monkeypatch.setattr(torchnet.engine.replay, "capture", lambda step, device: Graph(step))
    if "Adam" in optimizer and between in (double, forget_momentum):
        pytest.skip("Adam keeps float32 moments of weights that became float64")

    def act(e: Engine) -> Tensor:
        before = train(e)
        between(e)
        return torch.cat([before, train(e, schedule=rates([0.1] * 6))])

    both_ways(act, optimizer=optimizer)


@pytest.mark.parametrize(
    ("indices", "batch_size", "lrs", "message"),
    [
        (order(0)[:0], 7, None, "expected samples"),
        (order(0), 0, None, "batch_size from 1"),
        (order(0), 7, [0.1] * 5, "expected a schedule of 6 steps"),
        (order(0) > 3, 7, None, r"torch.int64, got torch.bool"),
        (order(0).float(), 7, None, r"torch.int64, got torch.float32"),
    ],
)
def test_what_makes_no_sense_is_refused(indices, batch_size, lrs, message):
    with pytest.raises(ValueError, match=message):
        engine().run(indices, batch_size, schedule=rates(lrs))
