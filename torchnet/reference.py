"""The notebook's algorithm in pure NumPy: an independent implementation to compare the PyTorch network with.

It keeps the notebook's steps, function names and orientation: samples are columns, X is (I, N) and weights are (O, I).
Global variables and Python 2 idioms of the notebook are corrected, its softmax cannot overflow, and the other
activations and losses of the package are added so that they can be compared, too.

It imports nothing from torchnet and runs on its own, on a folder with the four IDX files of MNIST, plain or gzipped:

    python reference.py data/
"""

import gzip
import math
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

Array = np.ndarray
Params = list[tuple[Array, Array]]  # (weight (O, I), bias (O, 1)) of each layer; gradients have the same structure


def sigmoid(z: Array) -> Array:
    """Return 1 / (1 + e⁻ᶻ), computed from e⁻ᶻ or eᶻ, whichever does not overflow."""
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def softmax(z: Array) -> Array:
    """Return the softmax of each column, shifted by its maximum to avoid overflow."""
    e = np.exp(z - z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def normal_cdf(z: Array) -> Array:
    """Return the CDF of the standard normal; NumPy has no error function, so this calls math.erfc."""
    return np.vectorize(math.erfc, otypes=[float])(-z / np.sqrt(2)) / 2


def gelu_sigmoid(z: Array) -> Array:
    """Return the approximation of the CDF in GELU: ½ (1 + tanh u), which equals σ(2u)."""
    return sigmoid(2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))


# name: (the activation h = f(z), its derivative as a function of z)
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(z.dtype)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z: np.where(z > 0, 1, 0.01)),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z: np.exp(np.minimum(z, 0))),
    "gelu": (
        lambda z: z * normal_cdf(z),
        lambda z: normal_cdf(z) + z * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi),
    ),
    "gelu_tanh": (
        lambda z: z * gelu_sigmoid(z),
        lambda z: gelu_sigmoid(z) * (1 + 2 * np.sqrt(2 / np.pi) * (z + 3 * 0.044715 * z**3) * gelu_sigmoid(-z)),
    ),
    "silu": (lambda z: z * sigmoid(z), lambda z: sigmoid(z) * (1 + z * sigmoid(-z))),
    "softplus": (
        lambda z: np.where(z > 20, z, np.log1p(np.exp(np.minimum(z, 20)))),
        lambda z: np.where(z > 20, 1, sigmoid(z)),
    ),
    "identity": (lambda z: z, np.ones_like),
}


def initialize_params(layer_sizes: Sequence[int], seed: int = 10) -> Params:
    """Draw weights from a normal of variance 2 / I, layer by layer from one generator; biases are zero."""
    random = np.random.RandomState(seed)
    return [
        (random.randn(fan_out, fan_in) * np.sqrt(2.0 / fan_in), np.zeros((fan_out, 1)))
        for fan_in, fan_out in pairwise(layer_sizes)
    ]


def forward(params: Params, X: Array, activation: str = "sigmoid") -> tuple[list[Array], list[Array]]:
    """Return (z, h): z[i] = W_i h[i] + b_i for each layer; h starts with X and ends with the softmax."""
    f, _ = ACTIVATIONS[activation]
    z, h = [], [X]
    for i, (weight, bias) in enumerate(params):
        z.append(weight @ h[-1] + bias)
        h.append(softmax(z[-1]) if i == len(params) - 1 else f(z[-1]))
    return z, h


def backward(
    params: Params,
    z: list[Array],
    h: list[Array],
    Y: Array,
    batch_size: int,
    activation: str = "sigmoid",
    loss: str = "cross_entropy",
) -> tuple[Params, Array]:
    """Return the gradients of all weights and biases, and the gradient of X.

    `z` and `h` come from `forward` with the same params and activation. Y holds one-hot columns, (C, N). Sums over
    samples are divided by batch_size. `loss` is a name in LOSS_GRADIENTS.
    """
    _, derivative = ACTIVATIONS[activation]
    dz = LOSS_GRADIENTS[loss](z[-1], h[-1], Y)
    grads: Params = []
    for i in reversed(range(len(params))):
        weight, _ = params[i]
        grads.insert(0, (dz @ h[i].T / batch_size, dz.sum(axis=1, keepdims=True) / batch_size))
        dh = weight.T @ dz
        if i > 0:
            dz = dh * derivative(z[i - 1])
    return grads, dh / batch_size


def _one_vs_rest_gradient(p: Array, Y: Array) -> Array:
    """Apply the chain rule through the softmax: with g = ∂L/∂p, ∂L/∂z_k = p_k (g_k - Σ_c g_c p_c).

    This requires that no p rounds to 0 or 1; the package uses a different formula.
    """
    g = -(Y / p) + (1 - Y) / (1 - p)
    return p * (g - (g * p).sum(axis=0, keepdims=True))


# name: the gradient of the loss of each column with respect to the last z, as a function of z, softmax(z) and Y
LOSS_GRADIENTS: dict[str, Callable[[Array, Array, Array], Array]] = {
    "cross_entropy": lambda z, p, Y: p - Y,
    "one_vs_rest_cross_entropy": lambda z, p, Y: _one_vs_rest_gradient(p, Y),
    "mean_squared_error": lambda z, p, Y: 2 / len(z) * (z - Y),
}


def update(params: Params, grads: Params, lr: float) -> Params:
    """Return the parameters after one step of gradient descent."""
    return [(w - lr * dw, b - lr * db) for (w, b), (dw, db) in zip(params, grads, strict=True)]


def cross_entropy(Y: Array, z: Array) -> float:
    """Return the mean softmax cross-entropy, the training loss, from the last z."""
    log_p = z - z.max(axis=0) - np.log(np.exp(z - z.max(axis=0)).sum(axis=0))
    return float(-(Y * log_p).sum() / Y.shape[1])


def one_vs_rest_cross_entropy(Y: Array, z: Array) -> float:
    """Return the loss that the notebook prints: -1/n Σ [y log p + (1 - y) log(1 - p)] over all softmax outputs p.

    log(1 - p_c) is computed from the exponentials of the other classes, so it never takes log(0).
    """
    e = np.exp(z - z.max(axis=0))
    log_total = np.log(e.sum(axis=0))
    log_p = z - z.max(axis=0) - log_total
    log_rest = np.empty_like(z)
    for c in range(len(z)):
        others = np.delete(z, c, axis=0)
        log_rest[c] = others.max(axis=0) + np.log(np.exp(others - others.max(axis=0)).sum(axis=0))
        log_rest[c] -= z.max(axis=0) + log_total
    return float(-(Y * log_p + (1 - Y) * log_rest).sum() / Y.shape[1])


def mean_squared_error(Y: Array, z: Array) -> float:
    """Return the mean of all (z - y)², from the last z."""
    return float(((z - Y) ** 2).mean())


def train(
    X: Array,
    Y: Array,
    layer_sizes: Sequence[int],
    epochs: int = 40,
    batch_size: int = 500,
    lr: float = 1.0,
    seed: int = 10,
    after_epoch: Callable[[int, Params], None] = lambda epoch, params: None,
) -> Params:
    """Train as the notebook does: shuffle once, then go through the mini-batches in the same order every epoch.

    As in the notebook, a mini-batch ends at min(start + batch_size, n - 1). This drops the very last sample: the last
    mini-batch is one short but still divided by batch_size.

    X has shape (I, n); Y holds one-hot columns, (C, n). The seed is used twice, with separate generators, for the
    weights and for the permutation. `after_epoch` is called with the epoch, counted from 1, and the parameters.
    """
    params = initialize_params(layer_sizes, seed)
    n = X.shape[1]
    permutation = np.random.RandomState(seed).permutation(n)
    X, Y = X[:, permutation], Y[:, permutation]
    for epoch in range(1, epochs + 1):
        for start in range(0, n // batch_size * batch_size, batch_size):
            end = min(start + batch_size, n - 1)
            z, h = forward(params, X[:, start:end])
            grads, _ = backward(params, z, h, Y[:, start:end], batch_size)
            params = update(params, grads, lr)
        after_epoch(epoch, params)
    return params


def predict(params: Params, X: Array, activation: str = "sigmoid") -> Array:
    """Return the most probable class of each column of X, (N,)."""
    _, h = forward(params, X, activation)
    return h[-1].argmax(axis=0)


def notebook_order(labels: Array) -> Array:
    """Return the order in which the notebook stacks its rows; within a digit, the order of the labels is kept.

    It stacks digit by digit, in the order in which a Python 2.7 dict yields the keys "train0".."train9" of the .mat.
    """
    return np.concatenate([np.flatnonzero(labels == digit) for digit in (4, 5, 6, 7, 0, 1, 2, 3, 8, 9)])


def _read_idx(folder: Path, name: str, header: int) -> Array:
    path = folder / name
    if path.exists():
        content = path.read_bytes()
    elif (packed := folder / f"{name}.gz").exists():
        content = gzip.decompress(packed.read_bytes())
    else:
        sys.exit(f"{folder}: expected MNIST's four IDX files here, found no {name} or {name}.gz")
    return np.frombuffer(content, np.uint8, offset=header)


def main(folder: str) -> None:
    """Train the notebook's network on the IDX files in a folder and print the losses and accuracies of the notebook."""
    images, labels = {}, {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        pixels = _read_idx(Path(folder), f"{prefix}-images-idx3-ubyte", 16).reshape(-1, 784)
        digits = _read_idx(Path(folder), f"{prefix}-labels-idx1-ubyte", 8)
        order = notebook_order(digits)
        images[split], labels[split] = pixels[order].T / 255.0, digits[order]
    Y = {split: np.eye(10)[digits].T for split, digits in labels.items()}

    def print_losses(epoch: int, params: Params) -> None:
        if epoch % 5 == 1:
            test, train = (
                one_vs_rest_cross_entropy(Y[split], forward(params, images[split])[0][-1])
                for split in ("test", "train")
            )
            print(f"Epoch {epoch}: test loss = {test:.12g}, train loss = {train:.12g}", flush=True)

    params = train(images["train"], Y["train"], (784, 64, 64, 10), after_epoch=print_losses)
    for split in ("train", "test"):
        accuracy = np.mean(predict(params, images[split]) == labels[split])
        print(f"{split} accuracy = {accuracy:.6g}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python reference.py FOLDER, where FOLDER holds the four IDX files of MNIST")
    main(sys.argv[1])
