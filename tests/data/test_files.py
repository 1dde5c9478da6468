"""Data files are read as they were written; malformed ones are refused in one sentence that names the file."""

import gzip
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from torchnet.data import DataError, Dataset, Preparation, load, prepare, stratified_split
from torchnet.data.formats.idx_files import FILES

from .formats import TEST_LABELS, TRAIN_LABELS, by_key, by_label, idx, small_set, write_idx, write_mat, write_npz


def expect_same(got: Dataset, expected: Dataset) -> None:
    for key, array in by_key(got).items():
        np.testing.assert_array_equal(array, by_key(expected)[key], err_msg=key)
    assert got.train_inputs.dtype == np.uint8


@pytest.mark.parametrize("pack", [False, True], ids=["plain", "gzipped"])
def test_idx_round_trip(tmp_path, pack):
    data = small_set(side=5)
    got = load(str(write_idx(tmp_path, data, pack)))
    expect_same(got, data)


def test_npz_round_trip(tmp_path):
    data = small_set(side=5)
    expect_same(load(str(write_npz(tmp_path, data))), data)


def test_every_format_gives_the_same_arrays_by_label(tmp_path):
    data = small_set()
    write_idx(tmp_path / "idx", data)
    sources = [tmp_path / "idx", write_mat(tmp_path, data), write_npz(tmp_path, data)]
    for source in sources:
        expect_same(by_label(load(str(source))), by_label(data))


def test_load_searches_a_folder(tmp_path):
    data = small_set()
    write_idx(tmp_path / "mnist", data)
    expect_same(load(str(tmp_path)), data)
    (tmp_path / "other").mkdir()
    write_mat(tmp_path / "other", data)
    expect_same(load(str(tmp_path / "other")), by_label(data))


def test_mnist_is_found_through_the_environment_variable(tmp_path, monkeypatch):
    data = small_set()
    write_idx(tmp_path / "some", data)
    monkeypatch.setenv("TORCHNET_DATA", str(tmp_path / "some"))
    expect_same(load("mnist"), data)
    monkeypatch.setenv("TORCHNET_DATA", str(write_npz(tmp_path, data)))
    expect_same(load("mnist"), data)
    monkeypatch.delenv("TORCHNET_DATA")
    monkeypatch.chdir(tmp_path)
    write_idx(tmp_path / "data", data)
    expect_same(load("mnist"), data)


def test_real_mnist_is_the_same_in_every_format(mnist_place):
    folder = mnist_place if mnist_place.is_dir() else mnist_place.parent
    files = [place / name for place in (folder, folder.parent) for name in ("mnist_all.mat", "mnist.npz")]
    found = [folder, *(path for path in files if path.exists())]
    first, *others = (by_label(load(str(path))) for path in found)
    assert len(first.train_inputs) == 60_000
    assert len(first.test_inputs) == 10_000
    for other in others:
        expect_same(other, first)


def test_digits_are_the_bundled_ones_in_a_fixed_split():
    data, again = load("digits"), load("digits")
    expect_same(data, again)
    assert data.train_inputs.shape == (1437, 8, 8)
    assert data.test_inputs.shape == (360, 8, 8)
    assert (data.train_inputs.min(), data.train_inputs.max()) == (0, 255)
    assert np.bincount(data.test_targets).min() >= 35


def test_stratified_split_keeps_class_frequencies_and_is_fixed():
    labels = np.repeat(np.arange(10), 100)
    first, second = stratified_split(labels, 0.2)
    assert sorted([*first, *second]) == list(range(1000))
    assert np.bincount(labels[second]).tolist() == [20] * 10
    np.testing.assert_array_equal(stratified_split(labels, 0.2)[1], second)


def expect_data_error(source: Path, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        prepare(load(str(source)), Preparation())
    assert "\n" not in str(caught.value)
    assert str(source) in str(caught.value)


IMAGES, LABELS = FILES["train_images"], FILES["train_labels"]
BLANK = np.zeros((30, 28, 28), np.uint8)
PACKED = gzip.compress(idx(0x803, BLANK), mtime=0)  # without the time, since the content is part of test names


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (IMAGES, b"", "cut short within the header"),
        (IMAGES, idx(0x803, BLANK)[:10], "cut short within the header"),
        (IMAGES, idx(0x803, BLANK)[:-1], r"says 23520 bytes of data \(30, 28, 28\), the file has 23519"),
        (IMAGES, idx(0x803, BLANK) + b"\0", "the file has more"),
        (IMAGES, idx(0x801, TRAIN_LABELS), "expected the magic number 0x0803, got 0x0801"),
        (LABELS, idx(0x803, BLANK), "expected the magic number 0x0801, got 0x0803"),
        (
            IMAGES,
            struct.pack(">4I", 0x803, 2**32 - 1, 28, 28),
            "the header says .* bytes of data .*, more than a file of 16 bytes can hold",
        ),
        (
            IMAGES,
            struct.pack(">4I", 0x803, 25, 28, 28) + bytes(23_504),
            "the header says 19600 bytes .*, but there are 30 labels in .*train-labels",
        ),
        (IMAGES, struct.pack(">4I", 0x803, 0, 28, 28), r"says 0 bytes of data \(0, 28, 28\): expected sizes of at"),
        (IMAGES, struct.pack(">4I", 0x803, 30, 0, 28), r"says 0 bytes of data \(30, 0, 28\): expected sizes of"),
        (IMAGES, idx(0x803, BLANK[:29]), r"data \(29, 28, 28\), but there are 30 labels in .*train-labels"),
        (IMAGES, idx(0x803, BLANK[:, :27]), r"of one size, got \(27, 28\) and \(28, 28\)"),
        (IMAGES, PACKED[:-9], "(corrupt|truncated) compressed data"),
        (IMAGES, PACKED[:5], "(corrupt|truncated) compressed data"),
        (IMAGES, PACKED[:30] + b"\xff" * 20, "(corrupt|truncated) compressed data"),
        (
            LABELS,
            idx(0x801, np.where(TRAIN_LABELS == 3, 10, TRAIN_LABELS)),
            r"expected labels that training has seen, got 3 in row",
        ),
    ],
)
def test_a_malformed_idx_file_is_refused(tmp_path, name, content, message):
    write_idx(tmp_path, small_set())
    (tmp_path / name).write_bytes(content)
    expect_data_error(tmp_path, message)


def test_a_missing_idx_file_is_refused(tmp_path):
    write_idx(tmp_path, small_set())
    (tmp_path / LABELS).unlink()
    expect_data_error(tmp_path, r"expected train-labels-idx1-ubyte \(plain or .gz\), found t10k-images-idx3-ubyte")


@pytest.mark.parametrize("keep", [0, 128, 1000, -1])
def test_a_truncated_mat_file_is_refused(tmp_path, keep):
    path = write_mat(tmp_path, small_set())
    path.write_bytes(path.read_bytes()[:keep])
    expect_data_error(path, "not a readable .mat file")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train3": None}, "expected one array train3, got 0"),
        ({"test9": None}, "expected one array test9, got 0"),
        ({"train3": np.zeros((4, 784))}, r"expected train3 as uint8 of shape \(n, 784\), got double \(4, 784\)"),
        ({"train3": np.zeros((4, 783), np.uint8)}, r"expected train3 .* got uint8 \(4, 783\)"),
        ({"test3": np.zeros((0, 784), np.uint8)}, "got none of class 3|expected test3"),
    ],
)
def test_a_mat_file_with_other_arrays_is_refused(tmp_path, change, message):
    expect_data_error(write_mat(tmp_path, small_set(), **change), message)


def test_a_file_that_is_not_mat_is_refused(tmp_path):
    path = tmp_path / "mnist_all.mat"
    path.write_bytes(b"not a mat file at all, but long enough to hold a header of 128 bytes" * 4)
    expect_data_error(path, "not a readable .mat file")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_test": None}, "expected one array x_test, got 0"),
        ({"x_train": np.zeros((30, 28, 28))}, "training and test inputs of one type, got float64 and uint8"),
        ({"x_train": np.zeros((30, 28, 27), np.uint8)}, r"inputs of one size, got \(28, 27\) and \(28, 28\)"),
        ({"x_train": np.zeros((30, 28, 28, 2), np.uint8)}, r"with 1 or 3 channels .* got \(30, 28, 28, 2\)"),
        ({"x_train": np.zeros(30)}, r"expected training inputs of shape .* got \(30,\)"),
        ({"x_train": np.array(["a"] * 30)}, "expected training inputs that are numbers, .* got <U1"),
        ({"y_train": TRAIN_LABELS[:29]}, "expected one target per sample, got 30 training inputs and 29 targets"),
        ({"y_train": TRAIN_LABELS.astype(str)}, "training and test targets of one type, got <U21 and int64"),
        ({"y_train": TRAIN_LABELS.astype(complex)}, "expected training targets that are numbers, .* got complex128"),
        ({"y_train": np.eye(10)[TRAIN_LABELS]}, r"labels of shape \(n,\), got one-hot rows: store y.argmax\(axis=1\)"),
        ({"y_train": np.zeros((30, 3))}, r"targets of one size, got \(3,\) and \(\)"),
        ({"y_test": TEST_LABELS - 1}, "expected labels that training has seen, got -1 in row"),
        ({"y_train": np.zeros(30, int)}, "expected labels of at least two classes, got 0 only"),
    ],
)
def test_an_npz_with_other_arrays_is_refused(tmp_path, change, message):
    expect_data_error(write_npz(tmp_path, small_set(), **change), message)


@pytest.mark.parametrize("keep", [0, 1, 4, 100, 20_000, -10])
def test_a_truncated_npz_is_refused(tmp_path, keep):
    path = write_npz(tmp_path, small_set())
    path.write_bytes(path.read_bytes()[:keep])
    expect_data_error(path, r"not a readable .npz archive \((File is not a zip file|.*[Tt]runcated)")


def test_an_npz_with_a_flipped_bit_is_refused(tmp_path):
    path = write_npz(tmp_path, small_set())
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    expect_data_error(path, "not a readable .npz archive")


def test_pickles_in_an_npz_are_refused(tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(path, x_train=np.array([{}], dtype=object), y_train=[0], x_test=[0], y_test=[0])
    expect_data_error(path, "array x_train: expected numbers or text, got objects, which are never loaded")


def test_an_npz_with_a_wrong_header_is_refused(tmp_path):
    path = write_npz(tmp_path, small_set())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content.replace(b"(30, 28, 28), }           ", b"(1000000000000000, 28), } "))
    expect_data_error(path, r"not a readable .npz archive \(.*28000000000000000")


def test_a_file_that_is_not_npz_is_refused(tmp_path):
    path = tmp_path / "mnist.npz"
    with path.open("wb") as file:
        np.save(file, BLANK)
    expect_data_error(path, r"not a readable .npz archive \(File is not a zip file\)")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no arrays")
    expect_data_error(path, "expected one array x_train, got 0")
    path.write_bytes(b"plain text")
    expect_data_error(path, r"not a readable .npz archive \(File is not a zip file\)")


@pytest.mark.parametrize(
    ("name", "message"),
    [("nothing", "no such file or folder"), ("text.txt", r"expected a table \(.csv, .* a .npz or .mat file")],
)
def test_a_path_that_is_not_a_data_set_is_refused(tmp_path, name, message):
    (tmp_path / "text.txt").write_text("text")
    expect_data_error(tmp_path / name, message)
