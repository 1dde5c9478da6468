"""The data sets that the playground draws."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier

PLANE = ("spirals", "moons", "circles", "xor")


@pytest.fixture
def draw(run_script):
    """Return the training and the test part of a data set: inputs and targets."""

    def draw(dataset, noise=0.05, seed=1):
        code = """
            const data = makeData(given);
            return [data.train, data.test].map(({ inputs, targets, size }) => [[...inputs], [...targets], size]);
        """
        parts = run_script(code, {"dataset": dataset, "noise": noise, "seed": seed})
        return [(np.array(inputs).reshape(size, -1), np.array(targets)) for inputs, targets, size in parts]

    return draw


@pytest.mark.parametrize("dataset", PLANE)
def test_points_without_noise_are_told_apart_by_their_neighbors(dataset, draw):
    train, test = draw(dataset, noise=0)
    assert train[0].shape == (400, 2)
    assert test[0].shape == (200, 2)
    assert np.abs(train[0]).max() <= 1
    assert np.abs(train[0]).max(axis=0).min() > 0.6
    assert np.bincount(train[1]).min() > 150
    assert KNeighborsClassifier(1).fit(*train).score(*test) > 0.95


@pytest.mark.parametrize("dataset", [*PLANE, "curve", "digits"])
def test_noise_and_seed_do_what_they_say(dataset, draw):
    (inputs, targets), (other_inputs, _) = draw(dataset, noise=0)
    assert (
        len(np.unique(np.vstack([inputs, other_inputs]), axis=0)) > 0.98 * 600
    )  # no sample of one part is in the other
    again, other = draw(dataset, noise=0)[0], draw(dataset, noise=0, seed=2)[0]
    np.testing.assert_array_equal(again[0], inputs)
    np.testing.assert_array_equal(again[1], targets)
    assert not np.array_equal(other[0], inputs)
    noisy = draw(dataset, noise=0.5)[0]
    if dataset == "digits":
        assert noisy[0][inputs == 0][:64].std() == pytest.approx(0.5, rel=0.3)
        assert inputs.min() >= 0
        assert inputs.max() <= 1
    elif dataset == "curve":
        assert noisy[1].std() > targets.std() + 0.1
    else:
        assert noisy[0].std() > inputs.std() + 0.1


def test_the_curve_is_a_function_and_not_a_line(draw):
    inputs, targets = draw("curve", noise=0)[0]
    order = np.argsort(inputs[:, 0])
    assert np.abs(np.diff(targets[order])).max() < 0.15
    line = np.polyval(np.polyfit(inputs[:, 0], targets, 1), inputs[:, 0])
    assert np.square(targets - line).mean() > 0.4 * targets.var()


def test_drawn_digits_look_like_those_that_people_wrote(draw):
    inputs, targets = draw("digits")[0]
    assert np.bincount(targets).tolist() == [40] * 10
    people = load_digits()
    score = KNeighborsClassifier(3).fit(inputs, targets).score(people.data / 16, people.target)
    assert score > 0.6
    assert KNeighborsClassifier(3).fit(inputs, targets).score(*draw("digits")[1]) > 0.95
