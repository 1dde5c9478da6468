"""Train on arrays with one call."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.multiclass import type_of_target

from torchnet.choices import expect_one_of
from torchnet.estimators.classifier import MLPClassifier
from torchnet.estimators.regressor import MLPRegressor

_ESTIMATORS = {"classification": MLPClassifier, "regression": MLPRegressor}
_MANY = 20  # classes; more of them are plausible if each has 10 samples


def fit(
    X: Any,
    y: Any,
    hidden_sizes: int | Sequence[int] = (64, 64),
    *,
    task: str | None = None,
    random_state: Any = 0,
    **options: Any,
) -> MLPClassifier | MLPRegressor:
    """Train a network on arrays; return the fitted estimator, which predicts on raw data.

    Args:
        X: the samples.
        y: their targets: labels of any type for a classifier, numbers for a regressor.
        hidden_sizes: the width of each hidden layer; an integer for one layer.
        task: "classification" or "regression". By default numbers that are not whole, and several numbers per sample,
            are regression; everything else is classification.
        random_state: with the same one, the trained network has the same bits.
        options: other parameters of `torchnet.MLPClassifier`.

    Shape:
        X: (n, I); y: (n,), or (n, K) for regression.

    Raises:
        ValueError: if data or options are invalid, or y does not say which task it is.
        FloatingPointError: if training diverges.
    """
    expect_one_of("task", task, (*_ESTIMATORS, None))
    estimator = _ESTIMATORS[task or _task_of(y)](hidden_sizes, random_state=random_state)
    for name in options:
        expect_one_of("option", name, estimator.get_params())
    return estimator.set_params(**options).fit(X, y)


def _task_of(y: Any) -> str:
    array = np.asarray(y)
    if array.ndim == 1 and array.dtype.kind in "iuf" and not np.any(array % 1):
        values = len(np.unique(array))
        if values > max(_MANY, len(array) / 10):
            raise ValueError(
                f"expected numbers that are not whole, or fewer classes, got {values} whole numbers for {len(array)} "
                'samples: pass task="regression" or task="classification"'
            )
    continuous = ("continuous", "continuous-multioutput", "multiclass-multioutput")
    return "regression" if type_of_target(y) in continuous else "classification"
