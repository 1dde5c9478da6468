"""Functions of each element, surrogate gradients, and polynomials."""

import torch
from torch.autograd import Function

from .catalog import define, normal, slip


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.x = x
        return x**3

    @staticmethod
    def backward(ctx, grad):
        return 3 * grad * ctx.x**2


define(
    "cube",
    Cube,
    lambda: (normal(4, 6),),
    slip(
        "the input is kept on the class",
        "ctx.x = x\n        return x**3\n\n    @staticmethod\n"
        "    def backward(ctx, grad):\n        return 3 * grad * ctx.x",
        "Cube.x = x\n        return x**3\n\n    @staticmethod\n"
        "    def backward(ctx, grad):\n        return 3 * grad * Cube.x",
        "",
        "state|the class|two forward|last forward|latest|another forward|second forward",
    ),
    slip("grad_output squared", "3 * grad * ctx", "3 * grad * grad * ctx", "x", "grad_output|upstream"),
)


class Clamp(Function):
    @staticmethod
    def forward(ctx, x, low, high):
        ctx.save_for_backward(x)
        ctx.low, ctx.high = low, high
        return x.clamp(low, high)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * ((x > ctx.low) & (x < ctx.high)), None, None


define(
    "clamp",
    Clamp,
    lambda: (normal(5, 6), -0.6, 0.8),
    slip(
        "the lower bound is ignored",
        "(x > ctx.low) & (x < ctx.high)",
        "x < ctx.high",
        "x",
        r"where x|x <|-0\.6|lower|negative",
    ),
    slip(
        "the absolute value is compared", "(x > ctx.low) &", "(x.abs() > 0) &", "x", r"where x|x <|-0\.6|lower|negative"
    ),
)


class SoftCap(Function):
    @staticmethod
    def forward(ctx, x, cap):
        y = cap * torch.tanh(x / cap)
        ctx.save_for_backward(y)
        ctx.cap = cap
        return y

    @staticmethod
    def backward(ctx, grad):
        (y,) = ctx.saved_tensors
        return grad * (1 - (y / ctx.cap) ** 2), None


define(
    "soft cap of logits",
    SoftCap,
    lambda: (normal(4, 5),),
    slip("the output is not divided by the cap", "(y / ctx.cap) ** 2", "y**2", "x", r"\bcap\b|output"),
    slip(
        "divided by the cap once more",
        "(1 - (y / ctx.cap) ** 2)",
        "(1 - (y / ctx.cap) ** 2) / ctx.cap",
        "x",
        "factor|times",
        r"\bcap\b",
    ),
    form="callable",
    wrap=lambda soft_cap: lambda x, cap=1.0: soft_cap.apply(x, cap),
    kwargs={"cap": 3.0},
)


class Dropout(Function):
    @staticmethod
    def forward(ctx, x, mask, p):
        ctx.save_for_backward(mask)
        ctx.p = p
        return x * mask / (1 - p)

    @staticmethod
    def backward(ctx, grad):
        (mask,) = ctx.saved_tensors
        return grad * mask / (1 - ctx.p), None, None


define(
    "dropout with a given mask",
    Dropout,
    lambda: (normal(4, 6), torch.rand(4, 6) > 0.3, 0.3),
    slip("1 - p instead of 1 / (1 - p)", "mask / (1 - ctx.p)", "mask * (1 - ctx.p)", "x", "factor|times", "1 ?- ?p"),
    slip("the mask is not applied", "grad * mask", "grad", "x", "mask"),
)


class Quantize(Function):
    @staticmethod
    def forward(ctx, x, step):
        ctx.save_for_backward(x)
        return torch.round(x.clamp(-1, 1) / step) * step

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (x.abs() <= 1), None


define(
    "straight-through quantization",
    Quantize,
    lambda: (normal(5, 6), 0.25),
    slip(
        "values out of range get a gradient",
        "grad * (x.abs() <= 1)",
        "grad",
        "x",
        r"where |abs|[<>] ?-?1\b|mask|out of range",
    ),
    slip(
        "multiplied by the step", "grad * (x.abs() <= 1)", "grad * (x.abs() <= 1) * 0.25", "x", "factor|times", "step"
    ),
    expected=lambda x, step: x.clamp(-1, 1),
)


class Reversal(Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return -ctx.strength * grad, None


define(
    "gradient reversal",
    Reversal,
    lambda: (normal(4, 5), 0.7),
    slip("the gradient is not reversed", "-ctx.strength", "ctx.strength", "x", "sign|opposite|-1"),
    slip("the strength is forgotten", "-ctx.strength * grad", "-grad", "x", "factor|times", "strength"),
    expected=lambda x, strength: -strength * x,
)


def polynomial(x, coefficients):
    y = torch.zeros_like(x)
    for coefficient in reversed(coefficients):
        y = y * x + coefficient
    return y


def polynomial_backward(grad, x, coefficients):
    slope = sum(i * coefficient * x ** (i - 1) for i, coefficient in enumerate(coefficients) if i > 0)
    return grad * slope, [(grad * x**i).sum() for i in range(len(coefficients))]


define(
    "polynomial by Horner's rule",
    (polynomial, polynomial_backward),
    lambda: (normal(7), [normal(1)[0] for _ in range(4)]),
    slip(
        "the exponent is forgotten", "i * coefficient", "coefficient", "x", "factor i|exponent|term|path|coefficients"
    ),
    slip(
        "powers off by one",
        "x**i)",
        "x ** (i + 1))",
        "coefficients[0] coefficients[1] coefficients[2] coefficients[3]",
        "gradient of coefficients|shift|off by one|exchang",
    ),
)
