"""Every form of a backward pass that torchnet.check takes, and what users get wrong in handing one over."""

import functools
import random
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import torchnet
from torchnet import check
from torchnet.checking import SubjectError

from .subject_forms import FEW, FORMS, accused, accused_names, as_function, draw, given_to, kinds

# Functions, and whatever is around them.


def _swish(xp, x, w):
    s = 1 / (1 + xp.exp(-w * x))
    return x * s


def _swish_backward(xp, grad_output, x, w):
    s = 1 / (1 + xp.exp(-w * x))
    dz = grad_output * x * s * (1 - s)
    return grad_output * s + dz * w, (dz * x).sum(0)


def _swish_wrong(which):
    def backward(xp, grad_output, x, w):
        gradients = list(_swish_backward(xp, grad_output, x, w))
        gradients[which] = gradients[which] * 1.001
        return tuple(gradients)

    return backward


@pytest.mark.parametrize("form", FORMS)
def test_right_in_every_form(form):
    report = check(FORMS[form](_swish, _swish_backward), *given_to(form, draw((4, 3), (3,))))
    assert report.passed, report
    assert [verdict.shape for verdict in report.tensors] == [(4, 3), (3,)]
    assert all(verdict.comparisons for verdict in report.tensors)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", [0, 1])
def test_wrong_in_every_form_with_exactly_the_wrong_tensor_accused(form, which):
    report = check(FORMS[form](_swish, _swish_wrong(which)), *given_to(form, draw((4, 3), (3,))))
    assert accused(report) == [which], report
    assert accused_names(report) == ["xw"[which]]
    assert report.tensors[which].scale == pytest.approx(1.001)


class Power(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, p):
        ctx.save_for_backward(x)
        ctx.p = p
        return x**p

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return ctx.p * grad_output * x ** (ctx.p - 1), None


class WrongPower(Power):
    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return (ctx.p - 1) * grad_output * x ** (ctx.p - 1), None


class Powers(nn.Module):
    """A module with parameters around a Function."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.linear = nn.Linear(3, 4, dtype=torch.float64)
        self.scale = nn.Parameter(torch.linspace(1, 2, 4, dtype=torch.float64))

    def forward(self, x):
        return self.function.apply(self.linear(x), 3) * self.scale


def _plain(function, x, p=3):
    return function.apply(x, p)


AROUND = {
    "the Function": lambda f: (f, 3),
    "its apply": lambda f: (f.apply, 3),
    "a lambda": lambda f: (lambda x: f.apply(x, 3),),
    "a partial": lambda f: (functools.partial(_plain, f),),
    "a longer computation": lambda f: (lambda x: (f.apply(x.sin(), 3) * x).sum(1),),
    "a method": lambda f: (Powers(f).forward,),
}


@pytest.mark.parametrize("around", AROUND)
def test_a_function_and_what_is_around_it(around):
    torch.manual_seed(0)
    subject, *constants = AROUND[around](Power)
    assert check(subject, *draw((5, 3)), *constants).passed
    subject, *constants = AROUND[around](WrongPower)
    report = check(subject, *draw((5, 3)), *constants)
    assert not report.passed
    assert accused_names(report) == ["x"]


def test_a_module_around_a_function():
    torch.manual_seed(0)
    report = check(Powers(Power), *draw((5, 3)))
    assert report.passed, report
    assert {v.name for v in report.tensors} == {"scale", "linear.weight", "linear.bias", "input"}
    report = check(Powers(WrongPower), *draw((5, 3)))
    assert set(accused_names(report)) == {"linear.weight", "linear.bias", "input"}, report


def test_a_module_of_plain_layers_has_nothing_wrong():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(2, 2, 3), nn.GELU(), nn.Flatten(), nn.Linear(4, 2)).double()
    assert check(net, *draw((3, 2, 4)), other_inputs=False).passed


def test_a_function_of_the_library():
    for function in (functional.gelu, torch.tanh, torch.logsumexp):
        arguments = (1,) if function is torch.logsumexp else ()
        assert check(function, *draw((4, 3)), *arguments).passed


@pytest.mark.parametrize("factor", [2.0, 3.0])
def test_a_custom_op(factor):
    name = f"torchnet_tests::square_{factor:g}".replace(".", "_")

    @torch.library.custom_op(name, mutates_args=())
    def square(x: torch.Tensor) -> torch.Tensor:
        return x * x

    square.register_autograd(
        lambda ctx, grad: factor * grad * ctx.saved_tensors[0],
        setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
    )
    namespace, _, op = name.partition("::")
    for subject in (square, getattr(getattr(torch.ops, namespace), op), lambda x: square(x) + 1):
        report = check(subject, *draw((4, 3)), other_inputs=subject is square)
        assert report.passed == (factor == 2.0), report
        assert accused_names(report) == ([] if factor == 2.0 else ["x"])


@pytest.mark.parametrize("slip", [1.0, 1.01])
def test_keyword_arguments(slip):
    def forward(x, *, scale, bias, times=1):
        return x.sin() * scale * times + bias

    def backward(grad_output, x, *, scale, bias, times):
        return grad_output * x.cos() * scale * times, slip * (grad_output * x.sin() * times).sum(0), grad_output.sum(0)

    (x, scale, bias) = draw((4, 3), (3,), (3,))
    report = check((forward, backward), x, kwargs={"scale": scale, "bias": bias, "times": 2})
    assert accused_names(report) == ([] if slip == 1 else ["scale"]), report
    assert check(forward, x, kwargs={"scale": scale, "bias": bias}).passed


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_keyword_arguments_follow_the_values_and_the_dtype_of_the_check(dtype):
    seen = []

    def backward(grad_output, x, *, scale):
        seen.append((x.dtype, scale.dtype))
        return grad_output * scale, (grad_output * x).sum(0)

    (x, scale) = draw((4, 3), (3,), dtype=dtype)
    report = check((lambda x, *, scale: x * scale, backward), x, kwargs={"scale": scale})
    assert report.passed, report
    assert all(a == b for a, b in seen)
    assert (torch.float64, torch.float64) in seen


# Complex numbers, empty tensors, single numbers.


def _conj_times(x, w):
    return x.conj() * w


COMPLEX = {
    # forward, right backward, wrong backward of the first input
    "complex to complex": (
        _conj_times,
        lambda g, x, w: (g.conj() * w, g * x),
        lambda g, x, w: (g * w.conj(), g * x),
        (torch.complex128, torch.complex128),
    ),
    "complex to real": (
        lambda x: (x * x.conj()).real,
        lambda g, x: 2 * g * x,
        lambda g, x: 2 * g * x.conj(),
        (torch.complex128,),
    ),
    "real to complex": (
        lambda x: torch.complex(x.cos(), x.sin()),
        lambda g, x: -g.real * x.sin() + g.imag * x.cos(),
        lambda g, x: -g.real * x.sin() - g.imag * x.cos(),
        (torch.float64,),
    ),
    "complex and real": (
        lambda x, t: x * t,
        lambda g, x, t: (g * t, (g * x.conj()).real),
        lambda g, x, t: (g * t * 1j, (g * x.conj()).real),
        (torch.complex128, torch.float64),
    ),
}


def _as_function_of(forward, backward):
    class Complex(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *inputs):
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx, grad_output):
            return backward(grad_output, *ctx.saved_tensors)

    return Complex


@pytest.mark.parametrize(
    ("name", "form"),
    [(name, form) for name in COMPLEX for form in ("pair", "Function")]
    + [("complex and real", form) for form in ("lambda", "NumPy pair")]
    + [pytest.param(name, form, marks=pytest.mark.sweep) for name in COMPLEX for form in ("lambda", "NumPy pair")],
)
def test_complex_numbers(name, form):
    forward, right, wrong, dtypes = COMPLEX[name]
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randn(3, 2, dtype=dtype, generator=generator) for dtype in dtypes]
    for backward in (right, wrong):
        subject = (forward, backward)
        if form == "Function":
            subject = _as_function_of(forward, backward)
        elif form == "lambda":
            function = _as_function_of(forward, backward)
            subject = function.apply if len(inputs) == 1 else lambda *args, f=function: f.apply(*args)
        elif form == "NumPy pair":
            if name == "real to complex":
                subject = (lambda x: np.cos(x) + 1j * np.sin(x), _in_numpy(backward))
            else:
                subject = (forward, backward)
            inputs = [x.numpy() if isinstance(x, torch.Tensor) else x for x in inputs]
        report = check(subject, *inputs)
        assert accused(report) == ([] if backward is right else [0]), report


def _in_numpy(backward):
    return lambda *args: backward(*map(torch.from_numpy, args)).numpy()


@pytest.mark.parametrize("form", FEW)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (0, 3), (3, 0)], ids=str)
def test_empty_tensors_and_single_numbers(form, shape):
    def forward(xp, x):
        return xp.sin(x)

    def backward(xp, grad_output, x):
        return grad_output * xp.cos(x)

    def wrong(xp, grad_output, x):
        return grad_output * xp.sin(x)

    inputs = given_to(form, draw(shape))
    assert check(FORMS[form](forward, backward), *inputs).passed
    report = check(FORMS[form](forward, wrong), *inputs)
    assert accused(report) == ([] if 0 in shape else [0]), report  # an empty gradient has nothing that could be wrong


@pytest.mark.parametrize("form", ["pair", "Function"])
def test_an_empty_input_beside_another(form):
    def forward(xp, x, y):
        return xp.concatenate([x, y]) * 2

    def wrong(xp, grad_output, x, y):
        return 2 * grad_output[: len(x)], grad_output[len(x) :]

    report = check(FORMS[form](forward, wrong), *draw((0, 3), (2, 3)))
    assert accused(report) == [1], report


# Which tensors are differentiated.


class SortedWithIndices(torch.autograd.Function):
    @staticmethod
    def forward(x):
        values, indices = x.sort()
        return values, indices, values.round()

    @staticmethod
    def setup_context(ctx, inputs, output):
        _, indices, rounded = output
        ctx.mark_non_differentiable(indices, rounded)
        ctx.save_for_backward(indices)

    @staticmethod
    def backward(ctx, grad_values, grad_indices, grad_rounded):
        return torch.zeros_like(grad_values).scatter(-1, ctx.saved_tensors[0], grad_values)


class SortedWithIndicesWrong(SortedWithIndices):
    @staticmethod
    def backward(ctx, grad_values, grad_indices, grad_rounded):
        return grad_values.gather(-1, ctx.saved_tensors[0])


def test_outputs_marked_as_not_differentiable():
    report = check(SortedWithIndices, *draw((3, 5)))
    assert report.passed, report
    report = check(SortedWithIndicesWrong, *draw((3, 5)))
    assert accused_names(report) == ["x"]


def _table(xp, x, table):
    return x * xp.cos(table)


@pytest.mark.parametrize("form", ["pair", "Function", "module", "object"])
def test_a_float_table_without_a_gradient(form):
    x, table = draw((4, 3), (3,))
    subject = FORMS[form](_table, lambda xp, grad_output, x, table: (grad_output * xp.cos(table), None))
    report = check(subject, x, table)
    assert accused(report) == [1]
    assert "None by design? Pass the others with requires_grad=True" in report.tensors[1].diagnosis.text
    report = check(subject, x.requires_grad_(), table)
    assert report.passed, report
    assert [verdict.name for verdict in report.tensors] == ["x"]


@pytest.mark.parametrize("form", [form for form in FORMS if "NumPy" not in form])
def test_only_inputs_that_require_a_gradient_are_differentiated(form):
    x, w = draw((4, 3), (3,))
    report = check(FORMS[form](_swish, _swish_wrong(1)), x.requires_grad_(), w)
    assert report.passed, report
    assert [verdict.name for verdict in report.tensors] in (["x"], ["input"])
    x, w = draw((4, 3), (3,))
    report = check(FORMS[form](_swish, _swish_wrong(1)), x, w.requires_grad_())
    assert accused_names(report) == ["w"]


class AsksWhatIsNeeded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        dx = grad_output * w if ctx.needs_input_grad[0] else None
        return dx, grad_output * x if ctx.needs_input_grad[1] else None


def test_needs_input_grad():
    x, w = draw((4, 3), (4, 3))
    assert check(AsksWhatIsNeeded, x, w).passed
    assert check(AsksWhatIsNeeded, x.requires_grad_(), w).passed


def test_integer_and_boolean_arguments_pass_through():
    def forward(weight, indices, mask, name, count):
        assert name == "rows"
        assert count == 3
        return weight[indices] * mask[:, None]

    def backward(grad_output, weight, indices, mask, name, count):
        return torch.zeros_like(weight).index_add(0, indices, grad_output * mask[:, None])

    def wrong(grad_output, weight, indices, mask, name, count):
        return torch.zeros_like(weight).index_copy(0, indices, grad_output * mask[:, None])

    (weight,) = draw((5, 3))
    rest = (torch.tensor([0, 2, 2]), torch.tensor([True, True, True]), "rows", 3)
    assert check((forward, backward), weight, *rest).passed
    assert accused_names(check((forward, wrong), weight, *rest)) == ["weight"]


# Code from scratch.


class Linear:
    """Gradients are kept as `names` says; the one called `slip` is wrong."""

    def __init__(self, xp, names=("dW", "db"), slip=""):
        (w, b) = draw((3, 4), (4,), seed=1)
        self.W, self.b = (w, b) if xp is torch else (w.numpy(), b.numpy())
        self.names, self.slip = names, slip

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        factor = {name: 2.0 if name == self.slip else 1.0 for name in ("W", "b", "x")}
        setattr(self, self.names[0], factor["W"] * self.x.T @ dout)
        setattr(self, self.names[1], factor["b"] * dout.sum(0))
        return factor["x"] * dout @ self.W.T


class LinearWithDictionaries:
    def __init__(self, xp, slip=""):
        (w, b) = draw((3, 4), (4,), seed=1)
        self.params = {"W": w, "b": b} if xp is torch else {"W": w.numpy(), "b": b.numpy()}
        self.grads, self.slip = {}, slip

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        factor = {name: 2.0 if name == self.slip else 1.0 for name in ("W", "b", "x")}
        self.grads["W"] = factor["W"] * self.x.T @ dout
        self.grads["b"] = factor["b"] * dout.sum(0)
        return factor["x"] * dout @ self.params["W"].T


OBJECTS = {
    "dW, db": Linear,
    "grad_W, grad_b": functools.partial(Linear, names=("grad_W", "grad_b")),
    "W_grad, b_grad": functools.partial(Linear, names=("W_grad", "b_grad")),
    "params, grads": LinearWithDictionaries,
}


@pytest.mark.parametrize(
    ("xp", "kind", "slip"),
    [(np, kind, slip) for kind in OBJECTS for slip in ("", "W")]
    + [(torch, "dW, db", "x"), (torch, "params, grads", "b"), (torch, "params, grads", "")]
    + [
        pytest.param(xp, k, s, marks=pytest.mark.sweep)
        for xp in (torch, np)
        for k in OBJECTS
        for s in ("", "W", "b", "x")
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_objects_with_forward_and_backward(xp, kind, slip):
    layer, (x,) = OBJECTS[kind](xp, slip=slip), draw((5, 3))
    x = x if xp is torch else x.numpy()
    report = check(layer, x, other_inputs=not slip)
    expected = {"": [], "x": ["x"]}.get(slip, [f"params['{slip}']" if "params" in kind else slip])
    assert accused_names(report) == expected, report
    assert len(report.tensors) == 3
    assert report.findings == []
    if slip in ("W", "x"):
        methods = check((layer.forward, layer.backward), x, other_inputs=False)
        assert accused_names(methods) == expected


def _sigmoid(xp, x):
    return 1 / (1 + xp.exp(-x))


@pytest.mark.parametrize("xp", [torch, np], ids=lambda xp: xp.__name__)
def test_a_derivative_pair(xp):
    def sigmoid(x):
        return _sigmoid(xp, x)

    def sigmoid_prime(x):
        return sigmoid(x) * (1 - sigmoid(x))

    def of_the_output(x):
        return x * (1 - x)

    (x,) = given_to("pair" if xp is torch else "NumPy", draw((4, 3)))
    assert check((sigmoid, sigmoid_prime), x).passed
    report = check((sigmoid, of_the_output), x)
    assert accused_names(report) == ["x"]
    assert "derivative" in report.tensors[0].diagnosis.text or xp is np


@pytest.mark.parametrize("xp", [torch, np], ids=lambda xp: xp.__name__)
def test_a_derivative_pair_of_a_loss(xp):
    def mse(predictions, targets):
        return ((predictions - targets) ** 2).mean()

    def mse_grad(predictions, targets):
        return 2 * (predictions - targets) / (5 * 3)

    def without_mean(predictions, targets):
        return 2 * (predictions - targets)

    inputs = draw((5, 3), (5, 3))
    inputs[0].requires_grad_(xp is torch)
    arguments = [x if xp is torch else x.numpy() for x in inputs]
    report = check((mse, mse_grad), *arguments, other_inputs=False)
    assert accused_names(report) in ([], ["targets"]), report
    assert report.tensors[0].passed
    report = check((mse, without_mean), *arguments, other_inputs=False)
    assert "predictions" in accused_names(report)


@pytest.mark.parametrize("xp", [torch, np], ids=lambda xp: xp.__name__)
@pytest.mark.parametrize("slip", ["", "W1", "b2"])
def test_a_loss_of_a_dictionary_of_parameters(xp, slip):
    def loss(params, x, y):
        h = xp.tanh(x @ params["W1"] + params["b1"])
        difference = h @ params["W2"] + params["b2"] - y
        dz = difference / len(x)
        dh = dz @ params["W2"].T * (1 - h * h)
        grads = {"W1": x.T @ dh, "b1": dh.sum(0), "W2": h.T @ dz, "b2": dz.sum(0)}
        if slip:
            grads[slip] = grads[slip] * 1.01
        return 0.5 * (difference**2).sum() / len(x), grads

    values = [t if xp is torch else t.numpy() for t in draw((3, 4), (4,), (4, 2), (2,), (5, 3), (5, 2))]
    params = dict(zip(("W1", "b1", "W2", "b2"), values[:4], strict=True))
    report = check(loss, params, *values[4:], other_inputs=not slip)
    assert [verdict.name for verdict in report.tensors] == [f"params['{name}']" for name in params]
    assert accused_names(report) == ([f"params['{slip}']"] if slip else []), report


def test_a_loss_and_its_gradient():
    def cross_entropy(logits, targets):
        p = logits.softmax(1)
        one_hot = functional.one_hot(targets, logits.shape[1])
        return functional.cross_entropy(logits, targets), (p - one_hot) / len(logits)

    def summed(logits, targets):
        loss, grad = cross_entropy(logits, targets)
        return loss, grad * len(logits)

    (logits,) = draw((5, 3))
    targets = torch.tensor([0, 2, 1, 1, 0])
    assert check(cross_entropy, logits, targets).passed
    assert accused_names(check(summed, logits, targets)) == ["logits"]


GENERATORS = {
    "torch": lambda: torch.Generator().manual_seed(7),
    "numpy": lambda: np.random.default_rng(7),
    "random": lambda: random.Random(7),
}


def _draw_mask(generator, x):
    if isinstance(generator, torch.Generator):
        return (torch.rand(x.shape, generator=generator) < 0.7).to(x.dtype) / 0.7
    if isinstance(generator, random.Random):
        return torch.tensor([generator.random() < 0.7 for _ in range(x.numel())], dtype=x.dtype).view(x.shape) / 0.7
    return torch.from_numpy(generator.random(x.shape) < 0.7).to(x.dtype) / 0.7


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("form", ["pair", "Function", "lambda", "module"])
def test_a_random_generator_among_the_arguments(name, form):
    def forward(x, generator):
        mask = _draw_mask(generator, x)
        return x * mask, mask

    class Dropout(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, generator):
            y, ctx.mask = forward(x, generator)
            return y

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * ctx.mask, None

    class Module(nn.Module):
        def forward(self, x, generator):
            y, self.mask = forward(x, generator)
            return y

        def backward(self, grad_output):
            return grad_output * self.mask, None

    subject = {
        "pair": (forward, lambda grad_output, cache: grad_output * cache),
        "Function": Dropout,
        "lambda": lambda x, generator: Dropout.apply(x, generator),
        "module": Module(),
    }[form]
    generator = GENERATORS[name]()
    report = check(subject, *draw((4, 6)), generator)
    assert report.passed, report
    before = _draw_mask(generator, torch.zeros(50))
    assert torch.equal(before, _draw_mask(GENERATORS[name](), torch.zeros(50)))  # the caller's generator is untouched


def test_a_backward_that_draws_another_mask_is_wrong():
    def forward(x, generator):
        return x * _draw_mask(generator, x)

    def backward(grad_output, x, generator):
        _draw_mask(generator, x)
        return grad_output * _draw_mask(generator, x)

    assert not check((forward, backward), *draw((4, 6)), np.random.default_rng(7)).passed


# What users get wrong is a finding with a sentence.


class Broken(torch.autograd.Function):
    """x, w -> x w; `returns` makes what backward returns."""

    returns = None

    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        return Broken.returns(grad_output, x, w)


def _raises(g, x, w):
    raise RuntimeError("no kernel for this shape")


def _index_error(g, x, w):
    return g * w, (g * x)[:, 17]


BROKEN = {
    "too few": lambda g, x, w: (g * w,),
    "too many": lambda g, x, w: (g * w, g * x, g * x),
    "none": lambda g, x, w: None,
    "one tensor for two": lambda g, x, w: g * w,
    "wrong shape": lambda g, x, w: (g * w, (g * x)[:, :2]),
    "wrong dimensions": lambda g, x, w: (g * w, (g * x)[None, None, :2]),
    "sum": lambda g, x, w: (g * w, (g * x).sum(0)),
    "a string": lambda g, x, w: (g * w, "gradient"),
    "a list of numbers": lambda g, x, w: (g * w, [1.0, 2.0]),
    "integers": lambda g, x, w: (g * w, (g * x).long()),
    "booleans": lambda g, x, w: (g * w, (g * x) > 0),
    "complex": lambda g, x, w: (g * w, (g * x) * 1j),
    "another dtype": lambda g, x, w: (g * w, (g * x).half()),
    "raising": _raises,
    "index error": _index_error,
    "infinite": lambda g, x, w: (g * w, g * x / 0),
    "not a number": lambda g, x, w: (g * w, g * x * torch.nan),
    "the Function itself": lambda g, x, w: (g * w, Broken),
}


@pytest.mark.parametrize(
    ("form", "name"),
    [(form, name) for form in ("pair", "Function", "lambda around apply") for name in BROKEN]
    + [(form, name) for form in ("module", "object") for name in ("too few", "wrong shape", "integers", "raising")]
    + [pytest.param(form, name, marks=pytest.mark.sweep) for form in ("module", "object") for name in BROKEN],
)
def test_a_broken_backward_is_reported_and_never_raises(form, name, monkeypatch):
    returns = BROKEN[name]
    if form in ("Function", "lambda around apply"):
        monkeypatch.setattr(Broken, "returns", returns)
        subject = Broken if form == "Function" else (lambda x, w: Broken.apply(x, w))
    else:
        subject = FORMS[form](lambda xp, x, w: x * w, lambda xp, g, x, w: returns(g, x, w))
    report = check(subject, *draw((2, 3), (2, 3)))
    if name == "wrong dimensions" and form in ("Function", "lambda around apply"):
        assert report.passed  # autograd drops leading dimensions of size 1
        return
    assert not report.passed
    assert report.diagnoses
    for _, what in report.diagnoses:
        assert len(what.text) > 10
        assert "Traceback" not in what.text
    assert str(report)
    assert report.to_json()


@pytest.mark.parametrize(("name", "words"), [("raising", "no kernel for this shape"), ("index error", "17")])
def test_the_error_of_a_backward_is_quoted_with_its_line(name, words):
    report = check((lambda x, w: x * w, BROKEN[name]), *draw((4, 3), (4, 3)))
    assert kinds(report) == ["raises"]
    assert words in report.findings[0].text
    assert "test_forms.py, line" in report.findings[0].text


@pytest.mark.parametrize("form", FEW)
def test_view_of_a_gradient_that_is_not_contiguous(form):
    def backward(xp, grad_output, x):
        flat = grad_output.view(-1) if xp is torch else grad_output.reshape(-1)
        if xp is np:
            assert grad_output.flags.c_contiguous, "grad_output must be contiguous"
        return 2 * flat.reshape(x.shape) * x

    report = check(FORMS[form](lambda xp, x: x * x, backward), *given_to(form, draw((4, 3))))
    assert not report.passed
    assert accused(report) == []
    assert "transposed" in report.findings[0].text
    assert "contiguous" in report.findings[0].text or "view" in report.findings[0].text


class Normalized(nn.Module):
    """Has buffers in float32."""

    def __init__(self, slip):
        super().__init__()
        self.register_buffer("mean", torch.linspace(-1, 1, 3))
        self.register_buffer("matrix", torch.eye(3) + 0.25)
        self.slip = slip

    def forward(self, x):
        return (x - self.mean) @ self.matrix

    def backward(self, grad_output):
        return grad_output @ self.matrix.T * self.slip


class OnlyScaled(nn.Module):
    def __init__(self, slip):
        super().__init__()
        self.register_buffer("scale", torch.linspace(-1, 1, 3))
        self.slip = slip

    def forward(self, x):
        return x * self.scale

    def backward(self, grad_output):
        return grad_output * self.scale * self.slip


class NormalizedWithoutBackward(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("matrix", torch.eye(3) + 0.25)

    def forward(self, x):
        return Power.apply(x @ self.matrix, 2)


@pytest.mark.parametrize("slip", [1.0, 1.01])
def test_buffers_in_float32_under_inputs_in_float64(slip):
    # The matrix product of the two dtypes does not run: the sentence says so.
    with pytest.raises(SubjectError, match=r"float32|dtype"):
        check(Normalized(slip), *draw((4, 3)))
    report = check(OnlyScaled(slip), *draw((4, 3)))
    assert accused_names(report) == ([] if slip == 1 else ["input"])


@pytest.mark.parametrize("slip", [1.0, 1.01])
def test_buffers_in_float32_under_inputs_in_float32(slip):
    report = check(Normalized(slip), *draw((4, 3), dtype=torch.float32))
    assert accused_names(report) == ([] if slip == 1 else ["input"])
    assert check(NormalizedWithoutBackward(), *draw((4, 3), dtype=torch.float32)).passed


# Functions that compute in float32.


class Float32Inside(torch.autograd.Function):
    slip: ClassVar[float] = 1.0

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.float().tanh().to(x.dtype)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        slope = 1 - x.float().tanh() ** 2
        return (Float32Inside.slip * grad_output.float() * slope).to(x.dtype)


class Float32Only(torch.autograd.Function):
    slip: ClassVar[float] = 1.0

    @staticmethod
    def forward(ctx, x, w):
        assert x.dtype == torch.float32, "this kernel takes float32"
        ctx.save_for_backward(x, w)
        return x * w

    @staticmethod
    def backward(ctx, grad_output):
        x, w = ctx.saved_tensors
        assert grad_output.dtype == torch.float32, "this kernel takes float32"
        return grad_output * w, Float32Only.slip * (grad_output * x).sum(0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("slip", [1.0, 1.1])
def test_a_function_that_computes_in_float32_inside(dtype, slip, monkeypatch):
    monkeypatch.setattr(Float32Inside, "slip", slip)
    for subject in (Float32Inside, lambda x: Float32Inside.apply(x)):
        report = check(subject, *draw((4, 3), dtype=dtype))
        assert accused_names(report) == ([] if slip == 1 else ["x"]), report
        assert "oracles disagree" not in kinds(report)
        assert any("reference=" in note for note in report.notes), report
    report = check(Float32Inside, *draw((4, 3), dtype=dtype), reference=torch.tanh)
    if dtype != torch.float64:
        assert report.passed == (slip == 1), report


@pytest.mark.parametrize("slip", [1.0, 1.1])
@pytest.mark.parametrize("given", [True, False])
def test_a_function_that_asserts_float32(slip, given, monkeypatch):
    monkeypatch.setattr(Float32Only, "slip", slip)
    reference = (lambda x, w: x * w) if given else None
    for subject in (Float32Only, lambda x, w: Float32Only.apply(x, w)):
        report = check(subject, *draw((4, 3), (3,), dtype=torch.float32), reference=reference)
        assert accused_names(report) == ([] if slip == 1 else ["w"]), report
        assert report.findings == []
        assert given or any("float32" in note and "reference=" in note for note in report.notes), report


# Options.


class Round(torch.autograd.Function):
    """The straight-through estimator."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.clone()

    @staticmethod
    def backward(ctx, grad_output):
        return -ctx.strength * grad_output, None


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: lambda *args: f.apply(*args)], ids=["Function", "lambda"])
def test_expected(wrap):
    x = draw((4, 3))[0]
    assert check(wrap(Round), x, expected=lambda x: x.clone()).passed
    assert accused(check(wrap(Round), x)) == [0]
    assert accused(check(wrap(Round), x, expected=lambda x: 2 * x)) == [0]
    assert check(wrap(Reverse), x, 0.3, expected=lambda x, strength: -strength * x).passed
    assert accused(check(wrap(Reverse), x, 0.3)) == [0]
    assert accused(check(wrap(Reverse), x, 0.3, expected=lambda x, strength: strength * x)) == [0]


def test_expected_of_numpy_code():
    x = draw((4, 3))[0].numpy()
    pair = (lambda x: np.sign(x), lambda grad_output, x: grad_output * (abs(x) < 1))
    assert check(pair, x, expected=lambda x: np.clip(x, -1, 1)).passed
    assert not check(pair, x).passed


@pytest.mark.parametrize(
    ("form", "dtype"),
    [(form, torch.float32) for form in FEW] + [("Function", torch.float64), ("Function", torch.bfloat16)],
)
def test_reference_compares_the_outputs(form, dtype):
    inputs = given_to(form, draw((4, 3), (3,), dtype=dtype))
    subject = FORMS[form](_scaled, lambda xp, grad_output, x, w: (grad_output * w, (grad_output * x).sum(0)))
    right = check(subject, *inputs, reference=lambda x, w: x * w)
    assert right.passed, right
    assert [verdict.is_output for verdict in right.tensors] == [True, False, False]
    wrong = check(subject, *inputs, reference=lambda x, w: x * w + 0.25)
    assert accused_names(wrong) == ["output"], wrong
    other = check(subject, *inputs, reference=lambda x, w: 1.25 * x * w)
    assert accused(other) == [0, 1, 2]


def _scaled(xp, x, w):
    return x * w


def test_a_reference_with_another_shape_is_explained():
    subject = as_function(_scaled, lambda xp, grad_output, x, w: (grad_output * w, (grad_output * x).sum(0)))
    with pytest.raises(SubjectError, match="the outputs differ from those of the reference"):
        check(subject, *draw((4, 3), (3,)), reference=lambda x, w: (x * w).sum(0))


def test_reference_with_keyword_arguments():
    class Shift(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, by):
            ctx.by = by
            return (x + by) ** 2

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output, None

    (x,) = draw((4, 3), dtype=torch.float32)
    report = check(
        lambda x, by: Shift.apply(x, by), x, kwargs={"by": 0.5}, reference=lambda x, by: (x + by) ** 2, rtol=0.0
    )
    assert accused_names(report) == ["x"]
    right = check(lambda x, by: (x + by) * (x + by), x, kwargs={"by": 0.5}, reference=lambda x, by: (x + by) ** 2)
    assert right.passed, right


def test_tolerances_are_named():
    wrong = as_function(_swish, _swish_wrong(0))
    inputs = draw((4, 3), (3,))
    assert accused(check(wrong, *inputs)) == [0]
    report = check(wrong, *inputs, rtol=2e-3)
    assert report.passed, report
    assert any("rtol=0.002" in note and "atol=0" in note for note in report.notes)
    assert accused(check(wrong, *inputs, rtol=1e-4)) == [0]
    report = check(wrong, *inputs, atol=0.05)
    assert report.passed
    assert "atol=0.05" in str(report)
    assert "rtol" not in str(check(wrong, *inputs))


def test_tolerances_of_a_kernel():
    inputs = draw((4, 3), (3,), dtype=torch.float32)
    wrong = as_function(_swish, _swish_wrong(0))
    reference = functools.partial(_swish, torch)
    assert accused_names(check(wrong, *inputs, reference=reference)) == ["x"]
    report = check(wrong, *inputs, reference=reference, rtol=2e-3)
    assert report.passed, report
    assert "rtol=0.002" in str(report)


def test_other_inputs_can_be_turned_off():
    wrong = as_function(_scaled, lambda xp, grad_output, x, w: (grad_output, (grad_output * x).sum(0)))
    x, ones = draw((4, 3))[0], torch.ones(3, dtype=torch.float64)
    assert not check(wrong, x, ones).passed
    report = check(wrong, x, ones, other_inputs=False)
    assert report.passed, report
    assert any("other_inputs=False" in what for what in report.untried)
    assert not any("values" in what for what in report.tried)


def test_without_time_everything_else_is_listed_as_not_tried():
    right = as_function(_swish, _swish_backward)
    report = check(right, *draw((4, 3), (3,)), time_limit=0)
    assert report.passed
    assert report.tried == []
    listed = ", ".join(report.untried)
    for what in ("repeat", "two forward passes", "jittered", "both signs", "first dimension of 1", "time limit"):
        assert what in listed, listed
    assert "not tried:" in str(report)
    assert accused(check(as_function(_swish, _swish_wrong(1)), *draw((4, 3), (3,)), time_limit=0)) == [1]


def test_the_caller_s_tensors_stay_as_they_are():
    x, w = draw((4, 3), (3,))
    before = x.clone(), w.clone()
    x.requires_grad_()
    w.requires_grad_()

    class InPlace(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x * w

        @staticmethod
        def backward(ctx, grad_output):
            x, w = ctx.saved_tensors
            gradient = grad_output * w
            w.data.mul_(0.5)
            return gradient, (grad_output * x).sum(0)

    report = check(InPlace, x, w)
    assert not report.passed
    assert torch.equal(x.detach(), before[0])
    assert torch.equal(w.detach(), before[1])
    assert x.grad is None


def test_subjects_that_cannot_be_checked_are_refused_in_a_sentence():
    (x,) = draw((4, 3))
    for subject, arguments, words in (
        (3, (x,), "expected"),
        (lambda x: x.detach(), (x,), "expected outputs with a gradient"),
        (lambda x: x.argmax(), (x,), "expected"),
        (torch.sin, (), "expected inputs"),
        (torch.sin, (torch.tensor([1, 2]),), "floating-point"),
        (Linear, (x,), "pass Linear(...)"),
        ((torch.sin, lambda: None), (x,), "expected backward(grad_output, *inputs)"),
        (torch.sin, (x.to_sparse(),), "dense"),
    ):
        with pytest.raises(SubjectError) as error:
            torchnet.check(subject, *arguments)
        assert words in str(error.value), str(error.value)
