"""Deformed images equal those of scipy.ndimage for the same random numbers, and depend only on their inputs."""

import itertools
import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from scipy import ndimage, stats
from torch import Tensor

from torchnet.data import Deformation, augmentation
from torchnet.engine.tape import Tape
from torchnet.engine.variants import same_bits
from torchnet.randomness import uniform

ALL = Deformation(
    rotation=25, scale=0.3, shear=20, translation=2.5, elastic_strength=1.2, elastic_smoothness=2.5, seed=7
)
STEP = torch.tensor(41)
SIZES = [(28, 28), (8, 8), (9, 14), (14, 9)]


def random_images(*shape: int) -> Tensor:
    return torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def draw(monkeypatch):
    """Return a function that fixes the random numbers of the affine maps of all images, as factors of the limits.

    The numbers are for the width, the height, the shear, the rotation, and the shifts to the right and down.
    """

    def draw(numbers: list[float]) -> None:
        draws = (torch.tensor(numbers, dtype=torch.float64) + 1) / 2
        monkeypatch.setattr(augmentation, "uniforms", lambda shapes, *_: [draws.expand(s) for s in shapes.values()])

    return draw


def affine_by_scipy(
    image: np.ndarray, width: float, height: float, shear: float, rotation: float, right: float, down: float
) -> np.ndarray:
    """Scale, shear, rotate and move an image in SciPy's coordinates: rows first, from the upper left."""
    cos, sin = math.cos(rotation), math.sin(rotation)
    scaled = np.diag([height, width])
    sheared = np.array([[1, 0], [-math.tan(shear), 1]])  # a higher pixel, at a smaller row, moves further right
    turned = np.array([[cos, -sin], [sin, cos]])  # the right, (0, 1), moves to the top, (-1, 0)
    back = np.linalg.inv(turned @ sheared @ scaled)
    middle = (np.array(image.shape) - 1) / 2
    offset = middle - back @ (middle + np.array([down, right]))
    return ndimage.affine_transform(image, back, offset, order=1, mode="grid-constant")


def deformed_by_scipy(image: np.ndarray, place: int, deformation: Deformation, step: Tensor) -> np.ndarray:
    """Deform the image at an index of a mini-batch, from the same draws, by explicit sums and SciPy's interpolation."""
    d, (rows, columns) = deformation, image.shape
    affine = 2 * uniform((place + 1, 6), d.seed, 2**31, step)[place].double().numpy() - 1
    limits = [d.scale, d.scale, math.radians(d.shear), math.radians(d.rotation), d.translation, d.translation]
    width, height, shear, angle, right, down = limits * affine
    noise_rows, noise_columns = (math.ceil((n - 1) / (1.5 * d.elastic_smoothness)) + 1 for n in image.shape)
    draws = uniform((place + 1, 2, noise_rows, noise_columns), d.seed, 2**31 + 1, step)[place].double().numpy()
    noise = (draws - 0.5) * math.sqrt(12)
    places = []
    for axis in (1, 0):  # the noise of x is drawn first, but SciPy has rows first
        total, squares = np.zeros(image.shape), np.zeros(image.shape)
        for a, b in itertools.product(range(noise_rows), range(noise_columns)):
            y = 1.5 * d.elastic_smoothness * (a - (noise_rows - 1) / 2) + (rows - 1) / 2
            x = 1.5 * d.elastic_smoothness * (b - (noise_columns - 1) / 2) + (columns - 1) / 2
            i, j = np.indices(image.shape)
            near = np.maximum(abs(i - y), abs(j - x)) < 6 * d.elastic_smoothness
            weight = near * np.exp(-((i - y) ** 2 + (j - x) ** 2) / (2 * d.elastic_smoothness**2))
            total, squares = total + weight * noise[axis, a, b], squares + weight**2
        places.append(d.elastic_strength * total / np.sqrt(squares))
    cos, sin, tan = math.cos(angle), math.sin(angle), math.tan(shear)
    forward = np.array([[cos, -sin], [sin, cos]]) @ np.array([[1, 0], [-tan, 1]]) @ np.diag([1 + height, 1 + width])
    middle = (np.array(image.shape) - 1) / 2
    from_middle = np.indices(image.shape).reshape(2, -1) - middle[:, None] - np.array([[down], [right]])
    points = np.linalg.solve(forward, from_middle) + middle[:, None] + np.stack(places).reshape(2, -1)
    return ndimage.map_coordinates(image, points, order=1, mode="grid-constant").reshape(image.shape)


# Each setting alone, with either sign, and all together: the settings and the drawn factors of them.
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("settings", "numbers"),
    [
        ({"scale": 0.25}, [1, 0, 0, 0, 0, 0]),
        ({"scale": 0.25}, [0, -1, 0, 0, 0, 0]),
        ({"scale": 0.4}, [-0.5, 1, 0, 0, 0, 0]),
        ({"shear": 20}, [0, 0, 1, 0, 0, 0]),
        ({"shear": 20}, [0, 0, -1, 0, 0, 0]),
        ({"rotation": 30}, [0, 0, 0, 1, 0, 0]),
        ({"rotation": 180}, [0, 0, 0, -0.7, 0, 0]),
        ({"translation": 2.3}, [0, 0, 0, 0, 1, 0]),
        ({"translation": 2.3}, [0, 0, 0, 0, 0, 1]),
        ({"translation": 2.3}, [0, 0, 0, 0, -1, 0.5]),
        ({"rotation": 30, "scale": 0.25, "shear": 20, "translation": 2.3}, [1, -0.5, 0.75, 0.5, -0.25, 0.5]),
    ],
)
def test_affine_maps_equal_those_of_scipy(draw, expect_equal, size, settings, numbers):
    draw(numbers)
    images = random_images(3, *size)
    s = {"rotation": 0, "scale": 0, "shear": 0, "translation": 0} | settings
    limits = [s["scale"], s["scale"], math.radians(s["shear"]), math.radians(s["rotation"]), *[s["translation"]] * 2]
    parameters = np.array(numbers) * limits + [1, 1, 0, 0, 0, 0]
    expected = np.stack([affine_by_scipy(image, *parameters) for image in images.numpy()])
    expect_equal(str(settings), Deformation(**settings)(images, STEP), expected, "scipy.ndimage")


@pytest.mark.parametrize("size", SIZES)
def test_all_settings_together_equal_explicit_sums_with_scipy_interpolation(expect_equal, size):
    images = random_images(5, *size)
    expected = [deformed_by_scipy(image, n, ALL, STEP) for n, image in enumerate(images.numpy())]
    expect_equal("deformed", ALL(images, STEP), np.stack(expected), "scipy.ndimage")


def test_displacements_alone(expect_equal):
    images = random_images(3, 9, 14)
    elastic = Deformation(elastic_strength=1.5, elastic_smoothness=2, seed=3)
    expected = [deformed_by_scipy(image, n, elastic, STEP) for n, image in enumerate(images.numpy())]
    expect_equal("displaced", elastic(images, STEP), np.stack(expected), "scipy.ndimage")


def dot(row: int, column: int) -> Tensor:
    image = torch.zeros(1, 9, 9, dtype=torch.float64)
    image[0, row, column] = 1
    return image


def test_a_positive_angle_turns_counterclockwise(draw):
    draw([0, 0, 0, 1, 0, 0])
    torch.testing.assert_close(Deformation(rotation=90)(dot(4, 7), STEP), dot(1, 4))  # moved from the right to the top


def test_a_positive_shear_leans_to_the_right(draw):
    draw([0, 0, 1, 0, 0, 0])
    shear = Deformation(shear=45)
    torch.testing.assert_close(shear(dot(2, 4), STEP), dot(2, 6))
    torch.testing.assert_close(shear(dot(7, 4), STEP), dot(7, 1))


def test_width_and_height_are_scaled_independently(draw):
    image = dot(4, 5) + dot(5, 4)
    draw([1, 0, 0, 0, 0, 0])
    wider = Deformation(scale=0.5)(image, STEP)[0]
    # The dot at distance 1 moves to 1.5. The other dot keeps its row.
    torch.testing.assert_close(wider[4, 4:8], torch.tensor([0, 2 / 3, 2 / 3, 0], dtype=torch.float64))
    torch.testing.assert_close(wider[5, 4:6], torch.tensor([1, 1 / 3], dtype=torch.float64))
    draw([0, 1, 0, 0, 0, 0])
    torch.testing.assert_close(Deformation(scale=0.5)(image.mT, STEP)[0], wider.T)


def test_translation_is_in_pixels_to_the_right_and_down(draw):
    draw([0, 0, 0, 0, 1, 0])
    torch.testing.assert_close(Deformation(translation=3)(dot(4, 2), STEP), dot(4, 5))
    draw([0, 0, 0, 0, 0, 1])
    torch.testing.assert_close(Deformation(translation=3)(dot(4, 2), STEP), dot(7, 2))


def test_points_outside_of_the_image_are_0(draw):
    draw([0, 0, 0, 0, 1, 0])
    moved = Deformation(translation=5)(torch.ones(1, 4, 7, dtype=torch.float64), STEP)
    expected = torch.tensor([0, 0, 0, 0, 0, 1, 1], dtype=torch.float64).expand(1, 4, 7)
    torch.testing.assert_close(moved, expected, rtol=0, atol=1e-14)


# For 20,000 images: each number is uniform between its limits, and they are independent.
def test_affine_parameters_are_uniform_and_independent():
    n, images = 20_000, torch.zeros(20_000, 2, 3, dtype=torch.float64)
    one = {"rotation": Deformation(rotation=30), "scale": Deformation(scale=0.4), "shear": Deformation(shear=50)}
    one["translation"] = Deformation(translation=4)
    halves = torch.tensor([[1.5], [1.0]], dtype=torch.float64)
    maps = {}
    for name, deformation in one.items():
        points = deformation.points(images, STEP).view(n, 2, 6) * halves
        here = torch.tensor([[-1, 0, 1, -1, 0, 1], [-0.5, -0.5, -0.5, 0.5, 0.5, 0.5], [1] * 6], dtype=torch.float64)
        maps[name] = (points @ torch.linalg.pinv(here)).numpy()
    found = {
        "rotation": (np.degrees(np.arctan2(maps["rotation"][:, 1, 0], maps["rotation"][:, 1, 1])), -30, 30),
        "width": (1 / maps["scale"][:, 0, 0], 0.6, 1.4),
        "height": (1 / maps["scale"][:, 1, 1], 0.6, 1.4),
        "shear": (np.degrees(np.arctan(maps["shear"][:, 0, 1])), -50, 50),
        "right": (-maps["translation"][:, 0, 2], -4, 4),
        "down": (-maps["translation"][:, 1, 2], -4, 4),
    }
    for name, (numbers, low, high) in found.items():
        assert stats.kstest(numbers, stats.uniform(low, high - low).cdf).pvalue > 1e-3, name
    correlations = np.corrcoef([numbers for numbers, _, _ in found.values()])
    assert abs(correlations - np.eye(6)).max() < 4.5 / math.sqrt(n)


def displacements(deformation: Deformation, n: int, height: int, width: int) -> np.ndarray:
    """Return the displacements of n images in pixels, (n, 2, height, width)."""
    images = torch.zeros(n, height, width, dtype=torch.float64)
    zero = replace(deformation, elastic_strength=0, elastic_smoothness=0)
    halves = torch.tensor([width / 2, height / 2], dtype=torch.float64).view(2, 1, 1)
    return ((deformation.points(images, STEP) - zero.points(images, STEP)) * halves).numpy()


@pytest.mark.parametrize(
    ("height", "width", "smoothness"), [(28, 28, 4), (8, 8, 2), (9, 14, 3), (10, 7, 20), (7, 9, 1), (1, 5, 2)]
)
def test_displacements_have_their_standard_deviation_at_every_pixel(height, width, smoothness):
    n, strength = 4000, 1.7
    found = displacements(Deformation(elastic_strength=strength, elastic_smoothness=smoothness), n, height, width)
    assert abs(found.std(axis=0) / strength - 1).max() < 4.5 / math.sqrt(2 * n)
    assert abs(found.mean(axis=0) / strength).max() < 4.5 / math.sqrt(n)
    together = (found[:, 0] * found[:, 1]).mean(axis=0) / strength**2  # x and y are independent
    assert abs(together).max() < 4.5 / math.sqrt(n)


@pytest.mark.parametrize("length", [1, 2, 8, 28, 100])
@pytest.mark.parametrize("smoothness", [1.0, 2.5, 4.0, 50.0])
def test_correlations_of_displacements_are_gaussian(length, smoothness):
    weights = augmentation.smoothing(length, smoothness, torch.float64, torch.device("cpu")).numpy()
    distances = np.subtract.outer(np.arange(length), np.arange(length))
    correlations = weights @ weights.T
    np.testing.assert_allclose(np.diag(correlations), 1, rtol=1e-14)
    np.testing.assert_allclose(correlations, np.exp(-(distances**2) / (4 * smoothness**2)), atol=0.04)


def test_displacements_match_simard_steinkraus_and_platt():
    sigma, alpha, n = 4, 34, 2000
    noise = np.random.default_rng(0).uniform(-1, 1, size=(n, 80, 80))
    theirs = alpha * ndimage.gaussian_filter(noise, sigma, axes=(1, 2))[:, 26:54, 26:54]
    ours = displacements(Deformation(elastic_strength=1.4, elastic_smoothness=sigma), n, 28, 28)[:, 0]
    assert ours.std() == pytest.approx(theirs.std(), rel=0.03)
    for lag in (1, 3, 6, 9):
        for axis in (1, 2):
            products = [field * np.roll(field, lag, axis) / field.var() for field in (ours, theirs)]
            mine, other = (np.delete(product, range(lag), axis).mean() for product in products)
            assert mine == pytest.approx(other, abs=0.03)


def test_weights_are_not_subnormal():
    weights = augmentation.smoothing(100, 1.0, torch.float32, torch.device("cpu"))
    assert weights[weights > 0].min() > torch.finfo(torch.float32).tiny


def test_without_settings_the_same_tensor_is_returned():
    images = random_images(3, 8, 8)
    assert Deformation()(images, STEP) is images
    assert Deformation(elastic_smoothness=4, seed=1)(images, STEP) is images
    assert Deformation() == Deformation(0, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("setting", ["rotation", "scale", "shear", "translation", "elastic_strength"])
def test_each_setting_has_an_effect(setting):
    images = random_images(3, 8, 8)
    deformation = replace(Deformation(elastic_smoothness=2), **{setting: 0.5})
    assert (deformation(images, STEP) - images).abs().max() > 1e-3


def test_only_the_first_steps_deform():
    images, ends = torch.rand(3, 8, 8), replace(ALL, steps=3)
    for step in map(torch.tensor, range(6)):
        expected = ALL(images, step) if step < 3 else images
        assert torch.equal(ends(images, step), expected)
    half = images.half()
    assert ends(half, torch.tensor(2)).dtype == ends(half, torch.tensor(3)).dtype == torch.float16


def test_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        ALL.rotation = 5.0


def test_it_depends_only_on_seed_step_and_index_in_the_batch():
    images = random_images(1, 12, 12).expand(6, 12, 12)
    first = ALL(images, STEP)
    torch.rand(5)
    state = torch.get_rng_state()
    assert same_bits(replace(ALL)(images, torch.tensor(41)), first)
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(ALL(images[:4], STEP), first[:4], rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(ALL(images[4:], STEP, 4), first[4:], rtol=1e-13, atol=1e-13)
    others = [ALL(images, STEP + 1), ALL(images, STEP + 2**31), replace(ALL, seed=8)(images, STEP)]
    for one, other in itertools.combinations([first, *others], 2):
        assert ((one - other).abs().amax(dim=(1, 2)) > 0.05).all()
    for one, other in itertools.combinations(first, 2):
        assert (one - other).abs().max() > 0.05


def test_settings_do_not_change_the_random_numbers_of_others():
    elastic = Deformation(elastic_strength=1.2, elastic_smoothness=2.5, seed=7)
    np.testing.assert_allclose(displacements(ALL, 4, 9, 7), displacements(elastic, 4, 9, 7), atol=1e-13)
    images = random_images(4, 9, 7)
    moved, unmoved = ALL.points(images, STEP), replace(ALL, translation=0).points(images, STEP)
    shift = (moved - unmoved).numpy()
    np.testing.assert_allclose(shift, np.broadcast_to(shift[:, :, :1, :1], shift.shape), atol=1e-13)


@pytest.mark.parametrize(
    "deformation",
    [
        ALL,
        replace(ALL, elastic_strength=0),
        replace(ALL, steps=2),
        Deformation(elastic_strength=2, elastic_smoothness=3),
    ],
)
def test_a_replay_gives_the_same_bits(deformation):
    images = random_images(2, 5, 8, 8).float()
    step, chosen, out = torch.tensor(0), images[0].clone(), torch.zeros(5, 8, 8)

    def take() -> None:
        out.copy_(deformation(chosen, step))
        step.add_(1)

    tape = Tape(take)
    seen = [out.clone()]
    for k in range(1, 4):
        chosen.copy_(images[k % 2])
        tape.replay()
        assert same_bits(out, deformation(images[k % 2], torch.tensor(k)))
        seen.append(out.clone())
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(seen, 2))


def test_dtypes():
    images = random_images(3, 9, 14)
    exact = ALL(images, STEP)
    assert exact.dtype == torch.float64
    torch.testing.assert_close(ALL(images.float(), STEP), exact.float(), rtol=0, atol=1e-5)
    short = images.bfloat16()
    assert same_bits(ALL(short, STEP), ALL(short.float(), STEP).bfloat16())
    assert same_bits(short, images.bfloat16())


def test_images_are_not_modified():
    images = random_images(3, 9, 14)
    ALL(images, STEP)
    assert torch.equal(images, random_images(3, 9, 14))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rotation": -1}, "rotation: expected degrees in [0, 180], got -1"),
        ({"rotation": 181}, "rotation: expected degrees in [0, 180], got 181"),
        ({"scale": 1}, "scale: expected a number in [0, 1), got 1"),
        ({"scale": math.nan}, "scale: expected a number in [0, 1), got nan"),
        ({"shear": 90}, "shear: expected degrees in [0, 90), got 90"),
        ({"translation": math.inf}, "translation: expected pixels in [0, inf), got inf"),
        ({"elastic_strength": -0.5}, "elastic_strength: expected pixels in [0, inf), got -0.5"),
        ({"elastic_strength": math.inf}, "elastic_strength: expected pixels in [0, inf), got inf"),
        ({"elastic_smoothness": math.inf}, "elastic_smoothness: expected pixels in [0, inf), got inf"),
        (
            {"elastic_strength": 0.5},
            "elastic_smoothness: expected at least 1 pixel with an elastic_strength of 0.5, got 0.0: increase it, or "
            "neighboring pixels are torn apart",
        ),
        ({"steps": 0}, "steps: expected a whole number from 1 up, or null for all steps, got 0"),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared
        Deformation(**settings)
    assert str(error.value) == message


def test_settings_at_the_ends_of_their_ranges_are_accepted():
    Deformation(rotation=180, scale=0.99, shear=89, translation=1000, elastic_strength=100, elastic_smoothness=1)


def test_images_of_another_shape_or_dtype_are_refused():
    with pytest.raises(ValueError, match=r"expected images of shape \(N, H, W\), got \(5, 784\)"):
        ALL(torch.zeros(5, 784), STEP)
    with pytest.raises(ValueError, match=r"expected images of a floating-point dtype, got torch.uint8: scale"):
        ALL(torch.zeros(5, 8, 8, dtype=torch.uint8), STEP)
