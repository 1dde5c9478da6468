"""Kinds of mistake that a check of one pass at one point does not see."""

import inspect
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from torchnet import check

from .subject_forms import EVERY, FEW, FORMS, accused, accused_names, as_function, as_pair, draw, given_to, kinds

# The upstream gradients of outputs of equal shape.


def _sin_exp(xp, x):
    return xp.sin(x), xp.exp(x)


def _sin_exp_backward(xp, ga, gb, x):
    return ga * xp.cos(x) + gb * xp.exp(x)


def _product_sum(xp, x, y):
    return x * y, x + y


def _product_sum_backward(xp, ga, gb, x, y):
    return ga * y + gb, ga * x + gb


def _centered(xp, x):
    mean = x.mean(0, keepdims=True)
    return x - mean, xp.tanh(x)


def _centered_backward(xp, ga, gb, x):
    return ga - ga.mean(0, keepdims=True) + gb * (1 - xp.tanh(x) ** 2)


def _sin_exp_square(xp, x):
    return xp.sin(x), xp.exp(x), x * x


def _sin_exp_square_backward(xp, ga, gb, gc, x):
    return ga * xp.cos(x) + gb * xp.exp(x) + 2 * gc * x


def _exchanged(backward, i, j):
    def wrong(xp, *args):
        args = list(args)
        args[i], args[j] = args[j], args[i]
        return backward(xp, *args)

    wrong.__signature__ = inspect.signature(backward)
    return wrong


TWO_OUTPUTS = {
    "sin, exp": (_sin_exp, _sin_exp_backward, 1),
    "product, sum": (_product_sum, _product_sum_backward, 2),
    "centered, tanh": (_centered, _centered_backward, 1),
}


@pytest.mark.parametrize("form", EVERY)
@pytest.mark.parametrize("name", ["sin, exp", "product, sum"])
def test_exchanged_upstream_gradients_of_two_outputs(form, name):
    forward, backward, count = TWO_OUTPUTS[name]
    inputs = given_to(form, draw(*[(4, 3)] * count))
    report = check(FORMS[form](forward, _exchanged(backward, 0, 1)), *inputs)
    assert accused(report) == list(range(count)), report
    texts = [verdict.diagnosis.text for verdict in report.tensors]
    assert all("the upstream gradients of outputs 0 and 1 are exchanged" in text for text in texts), texts


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize("name", TWO_OUTPUTS)
def test_right_gradients_of_two_outputs_pass(form, name):
    forward, backward, count = TWO_OUTPUTS[name]
    report = check(FORMS[form](forward, backward), *given_to(form, draw(*[(4, 3)] * count)))
    assert report.passed, report


@pytest.mark.parametrize("form", ["pair", "NumPy pair", "lambda around apply"])
@pytest.mark.parametrize(("i", "j"), [(0, 1), (0, 2), (1, 2)])
def test_exchanged_upstream_gradients_of_three_outputs(form, i, j):
    inputs = given_to(form, draw((4, 3)))
    report = check(FORMS[form](_sin_exp_square, _exchanged(_sin_exp_square_backward, i, j)), *inputs)
    assert accused(report) == [0]
    assert f"the upstream gradients of outputs {i} and {j} are exchanged" in report.tensors[0].diagnosis.text


def test_right_gradients_of_three_outputs_pass():
    assert check(as_function(_sin_exp_square, _sin_exp_square_backward), *draw((4, 3))).passed


# A true gradient that is zero.


def _steps(name):
    def forward(xp, x):
        return getattr(xp, name)(x)

    return forward


STEPS = ["floor", "round", "sign"]


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize("name", STEPS)
def test_a_nonzero_gradient_of_a_step_function_is_wrong(form, name):
    inputs = given_to(form, draw((3, 4)))
    for wrong in (lambda xp, grad_output, x: 1.5 * grad_output, lambda xp, grad_output, x: 1e-6 * grad_output):
        report = check(FORMS[form](_steps(name), wrong), *inputs)
        assert accused(report) == [0], report


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize("name", STEPS)
def test_a_zero_gradient_of_a_step_function_is_right(form, name):
    report = check(FORMS[form](_steps(name), lambda xp, grad_output, x: 0 * grad_output), *given_to(form, draw((3, 4))))
    assert report.passed, report


def _linear_centered(xp, x, w, b):
    h = x @ w + b
    return h - h.mean(0)


def _linear_centered_backward(xp, g, x, w, b):
    dh = g - g.mean(0)
    return dh @ w.T, x.T @ dh, dh.sum(0)


def _linear_centered_wrong(xp, g, x, w, b):
    dx, dw, _ = _linear_centered_backward(xp, g, x, w, b)
    return dx, dw, g.sum(0)


def _linear_centered_slightly_wrong(xp, g, x, w, b):
    dx, dw, db = _linear_centered_backward(xp, g, x, w, b)
    return dx, dw, db + 1e-7


def _softmax(xp, z):
    e = xp.exp(z)
    return e / e.sum(1, keepdims=True)


def _shifted_softmax(xp, x, shift):
    return _softmax(xp, x + shift)


def _shifted_softmax_backward(xp, g, x, shift):
    p = _softmax(xp, x + shift)
    dz = p * (g - (g * p).sum(1, keepdims=True))
    return dz, dz.sum(1, keepdims=True)


def _shifted_softmax_wrong(xp, g, x, shift):
    return _shifted_softmax_backward(xp, g, x, shift)[0], g.sum(1, keepdims=True)


def _there_and_back(xp, x, shift):
    return xp.sin((x + shift) - shift)


def _there_and_back_backward(xp, g, x, shift):
    dx = g * xp.cos(x)
    return dx, (dx - dx).sum(0)


def _there_and_back_wrong(xp, g, x, shift):
    dx = g * xp.cos(x)
    return dx, dx.sum(0)


CANCELING = {
    "bias before a mean": (
        _linear_centered,
        _linear_centered_backward,
        (_linear_centered_wrong, _linear_centered_slightly_wrong),
        ((7, 5), (5, 4), (4,)),
    ),
    "shift before softmax": (
        _shifted_softmax,
        _shifted_softmax_backward,
        (_shifted_softmax_wrong,),
        ((6, 4), (6, 1)),
    ),
    "shift and back": (_there_and_back, _there_and_back_backward, (_there_and_back_wrong,), ((5, 3), (3,))),
}


@pytest.mark.parametrize("form", ["pair", "NumPy pair"])
@pytest.mark.parametrize("name", CANCELING)
def test_a_right_gradient_that_cancels_to_zero_passes_for_every_seed(form, name):
    forward, backward, _, shapes = CANCELING[name]
    for seed in range(5):
        inputs = given_to(form, draw(*shapes, seed=seed))
        report = check(FORMS[form](forward, backward), *inputs, seed=seed, other_inputs=seed == 0)
        assert report.passed, f"seed {seed}\n{report}"


@pytest.mark.parametrize("form", ["Function", "lambda around apply", "module"])
@pytest.mark.parametrize("name", CANCELING)
def test_a_right_gradient_that_cancels_to_zero_passes_in_every_form(form, name):
    forward, backward, _, shapes = CANCELING[name]
    report = check(FORMS[form](forward, backward), *draw(*shapes, seed=1), other_inputs=False)
    assert report.passed, report


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize("name", CANCELING)
def test_a_wrong_gradient_where_it_should_cancel_to_zero_fails(form, name):
    forward, _, wrong, shapes = CANCELING[name]
    for backward in wrong:
        report = check(FORMS[form](forward, backward), *given_to(form, draw(*shapes)))
        assert accused(report) == [len(shapes) - 1], report


@pytest.mark.parametrize("form", ["pair", "NumPy pair", "Function"])
def test_an_output_that_is_zero_everywhere(form):
    def forward(xp, x, w):
        return x - x + w

    inputs = given_to(form, draw((3, 4), (3, 4)))
    assert check(FORMS[form](forward, lambda xp, grad_output, x, w: (0 * grad_output, grad_output)), *inputs).passed
    wrong = check(FORMS[form](forward, lambda xp, grad_output, x, w: (grad_output, grad_output)), *inputs)
    assert accused(wrong) == [0]


# Trees of tensors.


def _affine(x, w, b, scale):
    return torch.tanh(x @ w + b) * scale


def _affine_backward(g, x, w, b, scale):
    t = torch.tanh(x @ w + b)
    dz = g * scale * (1 - t * t)
    return dz @ w.T, x.T @ dz, dz.sum(0), (g * t).sum(0)


class Affine(torch.autograd.Function):
    wrong = None  # which gradient is halved

    @staticmethod
    def forward(ctx, *inputs):
        ctx.save_for_backward(*inputs)
        return _affine(*inputs)

    @staticmethod
    def backward(ctx, g):
        return tuple(_halved(_affine_backward(g, *ctx.saved_tensors), Affine.wrong))


def _halved(gradients, which):
    return [0.5 * gradient if i == which else gradient for i, gradient in enumerate(gradients)]


def _list(x, w, b, s):
    return ([x, w, b, s],), {}, ["tree[0]", "tree[1]", "tree[2]", "tree[3]"]


def _tuple(x, w, b, s):
    return ((x, w, (b, s)),), {}, ["tree[0]", "tree[1]", "tree[2][0]", "tree[2][1]"]


def _nested_dict(x, w, b, s):
    tree = {"x": x, "layer": {"w": w, "b": b}, "rest": [s]}
    return (tree,), {}, ["tree['x']", "tree['layer']['w']", "tree['layer']['b']", "tree['rest'][0]"]


def _mixed(x, w, b, s):
    return (x, {"w": w, "b": [b]}), {"scale": s}, ["x", "tree['w']", "tree['b'][0]", "scale"]


def _keywords(x, w, b, s):
    return (x,), {"tree": {"w": w, "b": b}, "scale": s}, ["x", "tree['w']", "tree['b']", "scale"]


def _flat(args, kwargs):
    return torch.utils._pytree.tree_leaves((*args, *kwargs.values()))


TREES = {
    "list": (_list, lambda tree: tree),
    "tuple": (_tuple, lambda tree: tree),
    "nested dict": (_nested_dict, lambda tree: tree),
    "tree beside tensors": (_mixed, lambda x, tree, scale: (x, tree, scale)),
    "keyword arguments": (_keywords, lambda x, tree, scale: (x, tree, scale)),
}


@pytest.mark.parametrize("through", ["lambda around apply", "pair"])
@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("wrong", [None, 1, 3])
def test_every_leaf_of_a_tree_is_differentiated(name, through, wrong, monkeypatch):
    build, signature = TREES[name]
    args, kwargs, names = build(*draw((5, 3), (3, 4), (4,), (4,)))
    monkeypatch.setattr(Affine, "wrong", wrong)

    def forward(*args, **kwargs):
        call = Affine.apply if through == "lambda around apply" else _affine
        return call(*_flat(args, kwargs))

    def backward(g, *args, **kwargs):
        gradients = _halved(_affine_backward(g, *_flat(args, kwargs)), wrong)
        flat, spec = torch.utils._pytree.tree_flatten((*args, *kwargs.values()))
        assert len(flat) == len(gradients)
        tree = torch.utils._pytree.tree_unflatten(gradients, spec)
        return tree if len(tree) > 1 else tree[0]

    forward.__signature__ = inspect.signature(signature)
    parameter = inspect.Parameter("grad_output", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    backward.__signature__ = forward.__signature__.replace(
        parameters=[parameter, *forward.__signature__.parameters.values()]
    )
    subject = forward if through == "lambda around apply" else (forward, backward)
    report = check(subject, *args, kwargs=kwargs, other_inputs=wrong is None)
    assert sorted(verdict.name for verdict in report.tensors) == sorted(names)
    assert accused_names(report) == ([] if wrong is None else [names[wrong]]), report
    assert report.findings == []


@pytest.mark.parametrize("name", TREES)
def test_every_leaf_of_a_tree_is_cast(name):
    build, signature = TREES[name]
    args, kwargs, _ = build(*draw((5, 3), (3, 4), (4,), (4,), dtype=torch.float32))
    seen = set()

    def forward(*args, **kwargs):
        leaves = _flat(args, kwargs)
        seen.add(tuple(leaf.dtype for leaf in leaves))
        return _affine(*leaves)

    forward.__signature__ = inspect.signature(signature)
    report = check(forward, *args, kwargs=kwargs, other_inputs=False)
    assert report.passed, report
    assert (torch.float64,) * 4 in seen
    assert (torch.float32,) * 4 in seen
    assert all(len(set(dtypes)) == 1 or any(dtype.is_complex for dtype in dtypes) for dtypes in seen), seen


def test_arrays_in_trees_of_numpy_code():
    def forward(params, x):
        return np.tanh(x @ params["W"] + params["b"])

    def backward(grad_output, params, x):
        dz = grad_output * (1 - forward(params, x) ** 2)
        return {"W": x.T @ dz, "b": dz.sum(0)}, dz @ params["W"].T

    def wrong(grad_output, params, x):
        grads, dx = backward(grad_output, params, x)
        return grads | {"b": grads["b"] / len(x)}, dx

    x, w, b = (t.numpy() for t in draw((5, 3), (3, 4), (4,)))
    assert check((forward, backward), {"W": w, "b": b}, x).passed
    assert accused_names(check((forward, wrong), {"W": w, "b": b}, x)) == ["params['b']"]


# A change of grad_output in place.


def _scaled(xp, x, w):
    return x * w


def _in_place(share_of_w):
    def backward(xp, grad_output, x, w):
        dw = share_of_w * (grad_output * x).sum(0)
        grad_output *= w
        return grad_output, dw

    return backward


@pytest.mark.parametrize("form", EVERY)
def test_a_change_of_grad_output_is_one_side_effect_and_accuses_no_gradient(form):
    report = check(FORMS[form](_scaled, _in_place(1.0)), *given_to(form, draw((4, 3), (3,))))
    assert kinds(report) == ["side effect"], report
    assert "grad_output" in report.findings[0].text
    assert accused(report) == [], report


@pytest.mark.parametrize("form", EVERY)
def test_beside_a_change_of_grad_output_only_the_wrong_gradient_is_accused(form):
    report = check(FORMS[form](_scaled, _in_place(0.5)), *given_to(form, draw((4, 3), (3,))))
    assert kinds(report) == ["side effect"], report
    assert accused(report) == [1], report


def test_the_change_of_grad_output_of_the_issue():
    x, w = draw((4, 3), (3,))
    report = check((lambda x, w: x * w, lambda g, x, w: ((g * x).sum(0), g.mul_(w))[::-1]), x, w)
    assert [(where, what.kind) for where, what in report.diagnoses] == [("backward", "side effect")]


@pytest.mark.parametrize("form", FEW)
def test_one_of_two_upstream_gradients_changed_in_place(form):
    def backward(xp, ga, gb, x, y):
        gb += ga * y
        return gb, ga * x + (gb - ga * y)

    report = check(FORMS[form](_product_sum, backward), *given_to(form, draw((4, 3), (4, 3))))
    assert kinds(report) == ["side effect"], report
    assert accused(report) == []


# State outside of ctx.


class StateOnTheClass(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        StateOnTheClass.x = x
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        return 2 * grad_output * StateOnTheClass.x


_state: dict = {}


class StateInAGlobal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x)
        _state["w"] = w
        return x * w

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * _state["w"], grad_output * ctx.saved_tensors[0]


class KeepsTheFirst(torch.autograd.Function):
    """Computes a table once, from the first input that it gets."""

    table: ClassVar[dict] = {}

    @staticmethod
    def forward(ctx, x):
        ctx.table = KeepsTheFirst.table.setdefault(x.shape, x.cos())
        return x.sin()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * ctx.table


STATE = {StateOnTheClass: ((4, 3),), StateInAGlobal: ((4, 3), (4, 3))}


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: f.apply, lambda f: lambda *args: f.apply(*args)])
@pytest.mark.parametrize("function", STATE, ids=lambda f: f.__name__)
def test_state_that_a_second_forward_overwrites(function, wrap):
    report = check(wrap(function), *draw(*STATE[function]))
    assert kinds(report) == ["stale state"], report
    assert accused(report) == []


def test_state_that_is_kept_from_the_first_call():
    KeepsTheFirst.table.clear()
    assert not check(KeepsTheFirst, *draw((4, 3))).passed


class StateOnItsModule(nn.Module):
    """A module around a Function that reads what the last forward pass left on the module."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.linspace(1, 2, 3, dtype=torch.float64))

    def forward(self, x):
        return StateInAGlobal.apply(x, self.w.expand(x.shape))


def test_state_in_a_module_around_a_function():
    report = check(StateOnItsModule(), *draw((4, 3)))
    assert not report.passed
    assert "stale state" in kinds(report), report


# Right at the given inputs only.


def _weight_is_forgotten(xp, grad_output, x, w):
    return grad_output, (grad_output * x).sum(0)


@pytest.mark.parametrize("form", EVERY)
def test_right_only_for_a_weight_of_ones(form):
    (x,) = draw((4, 3))
    report = check(FORMS[form](_scaled, _weight_is_forgotten), *given_to(form, [x, torch.ones_like(x[0])]))
    assert kinds(report) == ["other inputs"], report
    assert accused(report) == [0]


def test_right_only_for_a_weight_of_ones_in_a_layer():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, dtype=torch.float64), requires_grad=False)

        def forward(self, x):
            self.x = x
            return x * self.weight

        def backward(self, grad_output):
            self.weight.grad = (grad_output * self.x).sum(0)
            return grad_output

    report = check(Scale(), *draw((4, 3)))
    assert kinds(report) == ["other inputs"]
    assert accused_names(report) == ["input"]


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize("right", [True, False])
def test_right_only_for_positive_inputs(form, right):
    def backward(xp, grad_output, x):
        return grad_output * xp.sign(x) if right else grad_output

    inputs = given_to(form, [x.abs() + 0.1 for x in draw((4, 3))])
    report = check(FORMS[form](lambda xp, x: abs(x), backward), *inputs)
    assert report.passed == right, report
    if not right:
        assert kinds(report) == ["other inputs"]
        assert "both signs" in report.place + report.findings[0].text


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize("right", [True, False])
def test_right_only_for_more_than_one_sample(form, right):
    def backward(xp, grad_output, x):
        return 0 * x + grad_output / (len(x) if right else max(len(x), 2))

    report = check(FORMS[form](lambda xp, x: x.mean(0), backward), *given_to(form, draw((5, 3))))
    assert report.passed == right, report
    if not right:
        assert kinds(report) == ["other inputs"]
        assert "a first dimension of 1" in report.findings[0].text


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize(("size", "right"), [(4, False), (8, False), (8, True)])
def test_right_only_for_multiples_of_a_block_size(form, size, right):
    def backward(xp, grad_output, x):
        gradient = 3 * grad_output * x * x
        tail = x.shape[-1] // 4 * 4
        return gradient if right else xp.where(xp.arange(x.shape[-1]) < tail, gradient, 0 * gradient)

    report = check(FORMS[form](lambda xp, x: x**3, backward), *given_to(form, draw((5, size))))
    assert report.passed == right, report
    if not right:
        assert kinds(report) == ["other inputs"]
        assert f"{size - 1} instead of {size}" in report.findings[0].text


def _as_in_memory(xp, x):
    """Read the numbers in the order of memory, as a kernel that ignores strides does."""
    if xp is np:
        return x.ravel(order="K").reshape(x.shape)
    return torch.as_strided(x, x.shape, torch.empty(x.shape).stride())


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize("which", ["inputs", "grad_output"])
def test_right_only_for_contiguous_tensors(form, which):
    def backward(xp, grad_output, x):
        x, g = (
            _as_in_memory(xp, t) if name == which else t for name, t in (("inputs", x), ("grad_output", grad_output))
        )
        return 2 * g * x

    report = check(FORMS[form](lambda xp, x: x * x, backward), *given_to(form, draw((4, 3))))
    assert "memory layout" in kinds(report), report
    assert accused(report) == []
    assert ("inputs" if which == "inputs" else "grad_output") in report.findings[0].text


@pytest.mark.parametrize("build", [as_pair, as_function])
def test_an_expanded_grad_output_that_is_written_into(build):
    """Right and without a side effect, unless grad_output has strides of 0."""

    def backward(xp, grad_output, x):
        scratch = grad_output if 0 in grad_output.stride() else grad_output.clone()
        return scratch.mul_(2 * x)

    report = check(build(lambda xp, x: x * x, backward), *draw((4, 3)))
    assert not report.passed
    assert "expanded" in report.findings[0].text


def test_a_right_function_is_tried_at_all_of_these():
    report = check(as_function(_scaled, lambda xp, g, x, w: (g * w, (g * x).sum(0))), *draw((6, 4), (4,)))
    assert report.passed
    tried = ", ".join(report.tried)
    for what in (
        "jittered",
        "both signs",
        "first dimension of 1",
        "5 instead of 6",
        "3 instead of 4",
    ):
        assert what in tried, tried
    for what in ("transposed grad_output", "expanded grad_output", "transposed inputs", "two forward passes"):
        assert what in tried, tried


class OnUnitInterval(torch.autograd.Function):
    """x², which refuses everything outside of [0, 1]."""

    @staticmethod
    def forward(ctx, x):
        if not ((x >= 0) & (x <= 1)).all():
            raise ValueError("outside of [0, 1]")
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad_output):
        return 2 * grad_output * ctx.saved_tensors[0]


@pytest.mark.parametrize("oracles", [None, ["central differences", "Taylor"]])
def test_inputs_at_the_edge_of_the_domain(oracles):
    x = torch.tensor([1.0, 0.2, 0.9995, 0.0], dtype=torch.float64)
    for right in (OnUnitInterval, lambda x: OnUnitInterval.apply(x)):
        assert check(right, x).passed
    forward = OnUnitInterval.apply
    assert check((lambda x: forward(x), lambda g, x: 2 * g * x), x, oracles=oracles).passed
    assert not check((lambda x: forward(x), lambda g, x: 3 * g * x), x, oracles=oracles).passed


def test_a_numpy_function_that_computes_in_float32_inside():
    def forward(x):
        return np.square(np.asarray(x, dtype=np.float32))

    x = draw((6,))[0].float().numpy()
    assert check((forward, lambda g, x: 2 * g * x), x).passed
    assert not check((forward, lambda g, x: 3 * g * x), x).passed
