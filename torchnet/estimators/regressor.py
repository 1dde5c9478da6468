"""A regressor for scikit-learn."""

from typing import Any, Self

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import validate_data
from torch import Tensor

from torchnet.estimators.estimator import INPUT_DTYPES, MLPEstimator
from torchnet.losses import mean_squared_error


class MLPRegressor(RegressorMixin, MLPEstimator):  # type: ignore[misc]  # scikit-learn has no annotations
    """A multilayer perceptron for regression, with scikit-learn's interface and torchnet's hand-written gradients.

    It minimizes the mean squared error of standardized targets, of which there may be several per sample. Predictions
    are in the units of the targets. The parameters, and the attributes other than these, are those of `MLPClassifier`.

    Attributes:
        target_scaler_: the `StandardScaler` of the targets.
        loss_curve_: the mean training loss of each epoch; 1 is the variance of the targets.
    """

    _loss = staticmethod(mean_squared_error)
    _default_alpha = 5.0

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network.

        Shape:
            X: (n, I); y: (n,) or (n, K) numbers.

        Raises:
            ValueError: if X, y or a parameter is invalid.
            FloatingPointError: if training diverges.
        """
        X, y = validate_data(self, X, y, dtype=INPUT_DTYPES, multi_output=True, y_numeric=True)
        self._shape_of_targets, self.target_scaler_ = y.shape[1:], StandardScaler()
        return self._fit(X, y, y[0].size, stratify=False)

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Train for one epoch on these samples; the first call starts a new network.

        The mean and standard deviation of features and targets, and n of the penalty, are those of all samples seen so
        far.

        Shape:
            X: (n, I); y: (n,) or (n, K).
        """
        first = not hasattr(self, "net_")
        X, y = validate_data(self, X, y, dtype=INPUT_DTYPES, multi_output=True, y_numeric=True, reset=first)
        if first:
            self._shape_of_targets, self.target_scaler_ = y.shape[1:], StandardScaler()
        elif y.shape[1:] != self._shape_of_targets:
            expected = ("n", *self._shape_of_targets)
            raise ValueError(f"expected targets of shape {expected}, as in the first call, got {y.shape}")
        return self._partial_fit(X, y, y[0].size)

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted targets.

        Shape:
            X: (N, I); returns: (N,) or (N, K), as in fit.
        """
        outputs = self._logits(X).double().numpy()
        rows = self.target_scaler_.inverse_transform(outputs)
        return rows.reshape(len(rows), *self._shape_of_targets)

    def _learn_scales(self, X: np.ndarray, y: np.ndarray) -> None:
        super()._learn_scales(X, y)
        self.target_scaler_.partial_fit(y.reshape(len(y), -1))

    def _targets(self, y: np.ndarray) -> Tensor:
        rows = self.target_scaler_.transform(y.reshape(len(y), -1))
        return torch.from_numpy(rows).to(getattr(torch, self.dtype))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
