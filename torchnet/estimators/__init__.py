"""Networks trained from arrays, as estimators of scikit-learn."""

from torchnet.estimators.classifier import MLPClassifier
from torchnet.estimators.from_arrays import fit
from torchnet.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor", "fit"]
