"""Wrong backward passes that look right, and right ones that look wrong."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from torchnet import Linear, Sigmoid, check
from torchnet.checking import SubjectError

from .planted import diagnoses, random


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(random(*shape, seed=3), requires_grad=False)


class Times(nn.Module):
    """y = x Wᵀ with the right backward; each class below introduces one mistake."""

    def __init__(self):
        super().__init__()
        self.weight = parameter(3, 5)

    def forward(self, x):
        self.x = x
        return x @ self.weight.T

    def backward(self, grad_output, input_grad=True):
        self.weight.grad = grad_output.T @ self.x
        return grad_output @ self.weight if input_grad else None


class NothingWithoutInputGrad(Times):
    def backward(self, grad_output, input_grad=True):
        return super().backward(grad_output) if input_grad else None


class RemembersTheFirstInput(Times):
    def forward(self, x):
        if not hasattr(self, "x"):
            self.x = x
        return x @ self.weight.T


class RightTheFirstTimeOnly(Times):
    calls = 0

    def backward(self, grad_output, input_grad=True):
        self.calls += 1
        return super().backward(grad_output) / self.calls


class ReadsMemoryInOrder(Times):
    def backward(self, grad_output, input_grad=True):
        n, o = grad_output.shape
        super().backward(grad_output)
        return torch.as_strided(grad_output, (n, o), (o, 1)) @ self.weight


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        (NothingWithoutInputGrad, "input_grad"),
        (RemembersTheFirstInput, "stale state"),
        (RightTheFirstTimeOnly, "stale state"),
        (ReadsMemoryInOrder, "memory layout"),
    ],
)
def test_a_backward_that_is_wrong_only_in_other_passes(module, kind):
    assert check(Times(), random(7, 5)).passed
    report = check(module(), random(7, 5))
    assert [found for where, found in diagnoses(report) if where == "backward"] == [kind]


def test_a_forward_that_works_in_place_is_diagnosed_and_does_not_change_the_input():
    class InPlace(nn.Module):
        def forward(self, x):
            return functional.relu(x, inplace=True)

        def backward(self, grad_output):
            return grad_output

    x = random(7, 5)
    kept = x.clone()
    report = check(InPlace(), x)
    assert torch.equal(x, kept)
    assert {kind for _, kind in diagnoses(report)} == {"side effect", "activation derivative"}


def lstm_step(x, c):
    cell = c * x.sigmoid() + x.tanh()
    hidden = cell.tanh()
    return hidden, cell, (x, c, hidden)


def lstm_step_backward(grad_hidden, grad_cell, cache):
    x, c, hidden = cache
    grad = grad_cell + grad_hidden * (1 - hidden * hidden)
    gate = x.sigmoid()
    return grad * (c * gate * (1 - gate) + 1 - x.tanh() ** 2), grad * gate


def test_a_pair_with_two_outputs_and_a_cache(check_gradients):
    check_gradients((lstm_step, lstm_step_backward), random(7, 5), random(7, 5, seed=1))

    def forgets_the_cell(grad_hidden, grad_cell, cache):
        return lstm_step_backward(grad_hidden, torch.zeros_like(grad_cell), cache)

    assert not check((lstm_step, forgets_the_cell), random(7, 5), random(7, 5, seed=1)).passed
    with pytest.raises(SubjectError, match="it takes 2 arguments, forward takes 2 and returns"):
        check((lstm_step, lambda grad_hidden, cache: cache), random(7, 5), random(7, 5, seed=1))


@pytest.mark.parametrize("what", [None, torch.zeros(2)])
def test_a_gradient_that_is_missing_only_in_the_smaller_dtype(what):
    class Shift(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.ones(2, 5).to(torch.float32), requires_grad=False)

        def forward(self, x):
            return x + self.bias.sum(dim=0)

        def backward(self, grad_output):
            self.bias.grad = grad_output.sum(dim=0).expand(2, 5)
            if grad_output.dtype == torch.float32 and what is None:
                self.bias.grad = None
            return grad_output if grad_output.dtype == torch.float64 or what is None else what

    report = check(Shift(), random(7, 5).float())
    assert {kind for _, kind in diagnoses(report)} == {"missing"}
    assert "right in float64; in its own dtype it is" in str(report)


def test_one_large_element_does_not_hide_errors_in_small_ones(check_gradients):
    x = random(7, 5)
    x[3, 2] = 45.0

    def positive_only(grad_output, x):
        return grad_output * torch.where(x > 0, x.exp(), 0 * x)

    report = check((torch.exp, positive_only), x)
    assert diagnoses(report) == [("input 0", "small elements")]
    check_gradients((torch.exp, lambda grad_output, x: grad_output * x.exp()), x)


def test_a_backward_that_amplifies_rounding_fails():
    def by_difference(grad_output, x):
        return grad_output * ((x + 1e-8).sin() - (x - 1e-8).sin()) / 2e-8

    assert not check((torch.sin, by_difference), random(7, 5)).passed


def test_a_small_wrong_term_is_not_diagnosed_as_rounding():
    class Decays(Times):
        def backward(self, grad_output, input_grad=True):
            grad_input = super().backward(grad_output)
            self.weight.grad += 1e-4 * self.weight
            return grad_input

    assert diagnoses(check(Decays(), random(7, 5))) == [("weight", "term")]


def test_numbers_too_large_to_be_squared():
    def forward(x):
        return 1e200 * torch.tensor(x.tolist(), dtype=x.dtype).sin()

    assert check((forward, lambda grad, x: 1e200 * grad * x.cos()), random(7, 5)).passed
    assert not check((forward, lambda grad, x: 1.001e200 * grad * x.cos()), random(7, 5)).passed


def test_a_module_that_keeps_non_leaf_tensors():
    class Keeps(nn.Module):
        def forward(self, x):
            self.kept = [x.tanh()]
            return self.kept[0].exp()

        def backward(self, grad_output):
            return grad_output * self.kept[0].exp() * (1 - self.kept[0] ** 2)

    module = Keeps()
    module(random(7, 5).requires_grad_())
    assert check(module, random(7, 5)).passed


def test_weights_without_a_floating_point_input():
    class Embedding(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = parameter(9, 5)

        def forward(self, indices):
            self.indices = indices
            return self.weight[indices]

        def backward(self, grad_output):
            self.weight.grad = torch.zeros_like(self.weight).index_add_(0, self.indices, grad_output)

    report = check(Embedding(), torch.tensor([1, 3, 1, 8]))
    assert report.passed, report
    assert [verdict.name for verdict in report.tensors] == ["weight"]


def mean_of_largest(grad_output, x):
    largest = (x == x.amax(dim=0)).to(x.dtype)
    return grad_output * largest / largest.sum(dim=0)


def gelu_backward(grad_output, x):
    density = (-x * x / 2).exp() / math.sqrt(2 * math.pi)
    return grad_output * (0.5 * (1 + (x / math.sqrt(2)).erf()) + x * density)


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (lambda x: x**4, lambda grad, x: 4 * grad * x**3),
        (lambda x: x**-3, lambda grad, x: -3 * grad * x**-4),
        (torch.abs, lambda grad, x: grad * x.sign()),
        (lambda x: x.amax(dim=0), mean_of_largest),
        (lambda x: torch.maximum(x, torch.zeros_like(x)), lambda grad, x: grad * ((x > 0) + 0.5 * (x == 0))),
        (functional.gelu, gelu_backward),
        (lambda x: 1e-200 * x.sin(), lambda grad, x: 1e-200 * grad * x.cos()),
    ],
)
@pytest.mark.parametrize("ties", [False, True])
def test_right_gradients_of_difficult_functions(forward, backward, ties, check_gradients):
    x = random(7, 5)
    if ties and forward(torch.zeros(1)).isfinite().all():
        x[0], x[1] = 0, x[2]
    check_gradients((forward, backward), x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_right_layer_norm(dtype, check_gradients):
    class LayerNorm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.bias = parameter(5), parameter(5)

        def forward(self, x):
            self.x = x
            return functional.layer_norm(x, (5,), self.weight, self.bias)

        def backward(self, grad_output):
            centered = self.x - self.x.mean(dim=1, keepdim=True)
            scale = ((centered**2).mean(dim=1, keepdim=True) + 1e-5).rsqrt()
            normal = centered * scale
            self.weight.grad, self.bias.grad = (grad_output * normal).sum(dim=0), grad_output.sum(dim=0)
            grad = grad_output * self.weight
            inner = grad - grad.mean(dim=1, keepdim=True) - normal * (grad * normal).mean(dim=1, keepdim=True)
            return scale * inner

    check_gradients(LayerNorm().to(dtype), random(7, 5).to(dtype))


@pytest.mark.parametrize(
    "x",
    [
        torch.ones(2, 2, device="meta"),
        torch.eye(2).to_sparse(),
        torch.ones(2).to(torch.float8_e4m3fn),
    ],
)
def test_unsupported_tensors_are_refused(x):
    with pytest.raises(
        SubjectError, match=r"expected (dense tensors with values|float64, float32, .* or complex numbers), got"
    ):
        check((torch.sin, torch.cos), x)


def test_notes_name_what_was_not_checked():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.matrix = random(5, 5)

        def forward(self, x):
            return x @ self.matrix

        def backward(self, grad_output):
            return grad_output @ self.matrix.T

    report = check(Hidden().eval(), random(7, 5))
    assert report.notes == [
        "checked in training mode",
        "matrix is a plain tensor, not a parameter: its gradient, if it needs one, is not checked",
    ]


def test_differences_expose_numpys_variance_of_complex_numbers(check_gradients):
    def forward(x, gamma):
        scale = 1 / np.sqrt(x.var(axis=0) + 1e-5)
        normal = (x - x.mean(axis=0)) * scale
        return normal * gamma, (normal, scale, gamma)

    def backward(grad_output, cache):
        normal, scale, gamma = cache
        grad = grad_output * gamma
        grad_input = scale * (grad - grad.mean(axis=0) - normal * (grad * normal).mean(axis=0))
        return grad_input, (grad_output * normal).sum(axis=0)

    report = check_gradients((forward, backward), random(7, 5).numpy(), random(5, seed=1).numpy())
    assert list(report.tensors[0].comparisons) == ["central differences"]

    def constant_statistics(grad_output, cache):
        normal, scale, gamma = cache
        return grad_output * gamma * scale, (grad_output * normal).sum(axis=0)

    wrong = check((forward, constant_statistics), random(7, 5).numpy(), random(5, seed=1).numpy())
    assert [verdict.name for verdict in wrong.tensors if not verdict.passed] == ["x"]


def test_a_loss_of_numpy_arrays(check_gradients):
    def softmax_loss(scores, labels):
        exponentials = np.exp(scores - scores.real.max(axis=1, keepdims=True))
        probs, rows = exponentials / exponentials.sum(axis=1, keepdims=True), np.arange(len(scores))
        grad = probs.copy()
        grad[rows, labels] -= 1
        return -np.log(probs[rows, labels]).mean(), grad / len(scores)

    check_gradients(softmax_loss, random(7, 4).numpy(), np.array([0, 3, 2, 1, 1, 0, 2]))


class TransposedGradient(Times):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output)
        self.weight.grad = self.x.T @ grad_output
        return grad_input


class KeepsDimension(Times):
    def backward(self, grad_output, input_grad=True):
        grad_input = super().backward(grad_output)
        self.weight.grad = self.weight.grad[None]
        return grad_input


@pytest.mark.parametrize(("module", "kind"), [(TransposedGradient, "transposed"), (KeepsDimension, "shape")])
def test_a_gradient_of_another_shape_is_diagnosed(module, kind):
    assert diagnoses(check(module(), random(7, 5))) == [("weight", kind)]


def test_a_backward_that_leaves_out_grad_output():
    class Forgets(nn.Module):
        def forward(self, x):
            self.y = x.sigmoid()
            return self.y

        def backward(self, grad_output):
            return self.y * (1 - self.y)

    assert diagnoses(check(Forgets(), random(7, 5))) == [("input", "grad_output")]


def test_gradients_that_are_swapped():
    def times_backward(grad_output, a, b):
        return grad_output * a, grad_output * b

    report = check((torch.mul, times_backward), random(7, 5), random(7, 5, seed=1))
    assert {kind for _, kind in diagnoses(report)} == {"swapped"}


def test_different_dtypes_of_weights_and_inputs_are_refused():
    with pytest.raises(
        SubjectError, match=r"float32 and float64: convert one to the other's, with module.double\(\) or x.float\(\)"
    ):
        check(Linear(5, 3), random(7, 5))


def test_too_many_inputs_are_refused():
    with pytest.raises(SubjectError, match=r"Sigmoid.forward takes 1 input, got 2"):
        check(Sigmoid(), random(7, 5), random(7, 5))
