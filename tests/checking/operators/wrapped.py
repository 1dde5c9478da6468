"""Dictionaries of parameters, modules, custom operators, and kernels with a reference."""

import itertools

import torch
from torch import nn
from torch.autograd import Function

from .catalog import define, ints, normal, slip

_numbers = itertools.count()


def classifier(params, x, y):
    hidden = torch.tanh(x @ params["W1"] + params["b1"])
    logits = hidden @ params["W2"]
    loss = torch.nn.functional.cross_entropy(logits, y)
    error = (torch.softmax(logits, 1) - torch.eye(logits.shape[1], dtype=x.dtype)[y]) / len(x)
    back = (error @ params["W2"].T) * (1 - hidden**2)
    return loss, {"W1": x.T @ back, "b1": back.sum(0), "W2": hidden.T @ error}


define(
    "loss of a dictionary of parameters",
    classifier,
    lambda: ({"W1": normal(3, 5), "b1": normal(5), "W2": normal(5, 4)}, normal(6, 3), ints(0, 3, 1, 2, 2, 0)),
    slip("the bias is averaged", "back.sum(0)", "back.mean(0)", "params['b1']", "factor|times", r"mean\b"),
    slip(
        "the derivative of tanh is forgotten",
        " * (1 - hidden**2)",
        "",
        "params['W1'] params['b1']",
        "derivative|path|tanh",
    ),
    form="loss",
)


def projection(params, x):
    return torch.relu(x @ params["down"]) @ params["up"]


def projection_backward(grad, params, x):
    hidden = x @ params["down"]
    grad_hidden = (grad @ params["up"].T) * (hidden > 0)
    return {"down": x.T @ grad_hidden, "up": hidden.relu().T @ grad}, grad_hidden @ params["down"].T


define(
    "pair with a dictionary of parameters",
    (projection, projection_backward),
    lambda: ({"down": normal(3, 5), "up": normal(5, 3)}, normal(4, 3)),
    slip(
        "the hidden layer before ReLU",
        "hidden.relu().T @ grad",
        "hidden.T @ grad",
        "params['up']",
        "relu|activation|hidden|rows|path",
    ),
    slip(
        "the condition is forgotten", " * (hidden > 0)", "", "params['down'] x", "relu|derivative|hidden|path|columns"
    ),
)


class ScaledTanh(Function):
    @staticmethod
    def forward(ctx, x, scale):
        y = torch.tanh(x)
        ctx.save_for_backward(y, scale)
        return scale * y

    @staticmethod
    def backward(ctx, grad):
        y, scale = ctx.saved_tensors
        return grad * scale * (1 - y * y), (grad * y).sum(0)


def module_of(function):
    class Activation(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.linspace(0.5, 2, 4, dtype=torch.float64))

        def forward(self, input):
            return function.apply(input, self.scale)

    return Activation()


define(
    "module around a Function",
    ScaledTanh,
    lambda: (normal(3, 4),),
    slip("the scale is forgotten", "grad * scale * (1", "grad * (1", "input", r"scale\b|columns"),
    slip("averaged over the batch", "(grad * y).sum(0)", "(grad * y).mean(0)", "scale", "factor|times", r"mean\b"),
    form="module",
    wrap=module_of,
)


def silu_forward(x):
    return x * torch.sigmoid(x)


def silu_backward(ctx, grad):
    (x,) = ctx.saved_tensors
    s = torch.sigmoid(x)
    return grad * s * (1 + x * (1 - s))


def custom_operator(forward, backward):
    operator = torch.library.custom_op(
        f"torchnet_tests::silu{next(_numbers)}", forward, mutates_args=(), schema="(Tensor x) -> Tensor"
    )
    operator.register_autograd(backward, setup_context=lambda ctx, inputs, output: ctx.save_for_backward(*inputs))
    return operator


define(
    "custom operator of torch.library",
    (silu_forward, silu_backward),
    lambda: (normal(3, 4),),
    slip("the derivative of the sigmoid is missing", "(1 + x * (1 - s))", "1", "x", "path|term|derivative|sigmoid"),
    slip("wrong sign within", "(1 + x * (1 - s))", "(1 - x * (1 - s))", "x", "path|sign|term|derivative"),
    form="callable",
    wrap=custom_operator,
)


class RowMaximum(Function):
    @staticmethod
    def forward(x):
        return tuple(x.max(1))

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(inputs[0], output[1])

    @staticmethod
    def backward(ctx, grad, _):
        x, index = ctx.saved_tensors
        return torch.zeros_like(x).scatter(1, index[:, None], grad[:, None])


define(
    "maximum of rows with its index",
    RowMaximum,
    lambda: (normal(4, 5),),
    slip(
        "the first column",
        "scatter(1, index[:, None],",
        "scatter(1, 0 * index[:, None],",
        "x",
        "(column|index|indices).* 0",
        "moved|permut|wrong position",
    ),
    slip(
        "one value for the whole row",
        "scatter(1, index[:, None], grad[:, None])",
        "add(grad[:, None])",
        "x",
        "should be 0|zero|broadcast",
    ),
)


def random_dropout(x, generator):
    mask = torch.rand(x.shape, generator=generator, dtype=x.dtype) > 0.3
    return x * mask / 0.7, mask


def random_dropout_backward(grad, mask):
    return grad * mask / 0.7


define(
    "dropout with a generator",
    (random_dropout, random_dropout_backward),
    lambda: (normal(4, 6), torch.Generator().manual_seed(4)),
    slip("1 - p is forgotten", "grad * mask / 0.7", "grad * mask", "x", "factor|times"),
    slip("the mask is not applied", "grad * mask / 0.7", "grad / 0.7", "x", "mask|should be 0|zero"),
    form="cache",
)


class RmsNormKernel(Function):
    @staticmethod
    def forward(ctx, x, weight):
        assert x.dtype == torch.float32, "this kernel takes float32 only"
        rstd = torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6)
        ctx.save_for_backward(x, weight, rstd)
        return x * rstd * weight

    @staticmethod
    def backward(ctx, grad):
        x, weight, rstd = ctx.saved_tensors
        x_hat = x * rstd
        g = grad * weight
        return rstd * (g - x_hat * (g * x_hat).mean(-1, keepdim=True)), (grad * x_hat).sum(0)


define(
    "RMS normalization in float32",
    RmsNormKernel,
    lambda: (normal(4, 8).float(), normal(8).float()),
    slip(
        "the root mean square is held constant",
        " - x_hat * (g * x_hat).mean(-1, keepdim=True)",
        "",
        "x",
        "path|term",
        r"mean\b|rms",
    ),
    slip(
        "the tail of the rows is dropped",
        "(grad * x_hat).sum(0)",
        "(grad * x_hat)[:3].sum(0)",
        "weight",
        "rows|sample|batch",
        "missing path",
    ),
    reference=lambda x, weight: torch.nn.functional.rms_norm(x, (8,), weight, 1e-6),
)


class SoftmaxKernel(Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.softmax(x.float(), -1)
        ctx.save_for_backward(y)
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        g = grad.float()
        return (y * (g - (g * y).sum(-1, keepdim=True))).to(grad.dtype)


define(
    "softmax in bfloat16",
    SoftmaxKernel,
    lambda: (normal(4, 8).bfloat16(),),
    slip("the sum is missing", " - (g * y).sum(-1, keepdim=True)", "", "x", "path|term", "sum|softmax"),
    slip("the last block is dropped", "(g * y).sum(", "(g * y)[..., :-2].sum(", "x", "block|columns|last|path|term"),
    reference=lambda x: torch.softmax(x, -1),
)
