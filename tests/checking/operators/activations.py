"""Activations that work on each element by itself, surrogate gradients, and polynomials."""

import math

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class Gelu(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        cdf = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
        pdf = torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return grad * (cdf + x * pdf)


define(
    "GELU",
    Gelu,
    lambda: (normal(4, 6),),
    slip(
        "the derivative of the tanh approximation",
        "return grad * (cdf + x * pdf)",
        "t = torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))\n"
        "        inner = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)\n"
        "        return grad * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)",
        "x",
        "tanh|approximat",
    ),
    slip("the term of the density is missing", "(cdf + x * pdf)", "cdf", "x", "path|term"),
)


class TanhGelu(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        root, cubic = math.sqrt(2 / math.pi), 0.044715
        t = torch.tanh(root * (x + cubic * x**3))
        return grad * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * root * (1 + 3 * cubic * x**2))


define(
    "GELU, tanh approximation",
    TanhGelu,
    lambda: (normal(4, 6),),
    slip(
        "0.04471 for 0.044715",
        "cubic = math.sqrt(2 / math.pi), 0.044715",
        "cubic = math.sqrt(2 / math.pi), 0.04471",
        "x",
        r"0\.0447",
        "constant|coefficient",
        "digits|precision",
    ),
    slip("3 is forgotten", "3 * cubic", "cubic", "x", r"coefficient|inner|term|path|0\.0447"),
)


class SwiGlu(Function):
    @staticmethod
    def forward(ctx, gate, up):
        ctx.save_for_backward(gate, up)
        return gate * gate.sigmoid() * up

    @staticmethod
    def backward(ctx, grad):
        gate, up = ctx.saved_tensors
        s = gate.sigmoid()
        return grad * up * (s + gate * s * (1 - s)), grad * gate * s


define(
    "SwiGLU",
    SwiGlu,
    lambda: (normal(3, 5), normal(3, 5)),
    slip(
        "gradients exchanged",
        "return grad * up * (s + gate * s * (1 - s)), grad * gate * s",
        "return grad * gate * s, grad * up * (s + gate * s * (1 - s))",
        "gate up",
        "exchang|swap|gradient of (up|gate)",
    ),
    slip("the derivative of the sigmoid is missing", "(s + gate * s * (1 - s))", "s", "gate", "path|term"),
    form="callable",
    wrap=lambda swiglu: swiglu.apply,
)


class GeGlu(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        gate, up = x.chunk(2, -1)
        return torch.nn.functional.gelu(gate) * up

    @staticmethod
    def backward(ctx, grad):
        gate, up = ctx.saved_tensors[0].chunk(2, -1)
        cdf = 0.5 * (1 + torch.erf(gate / math.sqrt(2)))
        pdf = torch.exp(-0.5 * gate * gate) / math.sqrt(2 * math.pi)
        return torch.cat([grad * up * (cdf + gate * pdf), grad * gate * cdf], -1)


define(
    "GeGLU of a packed input",
    GeGlu,
    lambda: (normal(3, 8),),
    slip(
        "halves exchanged",
        "[grad * up * (cdf + gate * pdf), grad * gate * cdf]",
        "[grad * gate * cdf, grad * up * (cdf + gate * pdf)]",
        "x",
        "half|halves|exchang|roll|shift|permut",
    ),
    slip(
        "the activation is forgotten in one half",
        "grad * gate * cdf]",
        "grad * gate]",
        "x",
        "half|columns? 4|4 to 7|second|index(es)? 4",
    ),
)


def swish(x, beta):
    return x * torch.sigmoid(beta * x)


def swish_backward(grad, x, beta):
    s = torch.sigmoid(beta * x)
    return grad * (s + beta * x * s * (1 - s)), (grad * x * x * s * (1 - s)).sum()


define(
    "Swish with a trained beta",
    (swish, swish_backward),
    lambda: (normal(4, 3), torch.tensor(1.7, dtype=torch.float64)),
    slip("beta is forgotten", "s + beta * x", "s + x", "x", "beta|path|term"),
    slip(
        "x instead of its square",
        "grad * x * x * s",
        "grad * x * s",
        "beta",
        r"x\b.*(missing|forgot)|factor x\b",
    ),
)


class PRelu(Function):
    @staticmethod
    def forward(ctx, x, slope):
        ctx.save_for_backward(x, slope)
        return torch.where(x > 0, x, slope * x)

    @staticmethod
    def backward(ctx, grad):
        x, slope = ctx.saved_tensors
        return torch.where(x > 0, grad, grad * slope), torch.where(x > 0, 0, grad * x).sum(0)


define(
    "PReLU",
    PRelu,
    lambda: (normal(6, 4), normal(4)),
    slip(
        "the gradient is cut at negative values",
        "grad, grad * slope)",
        "grad, 0)",
        "x",
        "negative",
        "where x|x <|x >",
        "zero (where|at)",
    ),
    slip(
        "positive values count too",
        "torch.where(x > 0, 0, grad * x)",
        "(grad * x)",
        "slope",
        "positive|negative|x >|x <|where x",
    ),
)


class Relu(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad.masked_fill(x < 0, 0)


define(
    "ReLU",
    Relu,
    lambda: (normal(4, 6),),
    slip("grad_output is changed in place", "masked_fill(", "masked_fill_(", "", "in.?place|modif|chang"),
    slip(
        "the gradient is not cut",
        "grad.masked_fill(x < 0, 0)",
        "grad",
        "x",
        "negative|where x|x <",
        "derivative is missing",
    ),
)
