"""The NumPy reference on its own: what other tests rely on, and where it corrects the notebook."""

import subprocess
import sys

import numpy as np
import pytest
from scipy.special import expit, log_softmax
from scipy.special import softmax as scipy_softmax

from torchnet import reference

from .conftest import ROOT


def columns(rows: int, n: int, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal((rows, n))


def one_hot(rows: int, n: int) -> np.ndarray:
    return np.eye(rows)[np.random.default_rng(1).integers(rows, size=n)].T


def test_sigmoid_and_softmax_match_scipy_where_exp_overflows():
    z = np.concatenate([columns(10, 7, 3.0), columns(10, 7, 1e4)])
    np.testing.assert_allclose(reference.sigmoid(z), expit(z), rtol=1e-15)
    np.testing.assert_allclose(reference.softmax(z), scipy_softmax(z, axis=0), rtol=1e-14)


def test_losses_match_the_formulas():
    z, Y = columns(10, 7, 3.0), one_hot(10, 7)
    p = scipy_softmax(z, axis=0)
    assert reference.cross_entropy(Y, z) == pytest.approx(-(Y * log_softmax(z, axis=0)).sum() / 7, rel=1e-14)
    # the notebook's formula
    expected = -(1.0 / 7) * (np.sum(np.log(p) * Y) + np.sum(np.log(1 - p) * (1 - Y)))
    assert reference.one_vs_rest_cross_entropy(Y, z) == pytest.approx(expected, rel=1e-13)
    assert reference.mean_squared_error(Y, z) == pytest.approx(np.sum((z - Y) ** 2) / 70, rel=1e-14)


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
@pytest.mark.parametrize("loss", reference.LOSS_GRADIENTS)
def test_gradients_match_central_differences(activation, loss):
    sizes, n, h = (3, 4, 4, 5), 6, 1e-6
    random = np.random.default_rng(2)
    params = [(w, random.standard_normal(b.shape)) for w, b in reference.initialize_params(sizes)]
    X, Y = columns(3, n, seed=3), one_hot(5, n)

    def value() -> float:
        z, _ = reference.forward(params, X, activation)
        return getattr(reference, loss)(Y, z[-1])

    z, activations = reference.forward(params, X, activation)
    grads, grad_input = reference.backward(params, z, activations, Y, n, activation, loss)
    for array, grad in [*zip(sum(params, ()), sum(grads, ()), strict=True), (X, grad_input)]:
        for index in np.ndindex(array.shape):
            array[index] += h
            above = value()
            array[index] -= 2 * h
            below = value()
            array[index] += h
            assert grad[index] == pytest.approx((above - below) / (2 * h), rel=1e-6, abs=1e-8)


def test_initial_weights_are_the_notebooks():
    np.random.seed(10)
    first = np.random.randn(64, 784) * np.sqrt(2.0 / 784)
    second = np.random.randn(10, 64) * np.sqrt(2.0 / 64)
    (w1, b1), (w2, b2) = reference.initialize_params((784, 64, 10))
    np.testing.assert_array_equal(w1, first)
    np.testing.assert_array_equal(w2, second)
    assert b1.shape == (64, 1)
    assert not b1.any()
    assert b2.shape == (10, 1)


def test_last_mini_batch_is_one_short_and_divided_by_the_full_size():
    X, Y = columns(3, 12), one_hot(4, 12)
    ((weight, bias),) = reference.train(X, Y, (3, 4), epochs=1, batch_size=6, lr=0.5)
    ((w, b),) = reference.initialize_params((3, 4))
    order = np.random.RandomState(10).permutation(12)
    for part in (order[:6], order[6:11]):
        G = (scipy_softmax(w @ X[:, part] + b, axis=0) - Y[:, part]) / 6
        w, b = w - 0.5 * G @ X[:, part].T, b - 0.5 * G.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weight, w, rtol=1e-14)
    np.testing.assert_allclose(bias, b, rtol=1e-14)


def test_predict_names_the_most_probable_class():
    params = [(np.eye(4), np.zeros((4, 1)))]
    assert reference.predict(params, np.array([[0, 3.0, 1, 2], [9, 0, 1, 2]]).T).tolist() == [1, 0]


def test_runs_alone_without_torch(tmp_path):
    script = (ROOT / "torchnet" / "reference.py").read_text()
    (tmp_path / "reference.py").write_text(script)
    code = "import sys, reference; print(sorted(m for m in ('torch', 'torchnet', 'scipy') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    done = subprocess.run([sys.executable, "reference.py", "."], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "expected MNIST's four IDX files here, found no train-images-idx3-ubyte" in done.stderr
    assert "Traceback" not in done.stderr
