"""From-scratch code: NumPy pairs with a cache, layer objects, and pairs of a function and its derivative."""

import numpy as np

from .catalog import define, normal, slip


def affine(x, w, b):
    out = x.reshape(len(x), -1) @ w + b
    return out, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    dx = (dout @ w.T).reshape(x.shape)
    dw = x.reshape(len(x), -1).T @ dout
    return dx, dw, dout.sum(axis=0)


define(
    "affine layer in NumPy, with a cache",
    (affine, affine_backward),
    lambda: (normal(4, 2, 3).numpy(), normal(6, 5).numpy(), normal(5).numpy()),
    slip("the bias is averaged", "dout.sum(axis=0)", "dout.mean(axis=0)", "b", "factor|times", r"mean\b"),
    slip("the weight is averaged, too", ".T @ dout", ".T @ dout / len(x)", "w", "factor|times", r"mean\b"),
    form="cache",
)


def relu(x):
    return np.maximum(x, 0), x


def relu_backward(dout, cache):
    return dout * (cache > 0)


define(
    "ReLU in NumPy, with a cache",
    (relu, relu_backward),
    lambda: (normal(4, 5).numpy(),),
    slip("the condition is reversed", "cache > 0", "cache < 0", "x", "negative|positive|x <|x >|where", "oppos"),
    slip(
        "grad_output is changed in place",
        "return dout * (cache > 0)",
        "dout[cache <= 0] = 0; return dout",
        "",
        "in.?place|modif|chang|overwrit",
    ),
    slip("the value instead of the condition", "(cache > 0)", "np.maximum(cache, 0)", "x", "output|factor|derivative"),
    form="cache",
)


def batchnorm(x, gamma, beta):
    mean, var = x.mean(axis=0), x.var(axis=0)
    x_hat = (x - mean) / np.sqrt(var + 1e-5)
    return gamma * x_hat + beta, (x_hat, gamma, var)


def batchnorm_backward(dout, cache):
    x_hat, gamma, var = cache
    n, dx_hat = len(dout), dout * gamma
    dx = n * dx_hat - dx_hat.sum(axis=0) - x_hat * (dx_hat * x_hat).sum(axis=0)
    return dx / (n * np.sqrt(var + 1e-5)), (dout * x_hat).sum(axis=0), dout.sum(axis=0)


define(
    "batch normalization in NumPy",
    (batchnorm, batchnorm_backward),
    lambda: (normal(6, 3).numpy(), normal(3).numpy(), normal(3).numpy()),
    slip("the path through the mean is missing", " - dx_hat.sum(axis=0)", "", "x", r"mean\b|path"),
    slip("epsilon is forgotten", "(n * np.sqrt(var + 1e-5))", "(n * np.sqrt(var))", "x", "eps"),
    slip(
        "the variance instead of the deviation",
        "(n * np.sqrt(var + 1e-5))",
        "(n * (var + 1e-5))",
        "x",
        "std|variance|deviation|sqrt|columns",
    ),
    form="cache",
)


def shift_before_norm(x, w, b):
    h = x @ w + b
    return h - h.mean(axis=0)


def shift_before_norm_backward(dout, x, w, b):
    dh = dout - dout.mean(axis=0)
    return dh @ w.T, x.T @ dh, np.zeros_like(b)


define(
    "bias before a centered batch, in NumPy",
    (shift_before_norm, shift_before_norm_backward),
    lambda: (normal(5, 3).numpy(), normal(3, 4).numpy(), normal(4).numpy()),
    slip(
        "the bias gets the sum of grad_output",
        "np.zeros_like(b)",
        "dout.sum(axis=0)",
        "b",
        "should be 0|zero|independent|constant",
    ),
    slip("the mean is held constant", "dh = dout - dout.mean(axis=0)", "dh = dout", "x w", r"mean\b|path"),
)


class Dense:
    def __init__(self, weight, bias):
        self.W, self.b = weight, bias

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


def with_numpy_weights(layer):
    generator = np.random.default_rng(3)
    return layer(generator.normal(size=(4, 4)), generator.normal(size=4))


define(
    "dense layer object in NumPy",
    Dense,
    lambda: (normal(5, 4).numpy(),),
    slip("the weight is not transposed", "dout @ self.W.T", "dout @ self.W", "x", "transpos"),
    slip("the bias is averaged", "dout.sum(axis=0)", "dout.mean(axis=0)", "b", "factor|times", r"mean\b"),
    form="object",
    wrap=with_numpy_weights,
)


class TwoLayers:
    def __init__(self, first, second):
        self.params = {"W1": first, "W2": second}
        self.grads = {}

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.params["W1"])
        return self.h @ self.params["W2"]

    def backward(self, dout):
        dh = (dout @ self.params["W2"].T) * (1 - self.h**2)
        self.grads["W2"] = self.h.T @ dout
        self.grads["W1"] = self.x.T @ dh
        return dh @ self.params["W1"].T


def two_layers(network):
    generator = np.random.default_rng(5)
    layers = network(generator.normal(size=(3, 6)), generator.normal(size=(6, 2)))
    return layers.forward, layers.backward


define(
    "methods of a network with params and grads",
    TwoLayers,
    lambda: (normal(4, 3).numpy(),),
    slip("the derivative of tanh is forgotten", " * (1 - self.h**2)", "", "x params['W1']", "derivative|path|tanh"),
    slip(
        "the input instead of the hidden layer",
        '"W2"] = self.h.T',
        '"W2"] = np.arctanh(self.h).T',
        "params['W2']",
        "activation|hidden|tanh|rows",
    ),
    form="object",
    wrap=two_layers,
)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_prime(x):
    s = 1 / (1 + np.exp(-x))
    return s * (1 - s)


define(
    "sigmoid and its derivative",
    (sigmoid, sigmoid_prime),
    lambda: (normal(3, 4).numpy(),),
    slip("x is taken for the output", "return s * (1 - s)", "return x * (1 - x)", "x", "output|derivative"),
    slip("1 - s is forgotten", "return s * (1 - s)", "return s", "x", "output|derivative|factor"),
    form="derivative",
)


def mse(prediction, target):
    return ((prediction - target) ** 2).mean()


def mse_grad(prediction, target):
    return 2 * (prediction - target) / prediction.numel()


define(
    "mean squared error and its gradient",
    (mse, mse_grad),
    lambda: (normal(4, 3).requires_grad_(), normal(4, 3)),
    slip("2 is forgotten", "2 * (prediction", "(prediction", "prediction", "factor|times"),
    slip("divided by N only", "/ prediction.numel()", "/ len(prediction)", "prediction", "factor|times"),
    form="derivative",
)
