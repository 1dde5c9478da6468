"""`torchnet.check` on right and on wrong backward passes."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from torchnet import MLP, Layer, Linear, ReLU, Sigmoid, Tanh, check, cross_entropy, reference
from torchnet.checking import ORACLES, GradientError, SubjectError
from torchnet.losses import LOSSES

from ..test_network import PAIRS
from .planted import PLANTED, NoTransposeInWeight, SigmoidAtTheOutput, WrongCube, diagnoses, linear, network, random
from .planted_images import PLANTED_IMAGES
from .random_networks import check_random_network

TARGETS = torch.tensor([0, 3, 2, 1, 1, 0, 2])


@pytest.mark.parametrize("planted", PLANTED + PLANTED_IMAGES, ids=lambda planted: planted.name)
def test_a_planted_mistake_is_found_located_and_named(planted):
    report = planted.run()
    assert not report.passed
    assert any(planted.where in where and kind == planted.kind for where, kind in diagnoses(report)), diagnoses(report)
    with pytest.raises(GradientError, match="wrong"):
        report.raise_if_failed()


@pytest.mark.parametrize("seeds", [range(4), pytest.param(range(4, 32), marks=pytest.mark.sweep)], ids=str)
def test_no_false_alarm_over_random_networks(seeds):
    for seed in seeds:  # `python -m tests.checking.random_networks 500` for more
        report = check_random_network(seed)
        assert report.passed, f"seed {seed}\n{report}"


@pytest.mark.parametrize("name", ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias", "input"])
def test_one_element_off_by_a_billionth_is_seen(name):
    class Off(MLP):
        def backward(self, grad_logits, input_grad=False):
            grad_input = super().backward(grad_logits, True)
            gradient = grad_input if name == "input" else self.get_parameter(name).grad
            gradient.view(-1)[gradient.abs().argmax()] *= 1 + 1e-9
            return grad_input

    report = check(*of_the_notebook(Off), oracles=["autograd"])
    assert [verdict.name for verdict in report.tensors if not verdict.passed] == [name]
    assert report.worst.name == name
    assert report.worst.diagnosis.kind == "one element"


def test_without_that_error_the_same_network_is_right():
    assert check(*of_the_notebook(MLP), oracles=["autograd"]).passed


def of_the_notebook(kind: type[MLP]) -> tuple[MLP, torch.Tensor, torch.Tensor]:
    """Return a network of the notebook's size, images and targets; they are the same for each kind of network."""
    generator = torch.Generator().manual_seed(0)
    net = kind((784, 64, 64, 10), generator=generator, dtype=torch.float64)
    images = torch.rand(20, 784, generator=generator, dtype=torch.float64)
    return net, images, torch.randint(10, (20,), generator=generator)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [pytest.param(*pair, marks=[pytest.mark.sweep] if k % 3 else []) for k, pair in enumerate(PAIRS)],
)
def test_a_right_network_passes_with_every_oracle(activation, loss):
    net = MLP((5, 6, 6, 4), activation, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    oracles = [it for it in ORACLES if it != "NumPy reference" or activation in reference.ACTIVATIONS]
    report = check(net, random(7, 5) / 4, TARGETS, loss=LOSSES[loss], oracles=oracles)  # no probability close to 1
    assert report.passed, report
    assert report.notes == []
    for verdict in report.tensors:
        assert set(verdict.comparisons) == {*oracles} - {"Taylor"}
        assert all(comparison.compared > 0 for comparison in verdict.comparisons.values())
        assert verdict.taylor_slope > 1.9


@pytest.mark.parametrize("oracle", ORACLES)
def test_every_oracle_alone_finds_a_mistake(oracle):
    class Halved(MLP):
        def backward(self, grad_logits, input_grad=False):
            grad_input = super().backward(grad_logits, input_grad)
            self.get_parameter("2.weight").grad *= 0.5
            return grad_input

    net = Halved((5, 6, 6, 4), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    report = check(net, random(7, 5), TARGETS, oracles=[oracle])
    assert [verdict.name for verdict in report.tensors if not verdict.passed] == ["2.weight"]


@pytest.mark.parametrize("oracle", ["complex step", "central differences"])
def test_a_large_tensor_is_located_without_autograd(oracle):
    class OneOff(Linear):
        def backward(self, grad_output, input_grad=True):
            grad_input = super().backward(grad_output)
            self.weight.grad[17, 23] += 1e-3
            return grad_input

    report = check(OneOff(40, 30, dtype=torch.float64), random(3, 40), oracles=[oracle])
    assert [verdict.name for verdict in report.tensors if not verdict.passed] == ["weight"]
    assert report.worst.worst_index == (17, 23)
    assert report.worst.max_abs == pytest.approx(1e-3, rel=1e-4)


def test_the_figures_of_a_verdict():
    class TwoOff(Linear):
        def backward(self, grad_output, input_grad=True):
            grad_input = super().backward(grad_output)
            self.weight.grad[1, 2] *= 1.5
            self.weight.grad[2, 0] *= 1 + 2**-30
            return grad_input

    torch.manual_seed(0)
    layer, x = TwoOff(4, 5, dtype=torch.float64), random(7, 4)
    verdict = check(layer, x).tensors[0]
    layer(x)
    assert (verdict.name, verdict.shape, verdict.worst_index) == ("weight", (5, 4), (1, 2))
    assert verdict.hand_value == pytest.approx(1.5 * verdict.true_value, rel=1e-14)
    assert verdict.max_abs == pytest.approx(abs(verdict.true_value) / 2, rel=1e-14)
    assert verdict.max_rel == pytest.approx(0.5, rel=1e-14)
    assert verdict.ulps == pytest.approx(verdict.max_abs / np.spacing(abs(verdict.true_value)), rel=1e-14)
    assert verdict.wrong_share == 2 / 20
    assert 0.9 < verdict.cosine < 1
    assert verdict.scale != 1


def affine(x, weight, bias):
    return x @ weight + bias


def affine_backward(grad_output, x, weight, bias):
    return grad_output @ weight.T, x.T @ grad_output, grad_output.sum(dim=0)


def test_a_pair_of_functions_with_explicit_inputs(check_gradients):
    report = check_gradients((affine, affine_backward), random(7, 5), random(5, 3), random(3))
    assert [verdict.name for verdict in report.tensors] == ["x", "weight", "bias"]


def test_a_pair_of_functions_with_a_cache(check_gradients):
    def forward(x, weight, flip):
        y = torch.tanh(x @ weight)
        return (-y if flip else y), (x, weight, y, flip)

    def backward(grad_output, cache):
        x, weight, y, flip = cache
        grad = (-grad_output if flip else grad_output) * (1 - y * y)
        return grad @ weight.T, x.T @ grad

    check_gradients((forward, backward), random(7, 5), random(5, 3), True)


def test_a_pair_of_functions_of_numpy_arrays():
    def forward(x, weight):
        hidden = np.tanh(x @ weight)
        return hidden, (x, weight, hidden)

    def backward(grad_output, cache):
        x, weight, hidden = cache
        grad = grad_output * (1 - hidden**2)
        return grad @ weight.T, x.T @ grad

    def forgetful(grad_output, cache):
        x, weight, hidden = cache
        return grad_output @ weight.T, x.T @ (grad_output * (1 - hidden**2))

    x, weight = np.random.default_rng(0).normal(size=(7, 5)), np.random.default_rng(1).normal(size=(5, 3))
    report = check((forward, backward), x, weight)
    assert report.passed, report
    assert list(report.tensors[0].comparisons) == ["complex step"]
    wrong = check((forward, forgetful), x, weight)
    assert [verdict.name for verdict in wrong.tensors if not verdict.passed] == ["x"]


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(x, power):
        return x**power

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(inputs[0])
        ctx.power = inputs[1]

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * ctx.power * x ** (ctx.power - 1), None


def test_a_right_torch_function(check_gradients):
    report = check_gradients(Cube, random(7, 5), 3)
    assert set(report.tensors[0].comparisons) == {"autograd", "complex step"}


def test_a_wrong_torch_function_is_caught_and_diagnosed(check_gradients):
    with pytest.raises(GradientError, match="the gradient of scale is wrong: it is the true gradient with the oppo"):
        check_gradients(WrongCube, random(7, 5), torch.tensor(2.0, dtype=torch.float64))


def test_two_outputs(check_gradients):
    class SinCos(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x.sin(), x.cos(), torch.arange(3)

        @staticmethod
        def backward(ctx, grad_sin, grad_cos, _):
            (x,) = ctx.saved_tensors
            return grad_sin * x.cos() - grad_cos * x.sin()

    check_gradients(SinCos, random(7, 5))


def test_differences_replace_autograd_for_a_black_box_forward():
    def forward(x):
        return torch.tensor([[math.atan(element) for element in row] for row in x.tolist()], dtype=x.dtype)

    def right(grad_output, x):
        return grad_output / (1 + x**2)

    def wrong(grad_output, x):
        return grad_output / (1 + x)

    report = check((forward, right), random(7, 5))
    assert report.passed, report
    assert list(report.tensors[0].comparisons) == ["central differences"]
    assert [note.split(":")[0] for note in report.notes] == ["autograd was not run", "complex step was not run"]
    assert not check((forward, wrong), random(7, 5)).passed


def test_complex_step_through_numpy():
    def forward(x):
        return torch.from_numpy(np.arctan(x.numpy()))

    report = check((forward, lambda grad_output, x: grad_output / (1 + x**2)), random(7, 5))
    assert report.passed, report
    assert list(report.tensors[0].comparisons) == ["complex step"]


def test_a_coordinate_at_a_kink_is_skipped_and_counted():
    x = random(7, 5)
    x[0, :3] = 0
    report = check(ReLU(), x, oracles=["central differences", "Taylor"])
    assert report.passed
    large = check((lambda x: x.relu(), lambda grad, x: grad * (x > 0)), x[:3], oracles=["central differences"])
    assert large.tensors[0].comparisons["central differences"].compared > 0
    one = check(ReLU(), x[:1, :4], oracles=["central differences"]).tensors[0].comparisons["central differences"]
    assert (one.compared, one.skipped) == (1, 3)
    assert "(3 skipped)" in str(check(ReLU(), x[:1, :4], oracles=["central differences"]))


def test_a_gradient_that_no_oracle_can_evaluate_fails():
    report = check(ReLU(), torch.zeros(2, 2, dtype=torch.float64), oracles=["central differences"])
    assert not report.passed
    assert "no oracle could evaluate its gradient" in str(report)


def test_a_forward_that_hides_something_from_autograd():
    def forward(x):
        return x.detach().sin() * x

    def as_autograd(grad_output, x):
        return grad_output * x.sin()

    def as_it_is(grad_output, x):
        return grad_output * (x.sin() + x * x.cos())

    for backward in (as_autograd, as_it_is):
        report = check((forward, backward), random(7, 5))
        assert {kind for _, kind in diagnoses(report)} == {"oracles disagree"}
        assert "oracles=['autograd']" in str(report)
    assert check((forward, as_autograd), random(7, 5), oracles=["autograd"]).passed
    assert check((forward, as_it_is), random(7, 5), oracles=["complex step", "Taylor"]).passed


def test_the_forward_draws_the_same_random_numbers_in_every_pass():
    class Dropout(Layer):
        def forward(self, x):
            mask = torch.rand_like(x) < 0.7
            self.remember(mask)
            return x * mask / 0.7

        def backward(self, grad_output, input_grad=True):
            return grad_output * self.recall() / 0.7

    class Redrawn(Dropout):
        def backward(self, grad_output, input_grad=True):
            return grad_output * (torch.rand_like(grad_output) < 0.7) / 0.7

    state = torch.random.get_rng_state()
    assert check(Dropout(), random(7, 5)).passed
    assert not check(Redrawn(), random(7, 5)).passed
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_module_with_buffers_and_several_inputs():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(random(5))
            self.register_buffer("calls", torch.zeros(()))
            self.register_buffer("scale", torch.tensor(3.0))

        def forward(self, x, y):
            self.calls += 1
            self.saved = x, y
            return self.scale * x * y * self.weight

        def backward(self, grad_output):
            x, y = self.saved
            self.weight.grad = (grad_output * self.scale * x * y).sum(dim=0)
            return grad_output * self.scale * y * self.weight, grad_output * self.scale * x * self.weight

    module = Scaled()
    report = check(module, random(7, 5), random(7, 5, seed=1))
    assert report.passed, report
    assert [verdict.name for verdict in report.tensors] == ["weight", "x", "y"]
    assert module.calls == 0


def test_the_subject_is_not_modified():
    net, images = network().eval(), random(7, 5)
    before = {name: weight.clone() for name, weight in net.named_parameters()}
    kept = images.clone()
    check(net, images, TARGETS)
    assert not net.training
    assert torch.equal(images, kept)
    assert all(torch.equal(weight, before[name]) and weight.grad is None for name, weight in net.named_parameters())
    assert all(layer._remembered is None for layer in net)


def test_under_inference_mode():
    with torch.inference_mode():
        assert check(Sigmoid(), random(7, 5) * 1).passed


def test_inputs_that_are_not_contiguous():
    for x in (random(5, 7).T, random(14, 10)[::2, ::2], random(1, 5).expand(7, 5)):
        report = check(linear(Linear), x)
        assert report.passed, report


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autograd_sets_the_tolerance_in_a_smaller_dtype(dtype):
    class InHalf(Sigmoid):
        def backward(self, grad_output, input_grad=True):
            y = self.recall()
            if y.dtype == torch.float64:
                return grad_output * y * (1 - y)
            return (grad_output.to(torch.float8_e4m3fn).to(y.dtype)) * y * (1 - y)

    x = random(70, 50).to(dtype)
    report = check(Sigmoid(), x)
    assert report.passed, report
    precision = report.tensors[0].precision
    eps = torch.finfo(dtype).eps
    assert precision.dtype == str(dtype).removeprefix("torch.")
    assert eps / 100 < precision.autograd_error < 2 * eps
    wrong = check(InHalf(), x)
    assert not wrong.passed
    assert diagnoses(wrong) == [("input", "rounding")]
    assert "right in float64" in str(wrong)


def test_a_right_network_at_extreme_numbers_passes():
    net = MLP((5, 6, 4), "tanh", dtype=torch.float64)
    for weight in net.parameters():
        weight.data.mul_(1e3)
    for loss in LOSSES.values():
        report = check(net, random(7, 5), TARGETS, loss=loss)
        assert report.passed, report


def test_a_wrong_layer_inside_a_block_is_named_instead_of_the_block():
    class Block(Layer):
        def __init__(self):
            super().__init__()
            self.inner = SigmoidAtTheOutput()

        def forward(self, x):
            return 2 * self.inner(x)

        def backward(self, grad_output, input_grad=True):
            return self.inner.backward(2 * grad_output)

    report = check(network(_1=Block()), random(7, 5), TARGETS)
    assert [part.subject for part in report.parts] == ["1.inner (SigmoidAtTheOutput)"]


def test_right_layers_that_are_combined_wrongly():
    class TwiceTheFirst(MLP):
        def backward(self, grad_logits, input_grad=False):
            grad_input = super().backward(grad_logits, input_grad)
            self[0].weight.grad = 2 * self[0].weight.grad
            return grad_input

    report = check(TwiceTheFirst((5, 6, 4), dtype=torch.float64), random(7, 5), TARGETS)
    assert report.parts == []
    assert diagnoses(report) == [("0.weight", "constant factor")]
    assert "the mistake is in how they are combined" in str(report)


def test_report_as_text_and_json():
    report = check(linear(NoTransposeInWeight), random(7, 5))
    text = str(report)
    assert "\x1b" not in text
    assert "WRONG" in text
    assert "weight: it is the transpose of the true gradient" in text
    data = json.loads(report.to_json())
    assert data["passed"] is False
    assert data["tensors"][0]["name"] == "weight"
    assert data["tensors"][0]["diagnosis"]["kind"] == "transposed"
    assert data["tensors"][0]["worst_index"] == list(report.tensors[0].worst_index)
    right = check(Tanh(), random(7, 5))
    assert json.loads(right.to_json())["passed"] is True
    right.raise_if_failed()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((Sigmoid(),), r"expected inputs, at least one of them a floating-point tensor, got none"),
        ((Sigmoid(), torch.arange(3)), r"got int64\[3\]"),
        ((Sigmoid, random(2, 2)), r"expected an instance, got the class Sigmoid: pass Sigmoid\(...\)"),
        ((7, random(2, 2)), r"expected an autograd Function, .* or a loss .*, got 7"),
        ((cross_entropy, TARGETS, random(7, 4)), r"cross_entropy: the forward pass raises ValueError: expected logits"),
        (
            (lambda x: x.detach(), random(2, 2)),
            r"expected outputs with a gradient, or \(loss, grad_logits\), got float64",
        ),
        ((lambda x: x.detach().numpy() @ [1], random(2, 2)), r"the forward pass raises ValueError: .*line"),
        (((lambda x: 3, lambda g, x: g), random(7, 5)), r"expected a forward that returns a floating-point tensor"),
    ],
)
def test_unsupported_subjects_are_refused(arguments, message):
    with pytest.raises(SubjectError, match=message):
        check(*arguments)


def test_an_unknown_oracle_is_refused():
    with pytest.raises(ValueError, match=r"oracles: expected a list with some of autograd, .*, got \['numpy'\]"):
        check(Sigmoid(), random(2, 2), oracles=["numpy"])
