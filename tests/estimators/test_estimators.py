"""MLPClassifier and MLPRegressor: what they learn, and that the same random_state gives the same bits."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_friedman1
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from torchnet import MLP, MLPClassifier, MLPRegressor
from torchnet.estimators import epochs

X, SPECIES = load_iris(return_X_y=True)
A, B = make_friedman1(120, noise=0.1, random_state=0)
QUICK = {"max_epochs": 3, "random_state": 0}


def bits(estimator) -> list[bytes]:
    return [weight.numpy().tobytes() for weight in estimator.net_.parameters()]


@pytest.mark.parametrize(
    "labels", [np.array(["setosa", "versicolor", "virginica"]), np.array([-7, 3, 1000]), np.array([0.0, 2.0, 5.0])]
)
def test_labels_may_be_of_any_type(labels):
    y = labels[SPECIES]
    classifier = MLPClassifier(random_state=0).fit(X, y)
    assert classifier.classes_.tolist() == sorted(labels.tolist())
    assert classifier.predict(X).dtype == y.dtype
    assert classifier.score(X, y) > 0.95
    probabilities = classifier.predict_proba(X)
    assert (classifier.classes_[probabilities.argmax(1)] == classifier.predict(X)).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)


def test_labels_may_be_booleans_in_a_list():
    classifier = MLPClassifier(random_state=0).fit(X.tolist(), (SPECIES == 1).tolist())
    assert classifier.classes_.tolist() == [False, True]
    assert classifier.score(X, SPECIES == 1) > 0.95


@pytest.mark.parametrize(("kind", "data"), [(MLPClassifier, (X, SPECIES)), (MLPRegressor, (A, B))])
def test_the_same_random_state_gives_the_same_bits(kind, data, monkeypatch):
    one = kind(dropout=0.1, **QUICK).fit(*data)
    assert bits(clone(one).fit(*data)) == bits(one)
    assert bits(one.fit(*data)) == bits(one)
    assert bits(clone(one).set_params(random_state=1).fit(*data)) != bits(one)
    monkeypatch.setattr(epochs, "_STEPS_THAT_PAY_FOR_A_CAPTURE", 0)
    assert bits(clone(one).fit(*data)) == bits(one)


@pytest.mark.parametrize(("kind", "data"), [(MLPClassifier, (X, SPECIES)), (MLPRegressor, (A, B))])
def test_partial_fit_continues_after_pickling_to_the_bit(kind, data):
    estimator = kind(dropout=0.1, **QUICK)
    first = {"classes": [0, 1, 2]} if kind is MLPClassifier else {}
    estimator.partial_fit(*data, **first).partial_fit(*data)
    copy = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(copy.predict(data[0]), estimator.predict(data[0]))
    assert bits(copy.partial_fit(*data)) == bits(estimator.partial_fit(*data))
    assert copy.n_iter_ == len(copy.loss_curve_) == 3


def test_partial_fit_learns_from_parts():
    digits, labels = load_digits(return_X_y=True)
    train, test, y_train, y_test = train_test_split(digits, labels, random_state=0)
    classifier = MLPClassifier(random_state=0)
    for _ in range(5):
        for part in np.array_split(np.arange(len(train)), 7):
            classifier.partial_fit(train[part], y_train[part], classes=np.arange(10))
    assert classifier.score(test, y_test) > 0.93
    assert classifier.scaler_.n_samples_seen_ == 5 * len(train)


def test_partial_fit_continues_a_fit():
    classifier = MLPClassifier(**QUICK).fit(X, SPECIES)
    before = bits(classifier)
    assert classifier.partial_fit(X, SPECIES).n_iter_ == 4
    assert bits(classifier) != before


def test_a_step_follows_the_gradient_of_the_loss_with_its_penalty():
    regressor = MLPRegressor(
        (5,), lr=0.1, momentum=0, alpha=3.0, clip_norm=None, batch_size=len(A), max_epochs=1, dtype="float64"
    ).set_params(random_state=7)
    regressor.fit(A, B)
    seed = np.random.RandomState(7).randint(2**31 - 1)
    net = MLP((10, 5, 1), "silu", generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    twin = torch.nn.Sequential(torch.nn.Linear(10, 5), torch.nn.SiLU(), torch.nn.Linear(5, 1)).double()
    twin.load_state_dict(net.state_dict())
    inputs, targets = (torch.from_numpy(StandardScaler().fit_transform(it)) for it in (A, B[:, None]))
    penalty = sum(weight.square().sum() for weight in twin.parameters()) * 3.0 / (2 * len(A))
    (torch.nn.functional.mse_loss(twin(inputs), targets) + penalty).backward()
    for got, weight in zip(regressor.net_.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(got.data, (weight - 0.1 * weight.grad).data, rtol=1e-12, atol=1e-14)


def test_early_stopping_keeps_the_weights_with_the_lowest_validation_loss():
    options = {"lr": 0.1, "early_stopping": True, "n_iter_no_change": 3, "validation_fraction": 0.2, "dtype": "float64"}
    regressor = MLPRegressor(random_state=0, alpha=0, **options).fit(A, B)
    losses = regressor.validation_loss_curve_
    best = int(np.argmin(losses))
    assert regressor.n_iter_ == len(losses) == best + 1 + 3 < 100
    train, validation, _, targets = train_test_split(A, B, test_size=0.2, random_state=regressor._seed)
    np.testing.assert_allclose(regressor.scaler_.mean_, train.mean(0))  # learned on the training part alone
    loss = np.mean((regressor.predict(validation) - targets) ** 2) / regressor.target_scaler_.var_[0]
    np.testing.assert_allclose(loss, losses[best], rtol=1e-9)
    assert regressor.set_params(early_stopping=False, max_epochs=1).fit(A, B).validation_loss_curve_ is None


def test_predictions_do_not_depend_on_the_units_of_features_and_targets():
    options = QUICK | {"dtype": "float64"}
    expected = MLPRegressor(**options).fit(A, B).predict(A)
    other = MLPRegressor(**options).fit(A * 1e6 - 3e6, B * 1000 + 5e5).predict(A * 1e6 - 3e6)
    np.testing.assert_allclose((other - 5e5) / 1000, expected, rtol=1e-6)
    raw = MLPRegressor(standardize=False, **options).fit(A, B)
    assert not np.allclose(raw.predict(A), expected)


def test_regression_has_as_many_outputs_as_targets():
    targets = np.stack([B, -1000 * B, A[:, 0]], axis=1)
    regressor = MLPRegressor(alpha=1.0, random_state=0).fit(A, targets)
    assert regressor.predict(A).shape == targets.shape
    assert regressor.score(A, targets) > 0.9
    assert MLPRegressor(**QUICK).fit(A, B[:, None]).predict(A).shape == (len(A), 1)


def test_it_works_in_pipelines_and_grid_search():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**QUICK))
    grid = {"mlpclassifier__hidden_sizes": [np.int64(8), np.array([8, 8])], "mlpclassifier__lr": [1e-4, 0.1]}
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, SPECIES)
    assert search.best_params_["mlpclassifier__lr"] == 0.1
    assert search.score(X, SPECIES) > 0.8


def test_the_number_of_threads_stays():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    MLPClassifier(**QUICK).fit(X, SPECIES).predict(X)
    try:
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_small_fit_does_not_wait_for_the_compiler_of_torch():
    code = (
        "import sys, torchnet; from sklearn.datasets import load_iris; X, y = load_iris(return_X_y=True); "
        "torchnet.fit(X, y).predict(X); assert not {'torch._dynamo', 'pytorch_lightning'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


WRONG = [
    ({"lr": 0}, "lr: expected a number above 0, got 0"),
    ({"lr": "fast"}, "lr: expected a number above 0, got 'fast'"),
    ({"momentum": 1}, "momentum: expected a number from 0 up and below 1, got 1"),
    ({"alpha": -1}, "alpha: expected a number from 0 up, or None, got -1"),
    ({"alpha": float("nan")}, "alpha: expected a number from 0 up, or None, got nan"),
    ({"clip_norm": 0}, "clip_norm: expected a number above 0, or None, got 0"),
    ({"batch_size": 0}, 'batch_size: expected a whole number from 1 up, or "auto", got 0'),
    ({"max_epochs": 2.5}, "max_epochs: expected a whole number from 1 up, got 2.5"),
    ({"validation_fraction": 1}, "validation_fraction: expected a number above 0 and below 1, got 1"),
    ({"n_iter_no_change": 0}, "n_iter_no_change: expected a whole number from 1 up, got 0"),
    ({"dtype": "float16"}, "dtype: expected one of float32, float64, got 'float16'"),
    ({"hidden_sizes": (8, 0)}, r"hidden_sizes: expected whole numbers from 1 up, got \(8, 0\)"),
    ({"hidden_sizes": "64"}, "hidden_sizes: expected whole numbers from 1 up, got '64'"),
    ({"activation": "rellu"}, "activation: expected one of .*: did you mean relu"),
]


@pytest.mark.parametrize(("parameters", "message"), WRONG)
def test_an_invalid_parameter_is_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        MLPClassifier(**parameters).fit(X, SPECIES)


def test_wrong_data_are_refused():
    with pytest.raises(ValueError, match=r"expected samples of at least two classes, got 1 class, \[1\]"):
        MLPClassifier().fit(X, np.ones(len(X), int))
    with pytest.raises(ValueError, match="expected all labels in the first call of partial_fit, got None"):
        MLPClassifier().partial_fit(X, SPECIES)
    classifier = MLPClassifier().partial_fit(X, SPECIES, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"expected those of the first call, \[0 1 2\], got \[0 1 2 3\]"):
        classifier.partial_fit(X, SPECIES, classes=[0, 1, 2, 3])
    with pytest.raises(ValueError, match="previously unseen labels"):
        classifier.partial_fit(X, SPECIES + 1)
    regressor = MLPRegressor().partial_fit(A, B)
    with pytest.raises(ValueError, match=r"expected targets of shape \('n',\), as in the first call, got \(120, 1\)"):
        regressor.partial_fit(A, B[:, None])
    with pytest.raises(FloatingPointError, match=r"expected a finite loss, got .* choose a smaller lr"):
        MLPRegressor(lr=1e9, clip_norm=None).fit(A, B)
