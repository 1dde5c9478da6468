"""A classifier for scikit-learn."""

from typing import Any, Self

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data
from torch import Tensor

from torchnet.estimators.estimator import INPUT_DTYPES, MLPEstimator
from torchnet.losses import cross_entropy


class MLPClassifier(ClassifierMixin, MLPEstimator):  # type: ignore[misc]  # scikit-learn has no annotations
    """A multilayer perceptron that classifies, with scikit-learn's interface and torchnet's hand-written gradients.

    It minimizes the softmax cross-entropy by gradient descent with momentum. The learning rate falls from `lr` to zero
    along a cosine. Labels may be integers, strings or booleans.

    Args:
        hidden_sizes: the width of each hidden layer; an integer for one layer.
        activation: a name in `torchnet.layers.ACTIVATIONS`, or one per hidden layer.
        dropout: the dropout probability of the hidden layers, or one per hidden layer.
        lr: the learning rate at the start.
        momentum: μ of `torchnet.SGD`.
        alpha: the strength of the L2 penalty: alpha / (2 n) times the sum of the squares of all weights is part of
            the loss that is minimized, with n training samples. None for 2 in classification, and for 5 in regression,
            where networks fit more noise.
        clip_norm: the largest norm of all gradients together in a step; None for no clipping.
        batch_size: samples per mini-batch; "auto" for n / 40, but at least 32 and at most 512.
        max_epochs: the number of epochs, or with early_stopping the largest number.
        early_stopping: keep a part of the samples for validation, stop when their loss no longer falls, and keep the
            weights with the lowest one.
        validation_fraction: the size of that part.
        n_iter_no_change: the number of epochs without a new lowest validation loss after which training stops.
        standardize: subtract the mean of each feature and divide by its standard deviation, both learned in fit.
        dtype: "float32" or "float64", the dtype of the weights.
        random_state: determines the initial weights, the order of the samples, dropout and the validation part.

    Attributes:
        classes_: the labels, sorted, (C,).
        net_: the trained `torchnet.MLP`.
        scaler_: the `StandardScaler` of the inputs.
        loss_curve_: the mean training loss of each epoch, without the penalty.
        validation_loss_curve_: the validation loss after each epoch; None without early_stopping.
        n_iter_: the number of epochs.
        n_features_in_: the number of features.
        feature_names_in_: their names, if X has names.
    """

    _loss = staticmethod(cross_entropy)
    _default_alpha = 2.0

    def fit(self, X: Any, y: Any) -> Self:
        """Train a new network.

        Shape:
            X: (n, I); y: (n,) labels.

        Raises:
            ValueError: if X, y or a parameter is invalid, or y has a single class.
            FloatingPointError: if training diverges.
        """
        X, y = validate_data(self, X, y, dtype=INPUT_DTYPES)
        check_classification_targets(y)
        self._learn_classes(y)
        return self._fit(X, self._labels.transform(y), len(self.classes_), stratify=True)

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> Self:
        """Train for one epoch on these samples; the first call starts a new network.

        The mean and standard deviation of the features, and n of the penalty, are those of all samples seen so far.

        Args:
            X: the samples.
            y: their labels.
            classes: all labels that any call will have, required in the first call.

        Shape:
            X: (n, I); y: (n,); classes: (C,).
        """
        first = not hasattr(self, "net_")
        X, y = validate_data(self, X, y, dtype=INPUT_DTYPES, reset=first)
        check_classification_targets(y)
        if first and classes is None:
            raise ValueError("classes: expected all labels in the first call of partial_fit, got None")
        if first:
            self._learn_classes(classes)
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(f"classes: expected those of the first call, {self.classes_}, got {np.unique(classes)}")
        return self._partial_fit(X, self._labels.transform(y), len(self.classes_))

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable label of each sample.

        Shape:
            X: (N, I); returns: (N,).
        """
        places = self._logits(X).argmax(1).numpy()
        return self.classes_[places]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, in the order of `classes_`.

        Shape:
            X: (N, I); returns: (N, C).
        """
        return self._logits(X).softmax(1).numpy()

    def _learn_classes(self, y: Any) -> None:
        self._labels = LabelEncoder().fit(y)
        self.classes_ = self._labels.classes_
        if len(self.classes_) < 2:
            raise ValueError(f"expected samples of at least two classes, got 1 class, {self.classes_.tolist()}")

    def _targets(self, y: np.ndarray) -> Tensor:
        return torch.from_numpy(y.astype(np.int64))
