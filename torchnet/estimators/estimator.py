"""What the classifier and the regressor share: parameters, standardized inputs, training, outputs of the network."""

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from torchnet.estimators.epochs import BestWeights, Loss, few_threads, train_epochs
from torchnet.estimators.parameters import check_parameters, chosen_batch_size, widths
from torchnet.network import MLP
from torchnet.optimizers import SGD

_ROWS = 10_000  # that the network sees at once when it predicts
INPUT_DTYPES = (np.float64, np.float32)


class MLPEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no annotations
    """The common part of `MLPClassifier` and `MLPRegressor`, which document the parameters."""

    _loss: ClassVar[Loss]
    _default_alpha: ClassVar[float]
    validation_loss_curve_: list[float] | None

    def __init__(
        self,
        hidden_sizes: int | Sequence[int] = (64, 64),
        activation: str | Sequence[str] = "silu",
        *,
        dropout: float | Sequence[float] = 0.0,
        lr: float = 0.05,
        momentum: float = 0.9,
        alpha: float | None = None,
        clip_norm: float | None = 1.0,
        batch_size: int | str = "auto",
        max_epochs: int = 100,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        standardize: bool = True,
        dtype: str = "float32",
        random_state: Any = None,
    ) -> None:
        self.hidden_sizes = hidden_sizes
        self.activation = activation
        self.dropout = dropout
        self.lr = lr
        self.momentum = momentum
        self.alpha = alpha
        self.clip_norm = clip_norm
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.standardize = standardize
        self.dtype = dtype
        self.random_state = random_state

    def _fit(self, X: np.ndarray, y: np.ndarray, out_features: int, stratify: bool) -> Self:
        """Train a new network for at most `max_epochs`, with a learning rate that falls to zero along a cosine."""
        self._start(X, out_features)
        stopping = None
        if self.early_stopping:
            X, X_validation, y, y_validation = train_test_split(
                X, y, test_size=self.validation_fraction, random_state=self._seed, stratify=y if stratify else None
            )
        self._learn_scales(X, y)
        if self.early_stopping:
            validation = self._inputs(X_validation), self._targets(y_validation)
            stopping = BestWeights(self.net_, type(self)._loss, *validation, patience=self.n_iter_no_change)
        self._train(X, y, self.max_epochs, lambda done: self.lr * (1 + math.cos(math.pi * done)) / 2, stopping)
        if stopping is not None:
            stopping.restore()
            self.validation_loss_curve_ = stopping.losses
        return self

    def _partial_fit(self, X: np.ndarray, y: np.ndarray, out_features: int) -> Self:
        """Train for one epoch, with the learning rate `lr`; start a network if there is none."""
        if not hasattr(self, "net_"):
            self._start(X, out_features)
        self._learn_scales(X, y)
        self._train(X, y, 1, lambda done: self.lr)
        return self

    def _start(self, X: np.ndarray, out_features: int) -> None:
        """Make a network with initial weights, its optimizer, and scalers that have seen no data."""
        check_parameters(self.get_params(deep=False))
        self._seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.net_ = MLP(
            (X.shape[1], *widths(self.hidden_sizes), out_features),
            activation=self.activation,
            dropout=self.dropout,
            generator=torch.Generator().manual_seed(self._seed),
            dtype=getattr(torch, self.dtype),
            seed=self._seed,
        )
        self._optimizer = SGD(self.net_.parameters(), lr=self.lr, momentum=self.momentum)
        self.scaler_ = StandardScaler(with_mean=self.standardize, with_std=self.standardize)
        self.n_iter_, self._steps = 0, 0
        self.loss_curve_: list[float] = []
        self.validation_loss_curve_ = None

    def _learn_scales(self, X: np.ndarray, y: np.ndarray) -> None:
        """Include these samples in the mean and the standard deviation of every feature."""
        self.scaler_.partial_fit(X)

    def _train(
        self,
        X: np.ndarray,
        y: np.ndarray,
        epochs: int,
        lr: Callable[[float], float],
        stopping: BestWeights | None = None,
    ) -> None:
        batch_size = chosen_batch_size(self.batch_size, len(X))
        alpha = self._default_alpha if self.alpha is None else self.alpha
        self._optimizer.param_groups[0]["weight_decay"] = alpha / int(np.max(self.scaler_.n_samples_seen_))
        losses = train_epochs(
            self.net_,
            type(self)._loss,
            self._optimizer,
            self._inputs(X),
            self._targets(y),
            epochs,
            batch_size,
            self._seed,
            lr,
            self.clip_norm,
            self.n_iter_,
            self._steps,
        )
        for loss in losses:
            self.loss_curve_.append(loss)
            self.n_iter_ += 1
            self._steps += math.ceil(len(X) / batch_size)
            if stopping is not None and stopping.should_stop():
                break

    def _inputs(self, X: np.ndarray) -> Tensor:
        """Return what the network sees of these samples, (N, I)."""
        return torch.from_numpy(self.scaler_.transform(X)).to(getattr(torch, self.dtype))

    @abstractmethod
    def _targets(self, y: np.ndarray) -> Tensor:
        """Return what the loss sees of these targets, (N,) int64 or (N, K)."""

    def _logits(self, X: Any) -> Tensor:
        """Return the outputs of the network for raw samples, (N, C)."""
        check_is_fitted(self, "net_")
        X = validate_data(self, X, dtype=INPUT_DTYPES, reset=False)
        with torch.no_grad(), few_threads(self.net_, min(len(X), _ROWS)):
            return torch.cat([self.net_(part) for part in self._inputs(X).split(_ROWS)])
