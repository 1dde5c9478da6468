"""The tape: a replay makes, on other numbers, the very bits that the step itself makes of them."""

import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from torchnet.engine.cuda_graph import Graph
from torchnet.engine.tape import CaptureError, Tape
from torchnet.engine.variants import same_bits

from ..fakes import pretend_cuda_graphs

X, OTHER = torch.randn((2, 4, 4), generator=torch.Generator().manual_seed(0))


def tape_of(function: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tape, Tensor]:
    """Return a tape of out.copy_(function(x)), and out."""
    out = torch.empty_like(function(x.clone()))
    return Tape(lambda: out.copy_(function(x))), out


def in_list(x: Tensor) -> Tensor:
    kept = [x * i for i in range(4)]
    return kept[0] + kept[3] + x * 5 + kept[1]


def in_cycle(x: Tensor) -> Tensor:
    cycle: list = [x * 2]
    cycle.append(cycle)
    total = cycle[0] + x
    del cycle
    gc.collect()
    return x * 3 + x * 4 + total


def held_by_grad_only(x: Tensor) -> Tensor:
    weight = torch.nn.Parameter(torch.zeros(4, 4), requires_grad=False)
    weight.grad = x * 2
    return x * 3 + x * 4 + weight.grad


def held_by_view_only(x: Tensor) -> Tensor:
    view = (x * 2).view(2, 8)[:, ::2].T
    return (x * 3 + x * 4).view(4, 4)[:, :2] + view


def in_place_on_view(x: Tensor) -> Tensor:
    y = x * 1
    y.view(16)[::3].mul_(2)[1:].add_(x[0, 0])
    return y + x * 3


def new_tensor_changed_in_place(x: Tensor) -> Tensor:
    return torch.tensor(1.0).add_(x.sum()) + torch.arange(4.0).mul_(x[0]) + torch.zeros_like(x).scatter_(1, COLUMNS, x)


def made_anew(x: Tensor) -> Tensor:
    y = functional.conv2d(x[None, None], X[:3, :3].expand(3, 1, 3, 3), padding=1)
    view = y[0, 1].T
    y.mul_(2)[:, 2].add_(x)
    return view + functional.conv2d(y, X[:3, :3].expand(1, 3, 3, 3), padding=1)[0, 0] + y[0, 2]


COLUMNS = torch.tensor([[1], [0], [2], [3]])
STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "results kept in a list": in_list,
    "results kept in a cycle": in_cycle,
    "a result held by .grad only": held_by_grad_only,
    "a result held by a view only": held_by_view_only,
    "in place on a view of a view": in_place_on_view,
    "new tensors changed in place": new_tensor_changed_in_place,
    "several results": lambda x: x.max(1)[0] + x.max(1)[1] + x.topk(2)[0].sum() + torch.var_mean(x, 0)[1],
    "a list of results": lambda x: torch.unbind_copy(x)[0] + torch._foreach_add([x, x], 1)[1][0],
    "an empty result beside another": lambda x: torch.linalg.slogdet(x @ x.T + torch.eye(4))[1] + x[:, :0].sum(),
    "two empty results": lambda x: x.topk(0)[0].softmax(1).sum() + x,
    "not contiguous": lambda x: (x.T * 2).clone() + x.expand(2, 4, 4).sum(0).T,
    "numbers of Python": lambda x: 0.1 - x + (3 - (x > 0).int()) + torch.rsub(x, 2, alpha=3) * 1e-9,
    "types": lambda x: x.double() * 0.1 + (x > 0) * 2 + x.bfloat16() + x.sum(dtype=torch.float64),
    "complex": lambda x: torch.complex(x, x * 2).conj().imag * 2,
    "out given by the step": lambda x: torch.add(x, x, out=x * 2) + x * 3,
    "running statistics": lambda x: functional.batch_norm(x, torch.zeros(4), torch.ones(4), training=True),
    "an out= of torch that is wrong": lambda x: functional.binary_cross_entropy(x.sigmoid(), x.sigmoid()),
    "masked_fill of a row": lambda x: x[0].masked_fill(x > 0, 7.0) + x.relu(),
    "results that every replay makes anew": made_anew,
    "numbers of unwritten memory": lambda x: torch.empty(4, 4).copy_(x) + x.new_empty(4, 4).copy_(x),
}


@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")  # while it is tried out
@pytest.mark.parametrize("name", STEPS)
def test_replay_is_the_step_bit_for_bit(name):
    x = X.clone()
    tape, out = tape_of(STEPS[name], x)
    assert same_bits(out, STEPS[name](X.clone())), "while recording"
    for numbers in (OTHER, X, OTHER):
        x.copy_(numbers)
        tape.replay()
        assert same_bits(out, STEPS[name](numbers.clone()))


def test_nan_and_inf_are_replayed():
    x = X.clone()
    tape, out = tape_of(lambda x: x.relu() + x.clamp(-1, 1).sum(1), x)
    x[0], x[1], x[2] = torch.nan, torch.inf, -torch.inf
    tape.replay()
    assert same_bits(out, x.relu() + x.clamp(-1, 1).sum(1))


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (lambda x: x * x.sum().item(), "read a number"),
        (lambda x: x * 2 if x.sum() > 0 else x, "read a number"),
        (lambda x: x * float(x[0, 0]), "read a number"),
        (lambda x: x * torch.equal(x, x), "read a number"),
        (lambda x: x * torch.allclose(x, x), "read a number"),
        (lambda x: x + torch.rand(4), "random"),
        (lambda x: x.clone().normal_(), "random"),
        (lambda x: functional.dropout(x, 0.5), "random"),
        (lambda x: x[x > 0].sum(), "shape"),
        (lambda x: x.flatten()[(x > 0).flatten().nonzero()[:, 0]].sum(), "shape"),
    ],
)
def test_what_cannot_be_replayed_is_refused(step, reason):
    with pytest.raises(CaptureError, match=reason):
        Tape(lambda: step(X))


def test_an_index_of_whole_numbers_is_replayed():
    x, index = X.clone(), torch.tensor([2, 0])
    tape, out = tape_of(lambda x: x[index], x)
    index.copy_(torch.tensor([3, 1]))
    tape.replay()
    assert same_bits(out, X[[3, 1]])


def test_memory_that_is_let_go_is_used_again():
    def addresses(x: Tensor) -> list[int]:
        found = []
        for i in range(10):
            y = x * i
            found += [y.data_ptr(), (y + 1).data_ptr()]
        return found

    found: list[int] = []
    Tape(lambda: found.extend(addresses(X)))
    assert len(set(found)) == 2  # one for each of the two that are there at a time


def test_the_tape_gives_its_memory_back_while_what_the_step_left_behind_lives_on():
    weight = torch.nn.Parameter(torch.zeros(4, 4), requires_grad=False)
    recorded = []

    def step():
        y = X * 2
        recorded.append(weakref.ref(y.untyped_storage()))
        weight.grad = y + 1

    before = len(weakref.finalize._registry)
    tape = Tape(step)
    assert len(weakref.finalize._registry) == before
    released = weakref.ref(tape)
    del tape
    gc.collect()
    assert released() is None
    assert same_bits(weight.grad, X * 2 + 1)


def test_operations_without_an_out_variant_are_named():
    assert tape_of(lambda x: torch._foreach_add([x], 1)[0], X)[0].allocating == {"aten._foreach_add.Scalar"}
    assert not tape_of(lambda x: x.relu() @ x, X)[0].allocating


def test_a_graph_takes_the_step_once_when_made_and_once_a_replay(monkeypatch):
    pretend_cuda_graphs(monkeypatch)
    count, out = torch.zeros(1), torch.zeros(1)

    def step():
        out.copy_(count.add_(1) * 2)

    graph = Graph(step)
    assert (count.item(), out.item()) == (1, 2)
    graph.replay()
    assert (count.item(), out.item()) == (2, 4)
