"""Pictures are converted to the form of MNIST, whatever the color, place, size and light of the digit."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import center_of_mass

from torchnet.data import DataError, load, to_mnist_form

from ...handwriting.drawings import COLORS, pasted, stroke_mask


def picture(ink: np.ndarray, pen: str = "black", paper: str = "white") -> np.ndarray:
    """Return a picture of ink from 0 to 1 as `read_image` returns it."""
    colors = [np.asarray(Image.new("RGB", (1, 1), name), np.float32)[0, 0] / 255 for name in (pen, paper)]
    return (colors[1] + ink[..., None] * (colors[0] - colors[1])).astype(np.float32)


def ink_of(digit: int, seed: int = 0, size: tuple[int, int] = (260, 300)) -> np.ndarray:
    rng = np.random.default_rng((digit, seed))
    return stroke_mask(digit, size, extent=160, thickness=rng.uniform(10, 40), rng=rng)


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize(("size", "box"), [(28, 20), (14, 10), (20, 14), (56, 40)])
def test_the_digit_fills_its_box_around_its_center_of_mass(digit, size, box):
    form = to_mnist_form(picture(ink_of(digit)), size)
    assert form.shape == (size, size)
    assert form.dtype == np.uint8
    assert form.max() == 255
    rows, columns = np.nonzero(form)
    extents = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert max(extents) == box
    for center in center_of_mass(form):
        assert center == pytest.approx(14.5 * size / 28 - 0.5, abs=0.51)


@pytest.mark.parametrize("digit", range(10))
def test_the_aspect_ratio_is_kept(digit):
    ink = ink_of(digit)
    rows, columns = np.nonzero(ink > 0.5)
    tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    rows, columns = np.nonzero(to_mnist_form(picture(ink)))
    expected = 20 * np.array([tall, wide]) / max(tall, wide)
    np.testing.assert_allclose((np.ptp(rows) + 1, np.ptp(columns) + 1), expected, atol=1.1)


@pytest.mark.parametrize("digit", range(10))
def test_inverted_colors_give_the_same_form(digit):
    colors = picture(ink_of(digit))
    difference = to_mnist_form(1 - colors).astype(int) - to_mnist_form(colors)
    assert abs(difference).max() <= 2


@pytest.mark.parametrize(("down", "right"), [(0, 37), (53, 0), (31, 44)])
def test_the_position_does_not_matter(down, right):
    ink = np.pad(ink_of(4, size=(200, 200)), ((10, 90), (10, 90)))
    difference = to_mnist_form(picture(np.roll(ink, (down, right), (0, 1)))).astype(int) - to_mnist_form(picture(ink))
    assert abs(difference).max() <= 2


@pytest.mark.parametrize(("pen", "paper"), COLORS)
def test_the_colors_do_not_matter(pen, paper):
    ink = ink_of(3)
    assert likeness(to_mnist_form(picture(ink, pen, paper)), to_mnist_form(picture(ink))) > 0.995


@pytest.mark.parametrize("scale", [0.2, 0.5, 2, 4])
def test_the_size_hardly_matters(scale):
    ink = ink_of(5)
    size = tuple(round(scale * side) for side in ink.shape[::-1])
    scaled = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)).clip(0, 1)
    form, expected = to_mnist_form(picture(scaled)), to_mnist_form(picture(ink))
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]  # the center of mass is rounded to a pixel
    assert max(likeness(np.roll(form, shift, (0, 1)), expected) for shift in shifts) > 0.95


@pytest.mark.parametrize("digit", [0, 2, 5, 8])
def test_shadows_noise_and_specks_hardly_matter(digit):
    ink = ink_of(digit)
    rng = np.random.default_rng(digit)
    expected = to_mnist_form(picture(ink))
    y, x = np.indices(ink.shape) / max(ink.shape)
    shadow = (1 - 0.3 * x) * (1 - 0.3 / (1 + np.exp((y - x) / 0.1)))
    assert likeness(to_mnist_form(picture(ink, "navy") * shadow[..., None].astype(np.float32)), expected) > 0.95
    noisy = (picture(ink, "#606060") + rng.normal(0, 0.05, (*ink.shape, 3))).clip(0, 1).astype(np.float32)
    assert likeness(to_mnist_form(noisy), expected) > 0.95
    for row, column in rng.integers(0, 256, (8, 2)):
        ink[row : row + 3, column : column + 3] = 1
    assert likeness(to_mnist_form(picture(ink)), expected) > 0.95


def test_the_edge_of_the_table_is_not_ink():
    ink = np.pad(ink_of(3), ((0, 0), (60, 0)))
    colors = picture(ink)
    colors[:, :50] = 0.2
    assert likeness(to_mnist_form(colors), to_mnist_form(picture(ink))) > 0.99


@pytest.mark.parametrize(("width", "expected"), [(2, 1.9), (8, 1.9), (60, 3.0), (80, 4.0), (100, 4.4), (120, 4.4)])
def test_strokes_are_as_thick_as_those_of_mnist(width, expected):
    ink = np.zeros((600, 500), dtype=np.float32)
    ink[100:500, 120 : 120 + width] = 1  # 400 pixels high: 20 of them per pixel of the box
    form = to_mnist_form(picture(ink))
    assert form[14].sum() / 255 == pytest.approx(expected, abs=0.8)


def test_images_of_mnist_are_recovered_from_larger_pictures(mnist):
    rng = np.random.default_rng(0)
    images = mnist.test_images[rng.choice(len(mnist.test_images), 50, replace=False)]
    likenesses = [likeness(to_mnist_form(pasted(image, rng)), image) for image in images]
    assert np.median(likenesses) > 0.97
    assert np.quantile(likenesses, 0.05) > 0.75  # a center of mass between two pixels may be rounded either way


def test_digits_of_scikit_learn_are_recovered_from_larger_pictures():
    images = load("digits").test_inputs[:50]
    large = [np.asarray(Image.fromarray(image).resize((160, 160), Image.Resampling.BICUBIC)) for image in images]
    forms = [to_mnist_form(picture(np.pad(ink, 40) / np.float32(255)), 8) for ink in large]
    assert all(np.ptp(np.nonzero(form)[0]) + 1 == 8 for form in forms)
    assert np.median([likeness(form, image) for form, image in zip(forms, images, strict=True)]) > 0.9


@pytest.mark.parametrize("seed", range(20))
def test_blots_and_patches_are_refused_or_converted(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 60, 2)
    colors = np.ones((height, width, 3), dtype=np.float32)
    for _ in range(rng.integers(1, 5)):
        row, column = rng.integers(height), rng.integers(width)
        colors[row : row + rng.integers(1, 40), column : column + rng.integers(1, 40)] = rng.random(3)
    for size in (1, 8, 28):
        try:
            form = to_mnist_form(colors, size)
        except DataError:
            continue
        assert form.shape == (size, size)
        assert form.max() == 255


def blank(what: str) -> np.ndarray:
    rng = np.random.default_rng(0)
    y, x = np.indices((200, 300)) / 300
    colors = {
        "black": np.zeros((200, 300)),
        "white": np.ones((200, 300)),
        "a pixel": np.ones((1, 1)),
        "a line": rng.random((1, 50)),
        "light that falls": 0.3 + 0.4 * x + 0.2 * y * y,
        "a soft shadow": 0.9 * (1 - 0.1 * np.exp(-((x - 0.3) ** 2 + (y - 0.3) ** 2) / 0.03)),
        "noise": (0.7 + rng.normal(0, 0.05, (200, 300))).clip(0, 1),
        "specks": np.where(rng.random((200, 300)) < 0.001, 0.0, 1.0),
        "hardly any ink": 1 - 0.03 * ink_of(7),
    }[what]
    return np.repeat(colors[..., None].astype(np.float32), 3, axis=2)


@pytest.mark.parametrize(
    "what",
    ["black", "white", "a pixel", "a line", "light that falls", "a soft shadow", "noise", "specks", "hardly any ink"],
)
def test_a_picture_without_a_digit_is_refused(what):
    with pytest.raises(DataError, match=r"^expected a digit.*, got only (background|specks on a background)$"):
        to_mnist_form(blank(what))
