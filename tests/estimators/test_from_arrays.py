"""torchnet.fit: one call from arrays to an object that predicts."""

import re

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris

import torchnet

from ..conftest import ROOT

X, SPECIES = load_iris(return_X_y=True)
NUMBERS = X[:, 2] * 1.01


@pytest.mark.parametrize(
    ("y", "options", "kind"),
    [
        (SPECIES, {}, torchnet.MLPClassifier),
        (SPECIES.astype(float), {}, torchnet.MLPClassifier),
        (SPECIES == 1, {}, torchnet.MLPClassifier),
        (np.array(list("abc"))[SPECIES], {}, torchnet.MLPClassifier),
        (NUMBERS, {}, torchnet.MLPRegressor),
        (np.stack([NUMBERS, SPECIES], axis=1), {}, torchnet.MLPRegressor),
        (np.stack([SPECIES, SPECIES], axis=1), {}, torchnet.MLPRegressor),
        (SPECIES, {"task": "regression"}, torchnet.MLPRegressor),
        (np.arange(150), {"task": "regression"}, torchnet.MLPRegressor),
    ],
)
def test_the_targets_decide_on_the_task(y, options, kind):
    model = torchnet.fit(X, y, hidden_sizes=8, max_epochs=2, **options)
    assert type(model) is kind
    assert (model.hidden_sizes, model.random_state, model.n_iter_) == (8, 0, 2)
    assert model.predict(X).shape == np.shape(y)


def test_a_fit_repeats_to_the_bit():
    one, two = (torchnet.fit(X, SPECIES, max_epochs=2).predict_proba(X) for _ in range(2))
    assert (one == two).all()


def test_targets_that_do_not_say_the_task_are_refused():
    message = "got 214 whole numbers for 442 samples: pass task="
    with pytest.raises(ValueError, match=message):
        torchnet.fit(*load_diabetes(return_X_y=True))


def test_other_words_get_a_sentence():
    with pytest.raises(ValueError, match=r"option: expected one of .*, got 'max_epoch': did you mean max_epochs\?"):
        torchnet.fit(X, SPECIES, max_epoch=3)
    with pytest.raises(ValueError, match="task: expected one of classification, regression, None, got 'regress'"):
        torchnet.fit(X, SPECIES, task="regress")


def test_the_example_of_the_documentation_runs(capsys):
    page = (ROOT / "docs" / "training.md").read_text()
    section = page.partition("## From arrays, and scikit-learn\n")[2]
    exec(re.search(r"```python\n(.*?)```", section, re.DOTALL)[1], {})
    accuracy, r2 = map(float, capsys.readouterr().out.split())
    assert accuracy > 0.9
    assert r2 > 0.3
