"""Arrays of .npz files: any numbers, labels and shapes; what training receives of them."""

from pathlib import Path

import numpy as np
import pytest

from torchnet.data import Classes, Dataset, Pixels, Preparation, Quantities, SplitError, Table, load, prepare

RNG = np.random.default_rng(5)
N = 40
BYTES = RNG.integers(256, size=(N, 6, 5), dtype=np.uint8)
LABELS = RNG.permutation(np.arange(N) % 4)


def stored(folder: Path, **arrays: np.ndarray) -> Dataset:
    np.savez_compressed(folder / "arrays.npz", **arrays)
    return load(str(folder / "arrays.npz"))


@pytest.mark.parametrize("names", [("x", "y"), ("X", "Y"), ("X", "y")])
def test_x_and_y_are_one_set_that_is_split(tmp_path, names):
    data = stored(tmp_path, **dict(zip(names, (BYTES, LABELS), strict=True)))
    np.testing.assert_array_equal(data.train_inputs, BYTES)
    assert data.test_inputs is data.test_targets is None
    parts = prepare(data, Preparation(test_fraction=0.25, validation_fraction=0.2)).parts
    assert {name: len(part.rows) for name, part in parts.items()} == {"train": 24, "val": 6, "test": 10}
    assert sorted(np.concatenate([part.rows for part in parts.values()])) == [*range(N)]
    for part in parts.values():
        counts = np.bincount(LABELS[part.rows])
        assert counts.max() - counts.min() <= 1  # stratified
        assert part.inputs is parts["train"].inputs


@pytest.mark.parametrize("names", ["x_train y_train x_test y_test", "X_train y_train X_test y_test"])
def test_four_arrays_are_a_training_and_a_test_set(tmp_path, names):
    arrays = dict(zip(names.split(), (BYTES, LABELS, BYTES[:8] // 2, np.arange(8) % 4), strict=True))
    data = stored(tmp_path, **arrays, other=np.zeros(3))
    np.testing.assert_array_equal(data.test_inputs, BYTES[:8] // 2)
    assert prepare(data, Preparation()).parts["test"].targets.tolist() == [0, 1, 2, 3] * 2


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int64", ">i4"])
def test_whole_pixels_from_0_to_255_become_bytes(tmp_path, dtype):
    data = stored(tmp_path, x=BYTES.astype(dtype), y=LABELS)
    np.testing.assert_array_equal(data.train_inputs, BYTES)
    assert data.train_inputs.dtype == np.uint8
    assert prepare(data, Preparation()).parts["train"].inputs is data.train_inputs


@pytest.mark.parametrize("high", [1, 16])
def test_bytes_that_are_all_small_are_scaled_by_the_largest(tmp_path, high):
    images = RNG.integers(high + 1, size=(N, 6, 5), dtype=np.uint8)
    prepared = prepare(stored(tmp_path, x=images, y=LABELS), Preparation())
    assert prepared.preprocessing.inputs == Pixels((6, 5), 0, high)
    np.testing.assert_allclose(prepared.parts["train"].inputs, images / high, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "uint16", "int32"])
@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 1000), (-7, 300)])
def test_other_pixels_are_scaled_to_0_1(tmp_path, dtype, low, high):
    if dtype == "uint16":
        low = max(low, 0)
    images = low + (high - low) * RNG.random((N, 6, 5))
    images.flat[:2] = low, high
    images = images.astype(dtype)
    prepared = prepare(stored(tmp_path, x=images, y=LABELS), Preparation())
    assert prepared.preprocessing.inputs == Pixels((6, 5), low, high)
    got = prepared.parts["train"].inputs
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, (images.astype(float) - low) / (high - low), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 5, 3), (3, 6, 5), (6, 5), (3, 3, 3)])
def test_shapes_of_images(tmp_path, shape):
    images = RNG.integers(256, size=(N, *shape), dtype=np.uint8)
    assert prepare(stored(tmp_path, x=images, y=LABELS), Preparation()).preprocessing.inputs == Pixels(shape)


@pytest.mark.parametrize("shape", [(6, 5, 1), (1, 6, 5)])
def test_one_channel_is_none(tmp_path, shape):
    images = RNG.integers(256, size=(N, *shape), dtype=np.uint8)
    np.testing.assert_array_equal(stored(tmp_path, x=images, y=LABELS).train_inputs, images.reshape(N, 6, 5))


def test_rows_of_numbers_are_standardized_and_rows_of_bytes_are_pixels(tmp_path):
    rows = RNG.normal(size=(N, 7)) * 3 + 5
    prepared = prepare(stored(tmp_path, x=rows, y=LABELS), Preparation(dtype="float64"))
    part = prepared.parts["train"]
    assert isinstance(prepared.preprocessing.inputs, Table)
    np.testing.assert_allclose(part.inputs[part.rows].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(part.inputs[part.rows].std(axis=0), 1, atol=1e-12)
    flat = prepare(stored(tmp_path, x=BYTES.reshape(N, 30), y=LABELS), Preparation())
    assert flat.preprocessing.inputs == Pixels((30,))


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (LABELS * 10 - 5, Classes(("-5", "5", "15", "25"), "int")),
        (LABELS.astype(np.uint8), Classes(("0", "1", "2", "3"), "int")),
        (LABELS[:, None], Classes(("0", "1", "2", "3"), "int")),
        (np.array(["ä", "b", "c", "d"])[LABELS], Classes(("b", "c", "d", "ä"), "str")),
        (np.array([b"a", b"b", b"c", b"d"])[LABELS], Classes(("a", "b", "c", "d"), "str")),
        (LABELS < 2, Classes(("False", "True"), "bool")),
    ],
    ids=["gaps", "bytes", "a column", "text", "ASCII", "booleans"],
)
def test_labels(tmp_path, labels, classes):
    prepared = prepare(stored(tmp_path, x=BYTES, y=labels), Preparation())
    assert prepared.preprocessing.targets == classes
    seen = prepared.preprocessing.targets.labels[prepared.parts["train"].targets]
    expected = labels.astype(str) if labels.dtype.kind == "S" else labels.ravel()
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 3)])
def test_floating_point_targets_are_quantities(tmp_path, shape):
    values = 100 + 5 * RNG.normal(size=shape)
    prepared = prepare(stored(tmp_path, x=BYTES, y=values), Preparation())
    targets, part = prepared.preprocessing.targets, prepared.parts["train"]
    assert isinstance(targets, Quantities)
    assert targets.names == (("target 0", "target 1", "target 2") if shape == (N, 3) else ("target",))
    np.testing.assert_allclose(part.targets[part.rows].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(targets.decode(part.targets), values.reshape(N, -1))


def test_whole_numbers_are_quantities_if_the_task_says_so(tmp_path):
    data = stored(tmp_path, x=BYTES, y=LABELS)
    assert prepare(data, Preparation("regression")).preprocessing.task == "regression"
    halves = stored(tmp_path, x=BYTES, y=LABELS.astype(float))
    assert prepare(halves, Preparation("classification")).preprocessing.targets == Classes(("0", "1", "2", "3"))


def test_a_class_of_one_sample_is_named(tmp_path):
    labels = np.where(np.arange(N) == 3, 9, 0)
    with pytest.raises(
        SplitError, match=r"test_fraction 0.2: expected at least 2 samples of each class, .* got 1 of 9"
    ):
        prepare(stored(tmp_path, x=BYTES, y=labels), Preparation())


def test_the_preprocessing_of_a_trained_network_is_used_as_it_is(tmp_path):
    rows = RNG.normal(size=(N, 7))
    known = prepare(stored(tmp_path, x=rows, y=LABELS), Preparation()).preprocessing
    again = prepare(stored(tmp_path, x=rows * 2, y=LABELS), Preparation(), known)
    assert again.preprocessing is known
    np.testing.assert_allclose(again.parts["train"].inputs, known.inputs.encode(rows * 2, np.float32))


def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("torchnet.data.memory.available_memory", lambda: N * 30)
    with pytest.raises(ValueError, match="GiB are available"):
        stored(tmp_path, x=BYTES, y=LABELS)
    monkeypatch.setattr("torchnet.data.memory.available_memory", lambda: 4 * N * 30)
    data = stored(tmp_path, x=BYTES.astype(np.float16), y=LABELS.astype(np.uint8))
    with pytest.raises(ValueError, match="GiB are available"):
        prepare(data, Preparation(dtype="float64"))
    prepare(data, Preparation(dtype="float32"))


@pytest.mark.parametrize("option", ["test_fraction", "validation_fraction"])
def test_a_part_of_a_regression_has_two_samples(option):
    test = (np.ones((3, 2)), np.arange(3.0)) if option == "validation_fraction" else ()
    data = Dataset("small", np.arange(20.0).reshape(10, 2), np.arange(10.0), *test)
    with pytest.raises(SplitError, match=f"{option} 0.1: expected at least 2 samples, got 1 of 10"):
        prepare(data, Preparation(**{option: 0.1}))
