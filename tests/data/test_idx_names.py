"""IDX files are found by any of their usual names, and in any of their usual places."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from torchnet.data import DataError, Dataset, load, mnist
from torchnet.data.formats.idx_files import FILES

from .formats import by_key, idx, small_set, write_idx

DATA = small_set(5, np.random.default_rng(3))
DOTS = {key: name.replace("-idx", ".idx") for key, name in FILES.items()}
EMNIST = {key: f"emnist-letters-{name.replace('t10k', 'test')}" for key, name in FILES.items()}
NAMES = {"dashes": FILES, "dots": DOTS, "emnist": EMNIST, "gzip": {key: f"{name}.gz" for key, name in FILES.items()}}
NAMES["a folder per file"] = {key: f"{name}/{name}" for key, name in FILES.items()}
NAMES["a folder per file, with dots in the name of one"] = {key: f"{DOTS[key]}/{name}" for key, name in FILES.items()}


def write(folder: Path, names: dict[str, str], data: Dataset = DATA) -> Path:
    for key, array in by_key(data).items():
        path = folder / names[key]
        path.parent.mkdir(parents=True, exist_ok=True)
        content = idx(0x803 if array.ndim == 3 else 0x801, array)
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return folder


def expect_data(got: Dataset, expected: Dataset = DATA) -> None:
    for key, array in by_key(got).items():
        np.testing.assert_array_equal(array, by_key(expected)[key], err_msg=key)


@pytest.mark.parametrize("names", NAMES.values(), ids=[*NAMES])
@pytest.mark.parametrize("place", ["", "mnist", "MNIST/raw", "raw"])
def test_usual_names_and_places(tmp_path, monkeypatch, names, place):
    write(tmp_path / place, names)
    (tmp_path / "README.txt").write_text("x")
    expect_data(load(str(tmp_path)))
    monkeypatch.setenv("TORCHNET_DATA", str(tmp_path))
    expect_data(load("mnist"))


@pytest.mark.parametrize("names", [FILES, DOTS, EMNIST, NAMES["gzip"]], ids=["dashes", "dots", "emnist", "gzip"])
def test_one_of_the_files_names_them_all(tmp_path, monkeypatch, names):
    write(tmp_path, {key: f"other-{name}" for key, name in FILES.items()}, small_set(6))
    write(tmp_path, names)
    expect_data(load(str(tmp_path / names["test_labels"])))
    monkeypatch.setenv("TORCHNET_DATA", str(tmp_path / names["train_images"]))
    expect_data(load("mnist"))


def test_mnist_is_preferred_to_other_data_sets_in_its_folder(tmp_path):
    write(tmp_path, EMNIST, small_set(6))
    write(tmp_path, FILES)
    expect_data(load(str(tmp_path)))


def test_plain_files_are_preferred_to_gzipped_ones(tmp_path):
    write(tmp_path, NAMES["gzip"], small_set(6))
    write(tmp_path, FILES)
    expect_data(load(str(tmp_path)))


def test_several_other_data_sets_in_a_folder_are_refused(tmp_path):
    write(tmp_path, EMNIST)
    write(tmp_path, {key: name.replace("letters", "balanced") for key, name in EMNIST.items()})
    with pytest.raises(
        DataError, match="of one data set, got emnist-balanced-, emnist-letters-: name one of its files"
    ):
        load(str(tmp_path))


def test_labels_may_be_any_bytes(tmp_path):
    data = Dataset("", DATA.train_inputs, DATA.train_targets + 1, DATA.test_inputs, DATA.test_targets + 1)
    expect_data(load(str(write(tmp_path, EMNIST, data))), data)


@pytest.mark.parametrize(
    "name",
    ["train-images.idx3-ubyte2", "train-images-idx3-ubyte.zip", "train_images-idx3-ubyte", "train-image-idx3-ubyte"],
)
@pytest.mark.parametrize("source", ["mnist", "the folder"])
def test_a_near_miss_is_named_and_nothing_is_downloaded(tmp_path, monkeypatch, name, source):
    write_idx(tmp_path, DATA)
    (tmp_path / FILES["train_images"]).rename(tmp_path / name)
    monkeypatch.setenv("TORCHNET_DATA", str(tmp_path))
    monkeypatch.setattr(mnist, "_download", pytest.fail)
    with pytest.raises(DataError, match=rf"expected train-images-idx3-ubyte \(plain or .gz\), found {name}$"):
        load("mnist" if source == "mnist" else str(tmp_path))


def test_a_missing_file_is_named(tmp_path):
    write(tmp_path, EMNIST)
    (tmp_path / EMNIST["test_labels"]).unlink()
    with pytest.raises(DataError, match=r"expected t10k-labels-idx1-ubyte \(plain or .gz\), found emnist-letters-"):
        load(str(tmp_path))
    with pytest.raises(DataError, match=r"expected t10k-labels-idx1-ubyte \(plain or .gz\), found emnist-letters-"):
        load(str(tmp_path / EMNIST["train_labels"]))
