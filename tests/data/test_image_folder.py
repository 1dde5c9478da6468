"""Folders of images are read as Pillow reads each file; classes are the names of the folders."""

import io
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from torchnet.data import DataError, Preparation, load, prepare
from torchnet.data.formats import image_folder

RNG = np.random.default_rng(4)
GRAY = RNG.integers(256, size=(12, 6, 5), dtype=np.uint8)
COLOR = RNG.integers(256, size=(12, 6, 5, 3), dtype=np.uint8)


def write(folder: Path, images: np.ndarray, classes: str = "xyz", suffix: str = "png") -> Path:
    for number, pixels in enumerate(images):
        place = folder / classes[number % len(classes)]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number:03}.{suffix}")
    return folder


def by_class(images: np.ndarray, classes: int = 3) -> np.ndarray:
    return np.concatenate([images[first::classes] for first in range(classes)])


@pytest.mark.parametrize("images", [GRAY, COLOR], ids=["gray", "color"])
@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_pixels_and_classes(tmp_path, images, suffix):
    for number, pixels in enumerate(images):
        place = tmp_path / "xyz"[number % 3]
        place.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(
            place / f"{number:03}.{suffix}", **({"lossless": True} if suffix == "webp" else {})
        )
    data = load(str(tmp_path))
    np.testing.assert_array_equal(data.train_inputs, by_class(images))
    assert data.train_targets.tolist() == [*"xxxxyyyyzzzz"]
    assert data.test_inputs is None
    assert data.is_digits is None


def test_one_color_image_makes_all_of_them_rgb(tmp_path):
    write(tmp_path, GRAY)
    Image.fromarray(COLOR[0]).save(tmp_path / "z" / "more.png")
    images = load(str(tmp_path)).train_inputs
    np.testing.assert_array_equal(images[:-1], np.repeat(by_class(GRAY)[..., None], 3, axis=3))
    np.testing.assert_array_equal(images[-1], COLOR[0])


def test_images_with_equal_channels_are_gray(tmp_path):
    write(tmp_path, np.repeat(GRAY[..., None], 3, axis=3))
    np.testing.assert_array_equal(load(str(tmp_path)).train_inputs, by_class(GRAY))


@pytest.mark.parametrize("test", ["test", "testing", "val", "valid", "Test"])
def test_train_and_test(tmp_path, test):
    write(tmp_path / "train", GRAY)
    write(tmp_path / test, GRAY[:6] // 2)
    data = load(str(tmp_path))
    np.testing.assert_array_equal(data.train_inputs, by_class(GRAY))
    np.testing.assert_array_equal(data.test_inputs, by_class(GRAY[:6] // 2))
    assert data.test_targets.tolist() == [*"xxyyzz"]


def test_test_is_preferred_to_val(tmp_path):
    for name, images in (("train", GRAY), ("val", GRAY // 2), ("test", GRAY // 3)):
        write(tmp_path / name, images)
    np.testing.assert_array_equal(load(str(tmp_path)).test_inputs, by_class(GRAY // 3))


def test_train_alone_is_split_and_test_alone_is_a_class(tmp_path):
    write(tmp_path / "a" / "train", GRAY)
    assert load(str(tmp_path / "a")).test_inputs is None
    (tmp_path / "b").mkdir()
    for name in ("test", "other"):
        write(tmp_path / "b", GRAY, classes=[name])
    assert {*load(str(tmp_path / "b")).train_targets} == {"other", "test"}


@pytest.mark.parametrize(
    ("names", "labels"),
    [(["0", "1", "10"], [0, 1, 10]), (["0", "01", "1"], ["0", "01", "1"]), (["1", "b", "²"], ["1", "b", "²"])],
)
def test_names_that_are_numbers_are_labels_as_numbers(tmp_path, names, labels):
    write(tmp_path, GRAY, classes=names)
    assert np.unique(load(str(tmp_path)).train_targets).tolist() == sorted(labels)


def test_hidden_files_and_those_of_file_managers_are_ignored(tmp_path):
    write(tmp_path, GRAY)
    for name in (".DS_Store", "x/.hidden.png", "x/Thumbs.db", "z/desktop.ini", "README.txt"):
        (tmp_path / name).write_text("no image")
    (tmp_path / ".git").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    assert load(str(tmp_path)).train_inputs.shape == GRAY.shape


@pytest.mark.parametrize("size", [3, 6, 20])
def test_images_of_different_sizes_are_cropped_and_resized(tmp_path, size):
    write(tmp_path, COLOR)
    wide = Image.fromarray(RNG.integers(256, size=(40, 90, 3), dtype=np.uint8))
    wide.save(tmp_path / "z" / "wide.png")
    data = load(str(tmp_path), image_size=size)
    assert data.train_inputs.shape == (13, size, size, 3)
    expected = wide.resize((size, size), Image.Resampling.BICUBIC, box=(25, 0, 65, 40))
    np.testing.assert_allclose(data.train_inputs[-1].astype(int), np.asarray(expected).astype(int), atol=1)


def test_a_jpeg_is_turned_upright_by_its_orientation(tmp_path):
    write(tmp_path, GRAY, suffix="jpg")
    for path in [*tmp_path.rglob("*.jpg")][::2]:
        image = Image.open(path)
        exif = image.getexif()
        exif[0x112] = 6  # turned by 90 degrees
        turned = image.transpose(Image.Transpose.ROTATE_90)
        turned.save(path, exif=exif)
        assert ImageOps.exif_transpose(Image.open(path)).size == (5, 6)
    assert load(str(tmp_path)).train_inputs.shape == GRAY.shape


def test_transparent_pixels_are_white(tmp_path):
    pixels = np.zeros((6, 5, 4), np.uint8)
    pixels[:, 2:, 3] = 255  # black, and transparent on the left
    for name in "xy":
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "1.png")
    assert (load(str(tmp_path)).train_inputs == np.where(pixels[..., 3] == 0, 255, 0)).all()


def test_pixels_of_16_bits_become_bytes(tmp_path):
    for name, value in (("x", 0), ("y", 65535)):
        (tmp_path / name).mkdir()
        Image.fromarray(np.full((6, 5), value, np.uint16)).save(tmp_path / name / "1.png")
    assert load(str(tmp_path)).train_inputs[:, 0, 0].tolist() == [0, 255]


def test_warnings_of_pillow_are_silenced_and_the_filters_stay(tmp_path):
    write(tmp_path, GRAY)
    buffer = io.BytesIO()
    Image.fromarray(GRAY[0]).convert("P").save(buffer, "PNG", transparency=bytes([0] * 256))
    (tmp_path / "x" / "p.png").write_bytes(buffer.getvalue())
    before = [*warnings.filters]
    load(str(tmp_path))
    assert warnings.filters == before


def test_the_first_fault_ends_the_reading(tmp_path, monkeypatch):
    write(tmp_path, np.repeat(GRAY, 40, axis=0))
    (tmp_path / "x" / "000.bad").write_text("x")
    read = []
    inner = image_folder.read_pixels
    monkeypatch.setattr(
        image_folder, "read_pixels", lambda path, size: (read.append(path), time.sleep(0.003), inner(path, size))[2]
    )
    monkeypatch.setattr(image_folder, "_TOGETHER", 1)
    (tmp_path / "x" / "000.bad").rename(tmp_path / "x" / "zzz.bad")
    with pytest.raises(DataError, match=r"zzz.bad: expected an image"):
        load(str(tmp_path))
    assert len(read) < 481


def test_a_bar_appears_on_a_terminal_after_a_second(tmp_path, monkeypatch, capsys):
    write(tmp_path, GRAY)
    load(str(tmp_path))
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    load(str(tmp_path))
    assert "images" not in capsys.readouterr().err
    monkeypatch.setattr(image_folder, "_QUIET_SECONDS", 0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(image_folder, "_TOGETHER", 1)
    inner = image_folder.read_pixels
    monkeypatch.setattr(image_folder, "read_pixels", lambda path, size: (time.sleep(0.05), inner(path, size))[1])
    load(str(tmp_path))
    assert "images" in capsys.readouterr().err


def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    write(tmp_path, GRAY)
    monkeypatch.setattr("torchnet.data.memory.available_memory", lambda: 359)
    with pytest.raises(DataError, match="GiB are available"):
        load(str(tmp_path))
    monkeypatch.setattr("torchnet.data.memory.available_memory", lambda: 360)
    assert prepare(load(str(tmp_path)), Preparation(test_fraction=0.25)).parts["train"].inputs.dtype == np.uint8
