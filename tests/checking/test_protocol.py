"""What a backward has to do beside being right once: for each check a right subject, and one wrong only there."""

import pytest
import torch
from torch import nn
from torch.autograd.function import once_differentiable

from torchnet import check

from .subject_forms import FORMS, accused, as_function, draw, given_to, kinds


class Product(torch.autograd.Function):
    """x * w, right in every way; each class below changes one thing."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        return grad_output * w, grad_output * x


class StateOnTheClass(Product):
    @staticmethod
    def forward(ctx, x, w):
        StateOnTheClass.x = x
        return Product.forward(ctx, x, w)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.saved_tensors[1], grad_output * StateOnTheClass.x


class ScratchOfTheClass(Product):
    """Saves a buffer that every forward pass overwrites, without telling autograd."""

    buffer = torch.zeros(4, 3, dtype=torch.float64)

    @staticmethod
    def forward(ctx, x, w):
        ctx.buffer = ScratchOfTheClass.buffer if x.shape == (4, 3) else torch.zeros_like(x)
        ctx.buffer.data.copy_(x)
        return Product.forward(ctx, x, w)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.saved_tensors[1], grad_output * ctx.buffer


class ExchangesWhatIsNeeded(Product):
    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        if not ctx.needs_input_grad[1]:
            return grad_output * x, None  # the gradient of w, if only that of x is needed
        return (grad_output * w if ctx.needs_input_grad[0] else None), grad_output * x


class SkipsTheWrongOne(Product):
    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        return grad_output * w if all(ctx.needs_input_grad) else None, grad_output * x


class RaisesForASubset(Product):
    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        if not all(ctx.needs_input_grad):
            raise RuntimeError("both or none")
        return grad_output * w, grad_output * x


class SinCos(torch.autograd.Function):
    """Two outputs whose upstream gradients may be undefined."""

    @staticmethod
    def forward(ctx, x):
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(x)
        return x.sin(), x.cos()

    @staticmethod
    def backward(ctx, g_sin, g_cos):
        (x,) = ctx.saved_tensors
        gradient = torch.zeros_like(x)
        if g_sin is not None:
            gradient = gradient + g_sin * x.cos()
        if g_cos is not None:
            gradient = gradient - g_cos * x.sin()
        return gradient


class DropsAll(SinCos):
    @staticmethod
    def backward(ctx, g_sin, g_cos):
        if g_sin is None or g_cos is None:
            return None
        return SinCos.backward(ctx, g_sin, g_cos)


class AddsNone(SinCos):
    @staticmethod
    def backward(ctx, g_sin, g_cos):
        (x,) = ctx.saved_tensors
        return g_sin * x.cos() - g_cos * x.sin()


class Materialized(torch.autograd.Function):
    """The same as AddsNone, and right: autograd materializes zeros."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin(), x.cos()

    backward = AddsNone.backward


class Doubled(torch.autograd.Function):
    """2 x, into x."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, grad_output):
        return 2 * grad_output


class DoubledUnmarked(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.mul_(2).clone()

    @staticmethod
    def backward(ctx, grad_output):
        return 2 * grad_output


class ChangesTheOther(Product):
    @staticmethod
    def forward(ctx, x, w):
        y = Product.forward(ctx, x.clone(), w.clone())
        w.zero_()
        return y


class ChangesSavedTensors(Product):
    """The backward divides the saved weight, past autograd."""

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        gradients = grad_output * w, grad_output * x
        w.data.mul_(0.5)
        return gradients


class Cube(torch.autograd.Function):
    """x³, whose backward autograd can differentiate once more."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 3 * grad_output * x * x


class CubeOfData(Cube):
    """The first derivative is right, and that of the backward is not: a factor is hidden from autograd."""

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return 3 * grad_output * x * x.detach()


class CubeOnce(CubeOfData):
    backward = staticmethod(once_differentiable(CubeOfData.backward))


class CubeOfAnIntermediate(torch.autograd.Function):
    """Keeps x² as an attribute, which autograd does not follow."""

    @staticmethod
    def forward(ctx, x):
        ctx.square = x * x
        return x**3

    @staticmethod
    def backward(ctx, grad_output):
        return 3 * grad_output * ctx.square


class Square(torch.autograd.Function):
    @staticmethod
    def forward(x, w):
        return x * x * w

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        return 2 * grad_output * x * w, grad_output * x * x

    @staticmethod
    def jvp(ctx, dx, dw):
        x, w = ctx.saved_tensors
        terms = [2 * x * w * dx if dx is not None else None, x * x * dw if dw is not None else None]
        return sum(term for term in terms if term is not None)


class SquareJvpOfX(Square):
    @staticmethod
    def jvp(ctx, dx, dw):
        return Square.jvp(ctx, 0.5 * dx if dx is not None else None, dw)


class SquareJvpOfW(Square):
    @staticmethod
    def jvp(ctx, dx, dw):
        return Square.jvp(ctx, dx, -dw if dw is not None else None)


class Generated(torch.autograd.Function):
    """vmap by the rule that torch generates; the sum is over a sample."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x):
        return x * x.sum()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * x.sum() + (grad_output * x).sum()


class WithVmap(Generated):
    generate_vmap_rule = False

    @staticmethod
    def vmap(info, in_dims, x):
        x = x.movedim(in_dims[0], 0)
        return x * x.flatten(1).sum(1).view(-1, *[1] * (x.dim() - 1)), 0


class WithWrongVmap(Generated):
    generate_vmap_rule = False

    @staticmethod
    def vmap(info, in_dims, x):
        return WithWrongVmap.apply(x), in_dims[0]  # the sum is over all samples


class AtRandom(torch.autograd.Function):
    calls = 0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad_output):
        AtRandom.calls += 1
        (x,) = ctx.saved_tensors
        return grad_output * x.cos() * (1 if AtRandom.calls < 2 else 1 + 1e-3 * (AtRandom.calls % 3))


XW, X = ((4, 3), (4, 3)), ((4, 3),)
WRONG = {
    # a subject that is wrong in one way: shapes, the kinds of finding that say so, words of the sentence
    StateOnTheClass: (XW, {"stale state"}, "second forward pass"),
    ScratchOfTheClass: (XW, {"stale state"}, "second forward pass"),
    ExchangesWhatIsNeeded: (XW, {"needs_input_grad"}, "when only x requires a gradient"),
    SkipsTheWrongOne: (XW, {"needs_input_grad"}, "when only x requires a gradient"),
    RaisesForASubset: (XW, {"raises"}, "both or none"),
    DropsAll: (X, {"undefined upstream gradient"}, "only one output"),
    AddsNone: (X, {"raises"}, "NoneType"),
    DoubledUnmarked: (X, {"side effect"}, "mark_dirty"),
    ChangesTheOther: (XW, {"side effect"}, "w"),
    ChangesSavedTensors: (XW, {"side effect"}, "w"),
    SquareJvpOfX: (XW, {"jvp"}, "direction of x"),
    SquareJvpOfW: (XW, {"jvp"}, "direction of w"),
    WithWrongVmap: (X, {"vmap"}, "loop"),
}
RIGHT = {
    Product: (XW, {"two forward passes", "each input alone", "changes in place", "repeat"}),
    SinCos: (X, {"each output alone"}),
    Materialized: (X, {"each output alone"}),
    Doubled: (X, {"changes in place", "two forward passes"}),
    Square: (XW, {"jvp"}),
    Generated: (X, {"vmap"}),
    WithVmap: (X, {"vmap"}),
    CubeOnce: (X, {"two forward passes"}),
}


def _id(function):
    return function.__name__


@pytest.mark.parametrize("function", WRONG, ids=_id)
def test_what_is_wrong_in_one_way_is_found(function):
    shapes, expected, words = WRONG[function]
    report = check(function, *draw(*shapes))
    assert accused(report) == [], report
    assert set(kinds(report)) == expected, report
    assert any(words in finding.text for finding in report.findings), report


@pytest.mark.parametrize("function", [StateOnTheClass, ExchangesWhatIsNeeded, DropsAll, DoubledUnmarked], ids=_id)
def test_what_is_wrong_in_one_way_is_found_through_a_lambda(function):
    shapes, expected, _ = WRONG[function]
    report = check(lambda *args: function.apply(*args), *draw(*shapes))
    assert accused(report) == [], report
    assert set(kinds(report)) == expected, report


class Around(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.w = nn.Parameter(torch.linspace(1, 2, 12, dtype=torch.float64).view(4, 3))

    def forward(self, x):
        return self.function.apply(x, self.w)


@pytest.mark.parametrize("function", [StateOnTheClass, SkipsTheWrongOne], ids=_id)
def test_what_is_wrong_in_one_way_is_found_through_a_module(function):
    assert check(Around(Product), *draw((4, 3))).passed
    report = check(Around(function), *draw((4, 3)))
    assert WRONG[function][1] & set(kinds(report)), report


@pytest.mark.parametrize("function", RIGHT, ids=_id)
@pytest.mark.parametrize("thorough", [False, True])
def test_what_is_right_passes_and_the_report_lists_what_was_tried(function, thorough):
    shapes, expected = RIGHT[function]
    report = check(function, *draw(*shapes), thorough=thorough)
    assert report.passed, report
    tried = ", ".join(report.tried)
    assert all(what in tried for what in expected), tried
    assert not any("thorough" in what for what in report.untried) or not thorough


def test_what_does_not_apply_is_not_listed():
    tried = ", ".join(check(Cube, *draw((4, 3))).tried)
    assert not any(what in tried for what in ("jvp", "vmap", "each input alone", "each output alone", "input_grad"))


def test_a_wrong_double_backward_is_found_with_thorough():
    (x,) = draw((4, 3))
    assert any("double backward" in what and "thorough=True" in what for what in check(Cube, x).untried)
    report = check(Cube, x, thorough=True)
    assert report.passed, report
    assert any("double backward" in what for what in report.tried)
    for function in (CubeOfData, CubeOfAnIntermediate):
        assert check(function, x).passed
        report = check(function, x, thorough=True)
        assert kinds(report) == ["double backward"], report
        assert "once_differentiable" in report.findings[0].text
        assert accused(report) == []
    report = check(CubeOnce, x, thorough=True)
    assert report.passed, report


def test_many_inputs_are_asked_for_one_by_one_with_thorough():
    class Sum(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            return sum(inputs)

        @staticmethod
        def backward(ctx, grad_output):
            gradients = [grad_output] * 8
            if not ctx.needs_input_grad[0]:
                gradients[5] = 2 * grad_output
            return tuple(gradients)

    inputs = draw(*[(3,)] * 8)
    report = check(Sum, *inputs)
    assert report.passed
    assert any("each input alone" in what and "thorough=True" in what for what in report.untried), report.untried
    assert kinds(check(Sum, *inputs, thorough=True)) == ["needs_input_grad"]


def test_a_backward_that_is_not_repeatable():
    AtRandom.calls = 0
    report = check(AtRandom, *draw((4, 3)))
    assert not report.passed
    assert "not repeatable" in kinds(report) or accused(report) == [0]


@pytest.mark.parametrize("form", ["pair", "NumPy pair", "Function", "lambda around apply", "module"])
def test_a_backward_that_counts_its_calls(form):
    calls = []

    def backward(xp, grad_output, x):
        calls.append(1)
        return 2 * grad_output * x + (1e-3 if len(calls) > 1 else 0)

    report = check(FORMS[form](lambda xp, x: x * x, backward), *given_to(form, draw((4, 3))))
    assert kinds(report) == ["not repeatable"], report


def _in_order_of_memory(x):
    return torch.as_strided(x, x.shape, torch.empty(x.shape).stride())


@pytest.mark.parametrize(
    ("backward", "words"),
    [
        (lambda xp, g, x: 2 * _in_order_of_memory(g) * x, "grad_output"),
        (lambda xp, g, x: 2 * g * _in_order_of_memory(x), "inputs"),
        (lambda xp, g, x: 2 * (g.contiguous() if 0 in g.stride() else g).view(-1).view(x.shape) * x, "transposed"),
        (lambda xp, g, x: 2 * (g if 0 in g.stride() else g.clone()).mul_(x), "expanded"),
    ],
    ids=["order of grad_output", "order of inputs", "view", "writes into an expanded one"],
)
@pytest.mark.parametrize("form", ["pair", "Function", "lambda around apply", "module", "object"])
def test_memory_layouts(form, backward, words):
    report = check(FORMS[form](lambda xp, x: x * x, backward), *draw((4, 3)))
    assert accused(report) == [], report
    assert report.findings, report
    assert words in report.findings[0].text
    assert "memory layout" in kinds(report) or kinds(report) == ["raises"]


@pytest.mark.parametrize("form", ["pair", "Function", "module", "object"])
def test_a_backward_that_respects_strides_is_tried_in_each(form):
    right = FORMS[form](lambda xp, x: x * x, lambda xp, grad_output, x: 2 * grad_output * x)
    report = check(right, *draw((4, 3)))
    assert report.passed, report
    for what in ("transposed grad_output", "expanded grad_output", "transposed inputs", "repeatable"):
        assert what in report.tried, report.tried


class WithState(nn.Module):
    """A layer that accumulates, keeps what it saw first, or ignores input_grad; right otherwise."""

    def __init__(self, fault=""):
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(1, 2, 3, dtype=torch.float64), requires_grad=False)
        self.fault, self.x = fault, None

    def forward(self, x):
        if self.x is None or self.fault != "stale":
            self.x = x
        return x * self.weight

    def backward(self, grad_output, input_grad=True):
        grad = (grad_output * self.x).sum(0)
        accumulates = self.fault == "accumulates" and self.weight.grad is not None
        self.weight.grad = self.weight.grad + grad if accumulates else grad
        if self.fault == "input_grad" and not input_grad:
            self.weight.grad = None
        return grad_output * self.weight if input_grad else None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [("", []), ("stale", ["stale state"]), ("accumulates", []), ("input_grad", ["input_grad"])],
)
def test_the_protocol_of_a_layer(fault, expected):
    report = check(WithState(fault), *draw((4, 3)))
    assert kinds(report) == expected, report
    assert accused(report) == []
    assert "another pass before" in report.tried
    assert "input_grad=False" in report.tried


def test_a_finding_of_a_kind_is_said_once():
    def backward(xp, grad_output, x):
        return 2 * _in_order_of_memory(grad_output) * _in_order_of_memory(x)

    report = check(as_function(lambda xp, x: x * x, backward), *draw((4, 3)))
    assert kinds(report) == ["memory layout"]


def test_a_protocol_that_fails_is_not_passed():
    report = check(StateOnTheClass, *draw(*XW))
    assert all(verdict.passed for verdict in report.tensors)
    assert not report.passed
    with pytest.raises(AssertionError, match="second forward pass"):
        report.raise_if_failed()
