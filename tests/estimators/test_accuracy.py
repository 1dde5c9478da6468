"""The defaults against those of scikit-learn's networks, on the same splits of its tables."""

import numpy as np
import pytest
from sklearn import datasets, neural_network
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import torchnet

SPLITS = range(3)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # scikit-learn's network, after 2000 epochs
@pytest.mark.parametrize(
    "name",
    ["iris", "wine", *(pytest.param(it, marks=pytest.mark.sweep) for it in ("digits", "breast_cancer", "diabetes"))],
)
def test_defaults_are_as_accurate_as_those_of_scikit_learn(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kind = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    scores: dict[str, list[float]] = {"torchnet": [], "scikit-learn": []}
    for seed in SPLITS:
        stratify = None if name == "diabetes" else y
        train, test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=seed, stratify=stratify)
        peer = make_pipeline(StandardScaler(), getattr(neural_network, kind)(max_iter=2000, random_state=seed))
        ours = getattr(torchnet, kind)(random_state=seed)
        scores["torchnet"].append(ours.fit(train, y_train).score(test, y_test))
        scores["scikit-learn"].append(peer.fit(train, y_train).score(test, y_test))
    # A test part has 38 to 450 rows.
    assert np.mean(scores["torchnet"]) >= np.mean(scores["scikit-learn"]) - 0.03, scores
