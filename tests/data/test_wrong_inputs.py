"""Wrong data of every kind are refused in one sentence, without hanging and without much memory."""

import gzip
import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from torchnet.data import DataError, Preparation, SplitError, load, prepare

from .formats import gzipped_zeros, idx, small_set, write_idx

MOST_MEGABYTES = 512  # by which the process may grow
TABLE = "a,b,y\n" + "".join(f"{k}.5,{'uvw'[k % 3]},{'no' if k % 2 else 'yes'}\n" for k in range(24))
IMAGES = np.arange(24 * 16, dtype=np.uint8).reshape(24, 4, 4)
LABELS = np.arange(24) % 3


AUTO = Preparation()


@dataclass(frozen=True)
class Case:
    """A wrong data set: `make` writes it to a folder and returns its path."""

    name: str
    make: Callable[[Path], Path]
    words: str
    options: dict[str, Any] = field(default_factory=dict)
    how: Preparation = AUTO


def table(text: str | bytes, name: str = "table.csv") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder / name

    return make


def parquet(**columns: Any) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        pl.DataFrame(columns, strict=False).write_parquet(folder / "table.parquet")
        return folder / "table.parquet"

    return make


def arrays(**changes: np.ndarray | None) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        stored = {"x": IMAGES, "y": LABELS} | changes
        np.savez(folder / "arrays.npz", **{name: array for name, array in stored.items() if array is not None})
        return folder / "arrays.npz"

    return make


def images(change: Callable[[Path], object]) -> Callable[[Path], Path]:
    """Write a folder of gray images of 4 x 4 pixels, of three classes, and then change it."""

    def make(folder: Path) -> Path:
        for number, pixels in enumerate(IMAGES):
            place = folder / "images" / "uvw"[number % 3]
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{number}.png")
        change(folder / "images")
        return folder / "images"

    return make


def two_tables(train: str, test: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        (folder / "train.csv").write_text(train)
        (folder / "test.csv").write_text(test)
        return folder

    return make


def sparse(name: str, beginning: bytes = b"") -> Callable[[Path], Path]:
    """Write a file of 10 GB that takes no place on the disk."""

    def make(folder: Path) -> Path:
        with (folder / name).open("wb") as file:
            file.write(beginning)
            file.truncate(10 * 2**30)
        return folder / name

    return make


def near_miss(folder: Path) -> Path:
    write_idx(folder, small_set(5))
    (folder / "train-images-idx3-ubyte").rename(folder / "train-images.idx3-ubyte2")
    return folder


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "table.csv")
    return folder / "table.csv"


def bomb(path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(path / "u" / "bomb.png")


def table_cases() -> Iterator[Case]:
    y = {"target": "y"}
    yield Case("no target given", table(TABLE), "expected the column to predict as --data.target; there are a, b, y")
    yield Case("a target that does not exist", table(TABLE), "got q; there are a, b, y", {"target": "q"})
    yield Case("a misspelled target", table(TABLE.replace("y\n", "yield\n", 1)), "mean yield?", {"target": "yeild"})
    yield Case("one target twice", table(TABLE), "expected different columns", {"target": ["a", "a"]})
    yield Case("text among several targets", table(TABLE), "got others in column b", {"target": ["a", "b"]})
    yield Case("an ignored column that does not exist", table(TABLE), "as --data.ignore, got c", y | {"ignore": ["c"]})
    yield Case("the target is ignored", table(TABLE), "got y in both", y | {"ignore": ["y"]})
    yield Case("nothing but the target", table(TABLE), "beside y, got none", y | {"ignore": ["a", "b"]})
    yield Case("one class", table(TABLE.replace("yes", "no")), "at least two classes, got no only", y)
    yield Case("a class of one row", table(TABLE + "1,u,maybe\n"), "2 samples of each class, to split", y)
    yield Case("no target in a row", table(TABLE + "1,u,\n"), "a target in every row, got none in row 25", y)
    yield Case("text as a quantity", table(TABLE), "got text such as yes", y, Preparation("regression"))
    yield Case(
        "quantities as classes",
        table(TABLE),
        "whole numbers, text or booleans as labels",
        {"target": "a"},
        Preparation("classification"),
    )
    yield Case("a constant quantity", table("a,y\n" + "1,2.5\n" * 12), "differ, got 2.5 only", y)
    yield Case("a missing number", table(TABLE + "NaN,u,no\n"), "column a: expected a number, got none in row 25", y)
    yield Case("a missing category", table(TABLE + "1,?,no\n"), "column b: expected a category, got none in row 25", y)
    yield Case(
        "a column without values",
        table(TABLE.replace("u,", ",").replace("v,", ",").replace("w,", ",")),
        "column b: expected values, got missing ones only",
        y,
    )
    yield Case("mixed types", table(TABLE + "many,u,no\n"), "column a: expected a number .* got 'many' in row 25", y)
    yield Case("infinite", table(TABLE + "inf,u,no\n"), "column a: expected finite numbers, got inf in row 25", y)
    yield Case(
        "numbers whose squares are infinite",
        table("a,y\n1e300,0\n-1e300,1\n" + "1,0\n2,1\n3,0\n4,1\n" * 4),
        "column a: expected numbers whose squares are finite",
        y,
    )
    yield Case(
        "a number far from those of training",
        two_tables(TABLE, TABLE + "1e300,u,no\n"),
        "column a: expected numbers of the size of those in training, got 1e\\+300 in row 25",
        y,
    )
    yield Case("dates", table("a,y\n" + "2026-01-02,0\n2026-02-03,1\n" * 9), "column a: .* got dates or times", y)
    yield Case("other dates", table("a,y\n" + "1/2/2026 10:00,0\n12/31/2026 9:30,1\n" * 9), "got dates or times", y)
    text = "".join(
        f"{a}{b},{k % 2}\n" for k, (a, b) in enumerate((a, b) for a in "abcdefghijk" for b in "lmnopqrstuvw")
    )
    yield Case("free text", table(f"a,y\n{text}"), "column a: expected numbers, or at most 100 categories", y)
    yield Case("an empty file", table(""), "expected a table with a header, got an empty file", y)
    yield Case("a header only", table("a,b,y\n"), "expected rows below the header, got none", y)
    yield Case("no header", table("5.1,3.5,no\n4.9,3.0,yes\n"), "names of columns in the first line, got numbers", y)
    yield Case("two columns of one name", table(TABLE.replace("a,b", "a,a", 1)), "two with the name a", y)
    yield Case("a column without a name", table(TABLE.replace("a,b", ",b", 1)), "got none for column 1", y)
    yield Case("a row that is too long", table(TABLE + "1,u,no,2\n"), "expected 3 values in every row", y)
    yield Case("a row that is too short", table(TABLE + "1,u\n"), "expected 3 values .* got 2 in row 25", y)
    yield Case("Latin-1", table(TABLE.encode() + "1,\xfc,no\n".encode("latin-1")), "expected text in UTF-8", y)
    yield Case("UTF-16", table(TABLE.encode("utf-16")), "expected text in UTF-8, got NUL bytes", y)
    yield Case("a quote that is not closed", table(TABLE + '1,"u,no\n'), "not a readable table|every row", y)
    yield Case("a first line of 5 MB", table("a" * 5_000_000), "got a line of more than 4 MiB", y)
    yield Case("an image as a table", table(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "expected text in UTF-8", y)
    yield Case("10 GB of nothing", sparse("table.csv"), "expected text in UTF-8, got NUL bytes", y)
    yield Case("10 GB of nothing after a table", sparse("table.csv", TABLE.encode()), "got NUL bytes", y)
    yield Case("a gzip bomb", table(gzipped_zeros(2**30), "table.csv.gz"), "got NUL bytes", y)
    yield Case("a table that is not gzipped", table(TABLE, "table.csv.gz"), "corrupt compressed data", y)
    yield Case("half of a gzipped table", table(gzip.compress(TABLE.encode())[:40], "table.csv.gz"), "corrupt", y)
    yield Case("a pipe", pipe, "got a device or a pipe", y)
    yield Case("a table as Parquet", table(TABLE, "table.parquet"), "not a readable Parquet file", y)
    yield Case("10 GB of nothing as Parquet", sparse("table.parquet"), "not a readable Parquet file", y)
    yield Case("lists in Parquet", parquet(a=[[1], [2]], y=[0, 1]), "got lists or structures", y)
    yield Case("no rows in Parquet", parquet(a=[], y=[]), "expected rows, got none", y)
    yield Case("a class in test only", two_tables(TABLE, TABLE + "1,u,new\n"), "training has seen, got new", y)
    yield Case(
        "no target in the test table", two_tables(TABLE, "a,b\n1,u\n"), "expected a column y, as for training", y
    )
    yield Case("another column in the test table", two_tables(TABLE, TABLE.replace("b", "c", 1)), "only one of them", y)
    yield Case("text for numbers in the test table", two_tables(TABLE, TABLE.replace(".5", "x")), "column a: ", y)
    yield Case(
        "several tables",
        lambda folder: (table(TABLE)(folder), table(TABLE, "b.csv")(folder), folder)[-1],
        "expected one table, or train.* and test.*, got b.csv, table.csv",
        y,
    )
    yield Case("an image size for a table", table(TABLE), "--data.image_size", y | {"image_size": 8})


def array_cases() -> Iterator[Case]:
    nan = np.where(IMAGES == 7, np.nan, IMAGES)
    rows = IMAGES.reshape(24, 16).astype(float)
    yield Case("NaN pixels", arrays(x=nan), "expected finite pixels, got Inf or NaN")
    yield Case("NaN in rows", arrays(x=nan.reshape(24, 16)), "expected a number, got none in row")
    yield Case("Inf in rows", arrays(x=np.where(rows == 7, np.inf, rows)), "expected finite numbers, got inf in row")
    yield Case(
        "NaN pixels in the test set",
        arrays(x=None, y=None, x_train=IMAGES / 255, y_train=LABELS, x_test=nan, y_test=LABELS),
        "expected finite pixels, got Inf or NaN",
    )
    yield Case("NaN targets", arrays(y=np.where(LABELS == 1, np.nan, LABELS)), "expected a finite target in every row")
    yield Case("gray images of one color", arrays(x=np.full((24, 4, 4), 0.5) * 3), "expected images that differ")
    yield Case("pickled labels", arrays(y=np.array(["a", 1] * 12, object)), "got objects, which are never loaded")
    yield Case("other names", arrays(x=None, data=IMAGES), "expected one array x_train, got 0: .* arrays are y, data")
    yield Case("a target for arrays", arrays(), "--data.target y is for tables", {"target": "y"})
    yield Case("10 GB of nothing as .npz", sparse("arrays.npz"), "not a readable .npz archive")
    yield Case("a split that leaves too few", arrays(), "test_fraction 0.01", how=Preparation(test_fraction=0.01))


def image_cases() -> Iterator[Case]:
    larger, other = Image.new("L", (5, 4)), Image.new("L", (4, 4))
    yield Case(
        "two sizes", images(lambda it: larger.save(it / "v" / "x.png")), "an image of 4 x 4 pixels, .* got 5 x 4"
    )
    yield Case("a text file", images(lambda it: (it / "v" / "x.png").write_text("x")), "x.png: expected an image")
    yield Case("an empty image file", images(lambda it: (it / "v" / "x.png").touch()), "x.png: .* got an empty file")
    yield Case(
        "half of an image", images(lambda it: _cut(it / "v" / "1.png")), "1.png: expected an image, got a corrupt"
    )
    yield Case("a decompression bomb", images(bomb), "bomb.png: expected an image of at most 50 megapixels")
    yield Case("an empty class", images(lambda it: (it / "x").mkdir()), "x: expected images of a class, got an empty")
    yield Case("folders in a class", images(lambda it: (it / "u" / "x").mkdir()), "x: expected an image, got a folder")
    yield Case("a pipe as an image", images(lambda it: os.mkfifo(it / "u" / "x.png")), "x.png: .* a device or a pipe")
    yield Case("no image size", images(lambda it: None), "image_size: expected", {"image_size": -1})
    yield Case("a class of images in test only", images(lambda it: _as_train(it, other)), "training has seen, got new")
    yield Case("an empty folder", lambda folder: folder, "expected a table, train-images-idx3-ubyte")


def other_cases() -> Iterator[Case]:
    yield Case("a near miss", near_miss, "found train-images.idx3-ubyte2")
    yield Case("10 GB of nothing as IDX", _sparse_idx, "expected the magic number")
    yield Case("10 GB as an IDX header says", _large_idx, "more than a file of 10737418240 bytes can hold")
    yield Case("another format", table("{}", "table.json"), r"expected a table \(.csv")
    yield Case("nothing there", lambda folder: folder / "nothing", "no such file or folder")
    yield Case(
        "a misspelled file", lambda folder: table(TABLE)(folder).with_name("tabel.csv"), "did you mean table.csv"
    )
    yield Case("a name that is too long", lambda folder: folder / ("a" * 5000), "File name too long")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def _as_train(folder: Path, image: Image.Image) -> None:
    (folder / "train").mkdir()
    for name in "uvw":
        (folder / name).rename(folder / "train" / name)
    (folder / "test" / "new").mkdir(parents=True)
    image.save(folder / "test" / "new" / "1.png")


def _sparse_idx(folder: Path) -> Path:
    write_idx(folder, small_set(5))
    sparse("train-images-idx3-ubyte")(folder)
    return folder


def _large_idx(folder: Path) -> Path:
    write_idx(folder, small_set(5))
    sparse("train-images-idx3-ubyte", idx(0x803, np.zeros((30, 18_000, 18_000), np.uint8)[:, :0])[:4])(folder)
    with (folder / "train-images-idx3-ubyte").open("r+b") as file:
        file.seek(4)
        file.write(np.array([30, 2**20, 2**10], ">u4").tobytes())
    return folder


CASES = [*table_cases(), *array_cases(), *image_cases(), *other_cases()]


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def test_there_are_at_least_40_cases_with_different_names():
    assert len({case.name for case in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_data_are_refused_in_one_sentence(case: Case, tmp_path: Path):
    source = case.make(tmp_path)
    before = peak_megabytes()
    with pytest.raises((DataError, SplitError), match=case.words) as caught:
        prepare(load(str(source), **case.options), case.how)
    text = str(caught.value)
    assert len(text) < 1000
    assert "\n" not in text
    assert peak_megabytes() - before < MOST_MEGABYTES
