"""Properties of every network, batch and loss, checked on examples drawn and shrunk by Hypothesis."""

import copy
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from torchnet import MLP, SGD, cross_entropy, set_step
from torchnet.layers import ACTIVATIONS
from torchnet.losses import LOSSES

from .layers.twins import BLOCKS, OF_THE_WHOLE_BATCH, randomized
from .test_network import autograd_twin, random_net

MAX_DEPTH, MAX_WIDTH, MAX_BATCH = 6, 8, 9
EPS = torch.finfo(torch.float64).eps
LAYOUTS = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.T.contiguous().T,
    "strided": lambda x: x.repeat_interleave(3, dim=1)[:, ::3],
    "one row for all": lambda x: x[:1].expand_as(x),
    "one column for all": lambda x: x[:, :1].expand_as(x),
}
Grads = dict[str, Tensor]


def class_weight(logits: Tensor) -> Tensor:
    return torch.tensor([0.5, 2.0, 1.0, 3.0] * 2, dtype=logits.dtype)[: logits.shape[1]]


def weighted(logits: Tensor, targets: Tensor, divisor: int | None = None) -> tuple[Tensor, Tensor]:
    return cross_entropy(logits, targets, divisor, 0.0, class_weight(logits))


def smoothed_and_weighted(logits: Tensor, targets: Tensor, divisor: int | None = None) -> tuple[Tensor, Tensor]:
    return cross_entropy(logits, targets, divisor, 0.2, class_weight(logits))


VARIANTS: dict[str, Callable[..., tuple[Tensor, Tensor]]] = LOSSES | {
    "smoothed": partial(cross_entropy, label_smoothing=0.2),
    "weighted": weighted,
    "smoothed and weighted": smoothed_and_weighted,
}
PEER_OPTIONS = {"cross_entropy": (0.0, False), "smoothed": (0.2, False), "weighted": (0.0, True)} | {
    "smoothed and weighted": (0.2, True)
}


@dataclass(frozen=True)
class Case:
    """A network, a batch and a loss: Hypothesis draws these fields, and all numbers follow from the seed."""

    sizes: list[int]
    between: list[str]  # activations and blocks for the deepest network; shallower ones use the first
    scales: list[float]  # factors of each layer's weights, likewise
    n: int
    loss: str
    targets_kind: str
    layout: str
    zeros: bool  # zero inputs, and units with zero input: the kink of ReLU and similar activations
    seed: int

    def random(self, *shape: int, salt: int) -> Tensor:
        return torch.randn(shape, generator=torch.Generator().manual_seed(self.seed + salt), dtype=torch.float64)

    def net(self) -> MLP:
        net = random_net(tuple(self.sizes), seed=self.seed)
        for i, linear in enumerate(net[::2]):
            linear.weight.mul_(self.scales[i])
            if self.zeros:
                silent = self.random(len(linear.bias), salt=i) > 0.5
                linear.weight[silent], linear.bias[silent] = 0, 0
        torch.manual_seed(self.seed)
        for i, name in enumerate(self.between[: len(self.sizes) - 2]):
            if name in BLOCKS:
                net[2 * i + 1] = randomized(BLOCKS[name](self.sizes[i + 1]), self.seed + i)
            else:
                net[2 * i + 1] = ACTIVATIONS[name]().double()
        return net

    def x(self) -> Tensor:
        x = self.random(self.n, self.sizes[0], salt=1)
        return LAYOUTS[self.layout](x.relu() if self.zeros else x)

    def targets(self) -> Tensor:
        rows = self.random(self.n, self.sizes[-1], salt=2).softmax(dim=1)
        if self.targets_kind == "integers":
            return rows.argmax(dim=1)
        return LAYOUTS[self.layout](rows if self.targets_kind == "probabilities" else rows.sqrt())

    def rows(self) -> Tensor:
        targets = self.targets()
        return targets if targets.dim() == 2 else functional.one_hot(targets, self.sizes[-1]).double()

    def extreme_logits(self) -> Tensor:
        """Return logits with ties, dominant classes and gaps up to 20000, exact in float32 even after a shift."""
        choices = torch.tensor([-1e4, -20, -0.5, 0, 1, 1.25, 40, 1e4], dtype=torch.float64)
        return choices[(100 * self.random(self.n, self.sizes[-1], salt=3)).long() % len(choices)]


def several(values, count: int) -> st.SearchStrategy[list]:
    return st.lists(st.sampled_from(list(values)), min_size=count, max_size=count)


# Blocks whose output for a sample is independent of the other samples, and of its position.
APART = [name for name in BLOCKS if name not in OF_THE_WHOLE_BATCH and name != "dropout"]
ALIKE = [name for name in BLOCKS if name != "dropout"]


def cases(blocks: Iterable[str] = (), min_n: int = 1) -> st.SearchStrategy[Case]:
    """Draw cases; a network with a batch norm has batches of at least two."""
    return st.builds(
        Case,
        sizes=st.lists(st.integers(1, MAX_WIDTH), min_size=2, max_size=MAX_DEPTH + 1),
        between=several([*ACTIVATIONS, *blocks], MAX_DEPTH - 1),
        scales=several([1, 0.1, 30], MAX_DEPTH),
        n=st.integers(max(min_n, 2 if blocks else 1), MAX_BATCH),
        loss=st.sampled_from(list(VARIANTS)),
        targets_kind=st.sampled_from(["integers", "probabilities", "rows of any sum"]),
        layout=st.sampled_from(list(LAYOUTS)),
        zeros=st.booleans(),
        seed=st.integers(0, 10**6),
    ).filter(lambda case: case.loss != "one_vs_rest_cross_entropy" or case.sizes[-1] > 1)


def backward(net: MLP, x: Tensor, grad_logits: Tensor) -> Grads:
    net(x)
    grad_input = net.backward(grad_logits, input_grad=True)
    set_step(net, 0)
    return {name: weight.grad for name, weight in net.named_parameters()} | {"input": grad_input}


def hand_written(net: MLP, loss: str, x: Tensor, targets: Tensor, divisor: int | None = None) -> Grads:
    """Return the gradients of all weights and of the input, and the loss."""
    value, grad_logits = VARIANTS[loss](net(x), targets, divisor)
    return backward(net, x, grad_logits) | {"loss": value}


def peer_loss(name: str, logits: Tensor, targets: Tensor) -> Tensor:
    if name in PEER_OPTIONS:
        label_smoothing, is_weighted = PEER_OPTIONS[name]
        weight = class_weight(logits) if is_weighted else None
        return functional.cross_entropy(logits, targets, weight, label_smoothing=label_smoothing)
    rows = as_rows(targets, logits)
    if name == "mean_squared_error":
        return functional.mse_loss(logits, rows)
    logits = logits - logits.amax(dim=1, keepdim=True).detach()
    total, itself = logits.logsumexp(dim=1, keepdim=True), torch.eye(logits.shape[1], dtype=torch.bool)
    log_rest = logits.unsqueeze(1).masked_fill(itself, -torch.inf).logsumexp(dim=2) - total  # log(1 - p)
    return -(rows * (logits - total) + (1 - rows) * log_rest).sum() / len(logits)


def as_rows(targets: Tensor, logits: Tensor) -> Tensor:
    return targets if targets.dim() == 2 else functional.one_hot(targets, logits.shape[1]).to(logits.dtype)


def cancels(name: str, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the size of the terms that cancel in N times the gradient of the logits, and in the loss."""
    rows = as_rows(targets, logits)
    if name == "mean_squared_error":
        size = logits.abs() + rows
        return 2 * size / len(rows[0]), size.square().mean()
    size = (1 + rows.sum(dim=1, keepdim=True)) * (6 if "weighted" in name else 1)  # a weight of 3 over a mean of 0.5
    return size, size.mean() * len(rows[0])


NORM_TWINS = (nn.BatchNorm1d, nn.LayerNorm, nn.RMSNorm)


def nudge_what_cancels(
    module: nn.Module, inputs: tuple[Tensor], output: Tensor, noise: Callable[[Tensor], Tensor]
) -> Tensor:
    """Perturb the output of a norm and the gradient of its input, in proportion to the terms that cancel in them.

    Both are differences: x - mean, and a gradient minus its part through the statistics.
    """
    (x,), dim = inputs, 0 if isinstance(module, nn.BatchNorm1d) else 1
    size = x.detach().abs().amax(dim, keepdim=True)
    var = x.detach().square().mean(dim, keepdim=True)
    if not isinstance(module, nn.RMSNorm):
        var = x.detach().var(dim, correction=0, keepdim=True)
    rstd = (var + (module.eps or EPS)).rsqrt()
    grads: list[Tensor] = []
    output.register_hook(lambda grad: grads.append((grad * module.weight).abs().amax(dim, keepdim=True) * rstd))
    x.register_hook(lambda grad: grad + noise(grad) * grads.pop())
    return output + module.weight * noise(x) * size * rstd


def autograd(net: MLP, loss: str, x: Tensor, targets: Tensor, nudge: float = 0, seed: int = 0) -> Grads:
    """Return the same from autograd; `nudge` is the size of random relative changes to every intermediate value."""
    generator = torch.Generator().manual_seed(seed)

    def noise(tensor: Tensor) -> Tensor:
        return nudge * (2 * torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) - 1)

    twin, leaf = autograd_twin(net), (x * (1 + noise(x))).requires_grad_()
    for module in twin.modules():
        for weight in module.parameters(recurse=False):
            weight.data *= 1 + noise(weight)
        if nudge and isinstance(module, NORM_TWINS):
            module.register_forward_hook(partial(nudge_what_cancels, noise=noise))
        if nudge and isinstance(module, nn.Sigmoid | nn.Tanh):  # the slope contains 1 - y or 1 - y²: change the 1
            module.register_full_backward_hook(lambda _, to, of: (to[0] + noise(of[0]) * of[0],))
    logits = twin(leaf)
    value = peer_loss(loss, logits, targets)
    (grad_logits,) = torch.autograd.grad(value, logits, retain_graph=True)
    of_gradient, of_loss = cancels(loss, logits.detach(), targets)
    logits.backward(grad_logits + noise(grad_logits) * of_gradient / len(x))
    value = value.detach() + noise(value) * of_loss
    return {name: weight.grad for name, weight in twin.named_parameters()} | {"input": leaf.grad, "loss": value}


def rounding(net: MLP, loss: str, x: Tensor, targets: Tensor, eps: float = EPS) -> dict[str, float]:
    """Return the norm of the error that rounding may cause: ten times the effect of a nudge of 16 eps.

    A fixed tolerance would be too strict where a gradient nearly vanishes or logits are huge, and too lax elsewhere.
    This one depends on the case. It is below 1e-13 of the gradient in half of all cases, below 1e-10 in nine of ten.
    """
    expected = autograd(net, loss, x, targets)
    nudged = [autograd(net, loss, x, targets, 16 * eps, seed) for seed in range(2)]
    return {name: 10 * max(distance(grads[name], expected[name]) for grads in nudged) for name in expected}


def distance(a: Tensor, b: Tensor) -> float:
    assert a.shape == b.shape
    return (a.double() - b.double()).norm().item()


def expect_equal_but_for_rounding(case: Case, got: Grads, expected: Grads) -> None:
    allowed = rounding(case.net(), case.loss, case.x(), case.targets())
    for name in expected:
        # A sum in parts or in a different order rounds differently, even if its terms are exact.
        ulps = 8 * torch.finfo(torch.float64).eps * expected[name].norm().item()
        assert distance(got[name], expected[name]) <= allowed[name] + ulps, name


@given(cases(BLOCKS))
def test_gradients_equal_those_of_autograd(case):
    got = hand_written(case.net(), case.loss, case.x(), case.targets())
    expect_equal_but_for_rounding(case, got, autograd(case.net(), case.loss, case.x(), case.targets()))


@given(cases(BLOCKS))
def test_float32_is_as_accurate_as_autograd_in_float32(case):
    net, x, targets = case.net().float(), case.x().float(), case.targets()
    targets = targets.float() if targets.dim() == 2 else targets
    got = hand_written(net, case.loss, x, targets)
    peer = autograd(net, case.loss, x, targets)
    exact = copy.deepcopy(net).double(), case.loss, x.double(), targets.double() if targets.dim() == 2 else targets
    truth, floor = autograd(*exact), rounding(*exact, eps=torch.finfo(torch.float32).eps / 16)
    for name in truth:
        assert distance(got[name], truth[name]) <= 2 * distance(peer[name], truth[name]) + floor[name], name


@given(cases(APART, min_n=2), st.data())
def test_parts_of_a_batch_add_up_to_the_whole(case, data):
    net, x, targets = case.net(), case.x(), case.targets()
    cut = data.draw(st.integers(1, case.n - 1))
    whole = hand_written(net, case.loss, x, targets, case.n)
    a, b = (hand_written(net, case.loss, x[part], targets[part], case.n) for part in (slice(cut), slice(cut, None)))
    added = {name: a[name] + b[name] for name in whole if name != "input"}
    expect_equal_but_for_rounding(case, added | {"input": torch.cat([a["input"], b["input"]])}, whole)


@given(cases(ALIKE, min_n=2))
def test_the_order_of_the_samples_does_not_matter(case):
    net, x, targets = case.net(), case.x(), case.targets()
    order = case.random(case.n, salt=4).argsort()
    expected = hand_written(net, case.loss, x, targets)
    got = hand_written(net, case.loss, x[order], targets[order])
    expect_equal_but_for_rounding(case, got, expected | {"input": expected["input"][order]})


@given(cases(ALIKE))
def test_a_batch_twice_over_has_the_same_mean(case):
    net, x, targets = case.net(), case.x(), case.targets()
    expected = hand_written(net, case.loss, x, targets)
    got = hand_written(net, case.loss, torch.cat([x, x]), torch.cat([targets, targets]))
    expect_equal_but_for_rounding(case, got | {"input": 2 * got["input"][: case.n]}, expected)


@given(cases())
def test_renaming_the_units_of_every_layer_renames_the_gradients(case):
    assume("weighted" not in case.loss)  # class weights belong to their classes
    net, renamed, x, rows = case.net(), case.net(), case.x(), case.rows()
    orders = [case.random(size, salt=i).argsort() for i, size in enumerate(case.sizes)]
    expected = hand_written(net, case.loss, x, rows)
    for i, (before, after) in enumerate(itertools.pairwise(orders)):
        renamed[2 * i].weight.copy_(net[2 * i].weight[after][:, before])
        renamed[2 * i].bias.copy_(net[2 * i].bias[after])
        expected[f"{2 * i}.weight"] = expected[f"{2 * i}.weight"][after][:, before]
        expected[f"{2 * i}.bias"] = expected[f"{2 * i}.bias"][after]
    expected["input"] = expected["input"][:, orders[0]]
    got = hand_written(renamed, case.loss, x[:, orders[0]], rows[:, orders[-1]])
    expect_equal_but_for_rounding(case, got, expected)


@given(cases(BLOCKS), st.sampled_from(list(LAYOUTS)))
def test_the_memory_layout_does_not_matter(case, layout):
    net, x, grad_logits = case.net(), case.x(), LAYOUTS[layout](case.random(case.n, case.sizes[-1], salt=4) / case.n)
    got = backward(net, x, grad_logits)
    expect_equal_but_for_rounding(case, got, backward(net, x.contiguous(), grad_logits.contiguous()))
    got = hand_written(net, case.loss, x, case.rows())
    expect_equal_but_for_rounding(case, got, hand_written(net, case.loss, x.contiguous(), case.rows().contiguous()))


@given(cases(BLOCKS), st.sampled_from([1, 0, -1, 0.3]), st.sampled_from([1, 0, -1, 0.3]))
def test_backward_is_linear(case, a, b):
    net, x = case.net(), case.x()
    f, g = (case.random(case.n, case.sizes[-1], salt=salt) / case.n for salt in (4, 5))
    of_f, of_g = backward(net, x, f), backward(net, x, g)
    expect_equal_but_for_rounding(case, backward(net, x, a * f + b * g), {k: a * of_f[k] + b * of_g[k] for k in of_f})


@given(cases(BLOCKS))
def test_results_repeat_to_the_bit_and_arguments_are_not_changed(case):
    net, x, targets, logits = case.net(), case.x(), case.targets(), case.extreme_logits()
    given_tensors = [x, targets, logits, *net.parameters()]
    copies = [tensor.clone() for tensor in given_tensors]
    once, twice = (hand_written(net, case.loss, x, targets) for _ in range(2))
    value, grad_logits = VARIANTS[case.loss](logits, targets)
    before = grad_logits.clone()
    backward(net, x, grad_logits)
    assert all(torch.equal(once[name], twice[name]) for name in once)
    assert all(torch.equal(a, b) for a, b in zip(VARIANTS[case.loss](logits, targets), (value, before), strict=True))
    assert all(torch.equal(a, b) for a, b in zip([*given_tensors, grad_logits], [*copies, before], strict=True))


@given(cases(BLOCKS))
def test_no_layer_writes_to_its_arguments(case):
    x = case.x()
    for layer in case.net():  # separately: within a network, no one reads the arguments of a layer again
        before, y = x.clone(), layer(x)
        grad_output = y.clone()
        layer.backward(grad_output)
        assert torch.equal(x, before)
        assert torch.equal(grad_output, y)
        x = y


@given(cases(), st.sampled_from([torch.float32, torch.float64]))
def test_extreme_logits_have_the_loss_and_the_gradient_of_autograd(case, dtype):
    value, grad_logits = VARIANTS[case.loss](case.extreme_logits().to(dtype), case.targets())
    leaf = case.extreme_logits().requires_grad_()
    expected = peer_loss(case.loss, leaf, case.targets())
    (expected_grad,) = torch.autograd.grad(expected, leaf)
    # The gradient adds a dozen numbers of size 1, the loss some of the size of a gap. The error of autograd is 1e-12:
    # it rounds the logarithm of the sum, which has the size of a gap, before it takes the exponential.
    tolerance = 100 * torch.finfo(dtype).eps + 1e-11
    if case.loss == "mean_squared_error":  # its gradient has the size of a logit
        tolerance *= 1e4
    torch.testing.assert_close(case.n * grad_logits.double(), case.n * expected_grad, rtol=0, atol=tolerance)
    torch.testing.assert_close(value.double(), expected.detach(), rtol=tolerance, atol=tolerance)


@given(cases())
def test_the_gradient_of_the_logits_sums_to_zero_over_the_classes(case):
    assume(case.loss != "mean_squared_error")
    _, grad_logits = VARIANTS[case.loss](case.extreme_logits(), case.targets(), case.n)
    assert grad_logits.sum(dim=1).abs().max() <= 100 * EPS / case.n


@given(cases(), st.integers(-1000, 1000))
def test_a_shift_of_each_row_of_logits_changes_nothing(case, shift):
    assume(case.loss != "mean_squared_error")
    logits = case.extreme_logits()
    shifts = shift * torch.arange(1, case.n + 1, dtype=torch.float64).unsqueeze(1)
    for got, expected in zip(*(VARIANTS[case.loss](z, case.targets()) for z in (logits + shifts, logits)), strict=True):
        torch.testing.assert_close(got, expected, rtol=50 * EPS, atol=50 * EPS)


@given(cases(), st.sampled_from([0, 0.1, 0.75, 1]), st.booleans())
def test_smoothing_and_weights_are_linear(case, label_smoothing, is_weighted):
    logits, targets = case.random(case.n, case.sizes[-1], salt=6), case.targets()
    a, b = (3 * case.random(case.sizes[-1], salt=salt).abs() for salt in (7, 8))
    weight = a + b if is_weighted else None
    mixed = cross_entropy(logits, targets, case.n, label_smoothing, weight)
    plain, even = (cross_entropy(logits, targets, case.n, part, weight) for part in (0, 1))
    for i in range(2):  # the loss, and its gradient
        expected = (1 - label_smoothing) * plain[i] + label_smoothing * even[i]
        torch.testing.assert_close(mixed[i], expected, rtol=100 * EPS, atol=100 * EPS)
    if is_weighted:
        of_a, of_b = (cross_entropy(logits, targets, case.n, label_smoothing, w) for w in (a, b))
        for i in range(2):
            torch.testing.assert_close(mixed[i], of_a[i] + of_b[i], rtol=100 * EPS, atol=100 * EPS)


@given(cases(), st.sampled_from([0, 0.1, 1]))
def test_renaming_the_classes_renames_their_weights(case, label_smoothing):
    logits, targets = case.random(case.n, case.sizes[-1], salt=6), case.targets()
    weight, order = case.random(case.sizes[-1], salt=7).abs(), case.random(case.sizes[-1], salt=8).argsort()
    renamed = targets[:, order] if targets.dim() == 2 else order.argsort()[targets]
    value, grad_logits = cross_entropy(logits[:, order], renamed, None, label_smoothing, weight[order])
    expected, expected_grad = cross_entropy(logits, targets, None, label_smoothing, weight)
    torch.testing.assert_close(value, expected, rtol=100 * EPS, atol=100 * EPS)
    torch.testing.assert_close(grad_logits, expected_grad[:, order], rtol=100 * EPS, atol=100 * EPS)


@given(
    cases(),
    st.sampled_from([{"lr": 0.1}, {"lr": 1.0}, {"lr": 0.0}]),
    st.sampled_from([{}, {"weight_decay": 0.3}]),
    st.sampled_from([{}, {"momentum": 0.9}, {"momentum": 1.0, "dampening": 0.4}, {"momentum": 0.5, "nesterov": True}]),
)
def test_steps_of_sgd_equal_those_of_torch(case, lr, weight_decay, momentum):
    ours, theirs = case.net(), case.net()
    rules = SGD, torch.optim.SGD
    optimizers = [
        rule(net.parameters(), **lr, **weight_decay, **momentum)
        for rule, net in zip(rules, (ours, theirs), strict=True)
    ]
    weights = list(zip(ours.parameters(), theirs.parameters(), strict=True))
    for weight in itertools.chain(*weights):
        weight.grad = torch.zeros_like(weight)
    for step in range(4):
        for a, b in weights:
            a.grad.copy_(case.random(*a.shape, salt=step))  # in place: an optimizer must not keep a gradient
            b.grad.copy_(a.grad)
        for optimizer in optimizers:
            optimizer.step()
        for a, b in weights:
            torch.testing.assert_close(a, b, rtol=1e-14, atol=1e-14)
            assert torch.equal(a.grad, b.grad)
