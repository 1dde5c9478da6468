"""Compare the moving average with torch.optim.swa_utils.AveragedModel, on equal weights."""

import copy

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from torchnet import MLP, WeightAverage
from torchnet.engine.tape import Tape
from torchnet.engine.variants import same_bits

DECAYS = (0.0, 0.1, 0.5, 0.9, 0.999)


class Net(MLP):
    """A network with buffers like those of BatchNorm: running statistics and a count."""

    def __init__(self, sizes: tuple[int, ...] = (5, 6, 4), dtype: torch.dtype = torch.float64) -> None:
        super().__init__(sizes, generator=torch.Generator().manual_seed(0), dtype=dtype)
        self.register_buffer("running_mean", torch.full((3,), 2.0, dtype=dtype))
        self.register_buffer("count", torch.tensor(0))

    def change(self, step: int) -> None:
        generator = torch.Generator().manual_seed(step)
        for tensor in (*self.parameters(), self.running_mean):
            tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=torch.float64))
        self.count.fill_(3 * step + 1)


def expect_same_states(first: nn.Module, second: nn.Module) -> None:
    ours, theirs = first.state_dict(), second.state_dict()
    assert list(ours) == list(theirs)
    for name in ours:
        assert same_bits(ours[name], theirs[name]), name


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("steps", [0, 1, 2, 50])
def test_matches_torch(decay, steps, expect_equal):
    net = Net()
    ours = WeightAverage(net, decay)
    theirs = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    for step in range(steps):
        net.change(step)
        ours.update(net)
        theirs.update_parameters(net)
    expected = theirs.module.state_dict()
    assert list(ours.net.state_dict()) == list(expected)
    for name, average in ours.net.state_dict().items():
        if name != "count":
            expect_equal(f"{name}, {steps} steps of decay {decay}", average, expected[name], "AveragedModel", 1e-15)
    assert ours.net.count == net.count  # torch rounds the mean of integers down
    assert ours.updates.item() == theirs.n_averaged.item() == steps


@pytest.mark.parametrize("decay", DECAYS)
def test_matches_the_formula_written_as_a_sum(decay, expect_equal):
    net = Net()
    average = WeightAverage(net, decay)
    seen = []
    for step in range(10):
        net.change(step)
        average.update(net)
        seen.append(net[0].weight.clone())
    expected = decay**9 * seen[0] + sum((1 - decay) * decay ** (9 - k) * seen[k] for k in range(1, 10))
    expect_equal(f"average of decay {decay}", average.net[0].weight, expected, "the sum in full", 1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("decay", DECAYS)
def test_the_first_update_copies_to_the_last_bit(decay, dtype):
    net = Net(dtype=dtype)
    average = WeightAverage(net, decay)
    net.change(1)
    average.update(net)
    expect_same_states(average.net, net)


def test_the_network_is_copied_and_not_changed():
    net = Net()
    average = WeightAverage(net, 0.5)
    before = copy.deepcopy(net)
    first = average.net[0].weight
    for _ in range(3):
        average.update(net)
    expect_same_states(net, before)
    assert average.net[0].weight is first  # in place
    ours, copied = ({tensor.data_ptr() for tensor in each.state_dict().values()} for each in (net, average.net))
    assert not ours & copied
    assert type(average.net) is Net


def test_it_is_captured_and_replayed_from_the_first_update_on():
    nets = [Net() for _ in range(2)]
    averages = [WeightAverage(net, 0.9) for net in nets]
    start = copy.deepcopy(averages[0].state_dict())
    tape = Tape(lambda: averages[0].update(nets[0]))
    assert not tape.allocating
    averages[0].load_state_dict(start)
    for step in range(4):
        for net in nets:
            net.change(step)
        tape.replay()
        averages[1].update(nets[1])
        expect_same_states(*averages)


def test_it_resumes_from_its_state_dict():
    net = Net()
    straight = WeightAverage(net, 0.9)
    for step in range(6):
        net.change(step)
        straight.update(net)
        if step == 2:
            resumed = WeightAverage(Net(), 0.9)
            resumed.load_state_dict(straight.state_dict())
        if step > 2:
            resumed.update(net)
    expect_same_states(straight, resumed)


def test_it_moves_with_to_and_is_evaluated_as_a_network():
    net = Net()
    average = WeightAverage(net, 0.9).to(torch.float32)
    assert {weight.dtype for weight in average.net.parameters()} == {torch.float32}
    assert not any(weight.requires_grad for weight in average.parameters())
    assert average.updates.dtype == torch.int64
    assert not average.eval().net.training
    assert average.net(torch.ones(2, 5)).shape == (2, 4)


def test_a_module_trained_by_autograd_can_be_averaged():
    twin = nn.Linear(3, 2)
    average = WeightAverage(twin, 0.9)
    average.update(twin)
    average.update(twin)
    assert same_bits(average.net.weight.detach(), twin.weight.detach())


@pytest.mark.parametrize("decay", [-0.1, 1.0, 1.5, float("nan")])
def test_a_decay_out_of_range_is_refused(decay):
    with pytest.raises(ValueError, match=f"decay: expected a number from 0 up and below 1, got {decay}"):
        WeightAverage(Net(), decay)


@pytest.mark.parametrize("other", [MLP((5, 6, 4)), Net((5, 7, 4)), Net((5, 4)), Net((5, 1, 4))], ids=str)
def test_another_network_is_refused(other):
    average = WeightAverage(Net(), 0.9)
    before = copy.deepcopy(average)
    with pytest.raises(ValueError, match=r"expected a network with .*'0.weight': \(6, 5\).*: it is not the one aver"):
        average.update(other)
    expect_same_states(average, before)
