"""Conversion of strokes to an image, compared with geometry and with the training data."""

import math

import numpy as np
import pytest
import scipy.ndimage

from torchnet.data import load

LINE = 2.5  # pixels
DISC, BAR = [[[0.4, 0.4]]], [[[0.2, 0.9], [0.33, 0.1]]]
L_SHAPE = [[[0.1, 0.0], [0.1, 0.4], [0.1, 0.9]], [[0.1, 0.9], [0.5, 0.9]]]


@pytest.fixture
def image_of(call):
    return lambda strokes, side=28: np.array(call("imageOf", strokes, side)).reshape(side, side)


def ink_box(image):
    rows, columns = np.nonzero(image)
    return np.ptp(rows) + 1, np.ptp(columns) + 1


def test_the_ink_is_that_of_a_line_with_round_ends(image_of):
    bar = image_of(BAR)
    length = (20 - LINE) * math.hypot(0.13, 0.8) / 0.8
    assert bar.sum() == pytest.approx(LINE * length + math.pi * (LINE / 2) ** 2, rel=0.01)
    assert image_of(DISC).sum() == pytest.approx(math.pi * (LINE / 2) ** 2, rel=0.05)
    assert bar.max() == 1
    assert 0 < np.unique(bar)[1] < 1  # edges are gray


@pytest.mark.parametrize("strokes", [DISC, BAR, L_SHAPE])
def test_the_center_of_mass_is_in_the_middle(strokes, image_of):
    np.testing.assert_allclose(scipy.ndimage.center_of_mass(image_of(strokes)), [13.5, 13.5], atol=0.1)


def test_the_longer_side_of_the_ink_is_20_pixels_and_the_shape_is_kept(image_of, call):
    height, width = ink_box(image_of(L_SHAPE))
    assert height in (20, 21)  # one more if the ink lies between pixels
    assert width == pytest.approx((20 - LINE) * 0.4 / 0.9 + LINE, abs=1.1)
    moved = [[[5 + 3 * x, 3 * y - 7] for x, y in stroke] for stroke in L_SHAPE]
    np.testing.assert_array_equal(image_of(moved), image_of(L_SHAPE))


def test_digits_of_8_by_8_fill_their_image(image_of):
    assert ink_box(image_of(L_SHAPE, 8))[0] == 8
    columns = np.flatnonzero(image_of(L_SHAPE, 8).any(axis=0))
    assert columns[0] + columns[-1] == 7  # centered


@pytest.mark.parametrize(("side", "source"), [(28, "mnist"), (8, "digits")])
def test_the_examples_have_as_much_ink_as_the_data(side, source, opened, request):
    images = request.getfixturevalue("mnist").train_images if source == "mnist" else load("digits").train_inputs
    code = "return torchnet.examples.map((strokes) => torchnet.imageOf(strokes, arguments[0]))"
    ink = np.mean(opened.execute_script(code, side))
    assert ink == pytest.approx(images.mean() / 255, rel=0.1)


def test_without_strokes_the_image_is_empty(image_of):
    assert not image_of([]).any()
