"""Data sets of every kind as files, and raw samples of each as a user would have them."""

import gzip
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image, ImageDraw, ImageFont
from sklearn import datasets

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Case:
    """A data set.

    Attributes:
        name: what it is.
        write: writes its files to a folder.
        options: of train.py; {folder} stands for the folder.
        raw: returns raw samples, as `torchnet.load(run)` takes them, from the folder.
        config: the name of the configuration.
    """

    name: str
    write: Callable[[Path], None]
    options: Sequence[str]
    raw: Callable[[Path], Any]
    config: str = "table"


def _table(load: Callable[[], Any], name: str, target: str, labels: bool = True) -> Case:
    def frame() -> pl.DataFrame:
        data = load()
        columns = {column.replace(",", ""): data.data[:, k] for k, column in enumerate(data.feature_names)}
        return pl.DataFrame(columns | {target: np.array(data.target_names)[data.target] if labels else data.target})

    def write(folder: Path) -> None:
        frame().write_parquet(folder / name) if name.endswith(".parquet") else frame().write_csv(folder / name)

    options = ("--data.source={folder}/" + name, f"--data.target={target}")
    return Case(f"{name}", write, options, lambda folder: frame().drop(target)[:40])


def _mixed(n: int = 1200) -> pl.DataFrame:
    """Return a table with numbers, categories, booleans and missing values; the target depends on all of them."""
    random = np.random.default_rng(3)
    age, income = random.uniform(18, 80, n), random.lognormal(10, 0.5, n)
    city, member = random.choice(["Oslo", "Roma", "Lima, Perú"], n), random.random(n) < 0.4
    score = 0.05 * (age - 45) + np.log(income) - 10 + 1.5 * (city == "Roma") + member + random.normal(0, 0.5, n)
    missing = random.random((3, n)) < 0.1
    columns = {
        "age": np.where(missing[0], np.nan, age),
        "income": np.where(missing[1], np.nan, income),
        "city": [None if is_missing else word for word, is_missing in zip(city.tolist(), missing[2], strict=True)],
        "member": member,
        "buys": np.where(score > 1, "yes", "no"),
    }
    return pl.DataFrame(columns, nan_to_null=True)


def _letters(per_class: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn letters, (n, 20, 20) uint8, moved and noisy, and their numbers 1..26."""
    random, font = np.random.default_rng(5), ImageFont.load_default(14)
    images, labels = [], []
    for number, letter in enumerate(LETTERS, 1):
        for _ in range(per_class):
            image = Image.new("L", (20, 20))
            place = tuple(random.uniform((3, 0), (7, 4)))
            ImageDraw.Draw(image).text(place, letter, font=font, fill=255)
            images.append(np.clip(np.asarray(image) + random.normal(0, 25, (20, 20)), 0, 255).astype(np.uint8))
            labels.append(number)
    return np.stack(images), np.array(labels)


def _shapes(per_class: int = 200) -> tuple[np.ndarray, list[str]]:
    """Return color images, (n, 32, 32, 3) uint8, of shapes, and their names."""
    random = np.random.default_rng(7)
    images, labels = [], []
    for label, color in (("red disk", (200, 60, 60)), ("green disk", (60, 190, 60)), ("green square", (60, 190, 60))):
        for _ in range(per_class):
            image = Image.fromarray(random.integers(0, 90, (32, 32, 3), dtype=np.uint8))
            x, y, r = random.uniform(12, 20), random.uniform(12, 20), random.uniform(6, 10)
            draw = ImageDraw.Draw(image)
            (draw.ellipse if "disk" in label else draw.rectangle)((x - r, y - r, x + r, y + r), fill=color)
            images.append(np.asarray(image))
            labels.append(label)
    return np.stack(images), labels


def _write_folder(folder: Path) -> None:
    for k, (image, label) in enumerate(zip(*_shapes(), strict=True)):
        (folder / label).mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / label / f"{k:03}.{'png' if k % 2 else 'bmp'}")


def _npz(name: str, make: Callable[[], dict[str, np.ndarray]], input_name: str = "x", config: str = "images") -> Case:
    def write(folder: Path) -> None:
        np.savez_compressed(folder / "data.npz", **make())

    return Case(name, write, ("--data.source={folder}/data.npz",), lambda folder: make()[input_name][:40], config)


def _letters_for_digits() -> dict[str, np.ndarray]:
    images, labels = _digits()
    return {"x": images, "y": np.array([LETTERS[3 + 2 * label] for label in labels])}


def _float_images() -> dict[str, np.ndarray]:
    bundled = datasets.load_digits()
    images, labels = bundled.images.astype(np.float32), bundled.target
    return {"x_train": images[:1400], "y_train": labels[:1400], "x_test": images[1400:], "y_test": labels[1400:]}


def _two_classes() -> dict[str, np.ndarray]:
    bundled = datasets.load_breast_cancer()
    return {"x": bundled.data, "y": bundled.target.astype(bool)}


def _digits() -> tuple[np.ndarray, np.ndarray]:
    bundled = datasets.load_digits()
    return np.rint(bundled.images * (255 / 16)).astype(np.uint8), bundled.target


def _idx(name: str, *names: str) -> Case:
    """Return a case of IDX files under these names, of training images and labels, then of test images and labels."""

    def write(folder: Path) -> None:
        images, labels = _digits()
        arrays = images[:1400], labels[:1400], images[1400:], labels[1400:]
        for path, array in zip(names, arrays, strict=True):
            content = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
            content += array.astype(np.uint8).tobytes()
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(gzip.compress(content) if path.endswith(".gz") else content)

    return Case(name, write, ("--data.source={folder}",), lambda folder: _digits()[0][1400:1440], "images")


_USUAL = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CASES = (
    _table(datasets.load_iris, "iris.csv", "species"),
    _table(datasets.load_wine, "wine.csv", "class"),
    _table(lambda: datasets.load_diabetes(scaled=False), "diabetes.csv", "progression", labels=False),
    _npz("digits as letters", _letters_for_digits),
    _npz("26 classes", lambda: dict(zip("xy", _letters(), strict=True))),
    _npz("2 classes", _two_classes, config="table"),
    Case("RGB folder", _write_folder, ("--data.source={folder}",), lambda folder: _shapes()[0][::6], "images"),
    _npz("float images", _float_images, "x_test"),
    Case(
        "missing values",
        lambda folder: _mixed().write_csv(folder / "mixed.csv"),
        ("--data.source={folder}/mixed.csv", "--data.target=buys", "--data.missing=indicator"),
        lambda folder: _mixed().drop("buys")[:40],
    ),
    _table(datasets.load_wine, "wine.parquet", "class"),
    _idx("IDX, usual names", *_USUAL),
    _idx("IDX, with dots", *(name.replace("-idx", ".idx") for name in _USUAL)),
    _idx("IDX, EMNIST's names", *(f"emnist-letters-{name.replace('t10k', 'test')}.gz" for name in _USUAL)),
    _idx("IDX, a folder per file", *(f"MNIST/raw/{name}/{name}" for name in _USUAL)),
)
