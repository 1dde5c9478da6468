"""Predictions for files of any network: rows of tables and arrays as CSV, images of any size and color."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import torchnet
from torchnet import commands
from torchnet.data import Classes, Pixels, Preprocessing, load
from torchnet.runs.load_network import load_network
from torchnet.runs.prediction.images import answers_to
from torchnet.storage import read_checkpoint, write_checkpoint

from ..conftest import ROOT
from ..raw_examples import EXAMPLES, Example, N, write_run

Command = Callable[..., int]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(params=["train.py predict", "python -m torchnet predict"])
def predict(request: pytest.FixtureRequest) -> Command:
    """Call one of the command lines for the run in the folder `run`; return the exit code."""
    from torchnet.cli.main import main

    def call(*words: object) -> int:
        if request.param == "train.py predict":
            return main(ROOT / "configs", ["predict", "--ckpt_path", "run", *map(str, words)])
        return commands.main(["predict", "run", *map(str, words)])

    return call


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def frame(name: str) -> pl.DataFrame:
    return pl.DataFrame({column: values.tolist() for column, values in EXAMPLES[name].samples.items()})


def write_table(name: str, path: Path) -> None:
    """Write a table with a column of dates, one of ids and one of free text beside the inputs."""
    more = [
        pl.Series("date", [f"2026-01-0{k + 1}" for k in range(N)]),
        pl.Series("id", [f"00{k}" for k in range(N)]),
        pl.Series("text, with a comma", [f'said "{k}", twice' for k in range(N)]),
    ]
    table = frame(name).with_columns(more)
    if path.suffix == ".parquet":
        table.with_columns(pl.col("date").str.to_date()).write_parquet(path)
    else:
        table.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("name", ["table", "table with gaps", "table with means"])
def test_rows_of_a_table_get_predictions(name, suffix, predict, capsys):
    run = torchnet.load(write_run(Path("run"), EXAMPLES[name]))
    write_table(name, Path(f"rows{suffix}"))
    assert predict(f"rows{suffix}") == 0
    out, err = capsys.readouterr()
    assert out == "7 rows with predictions in run/predictions.csv\n"
    assert err.splitlines() == [
        f"rows{suffix}: column sex: the network was not trained on unknown; it takes them as none of its categories",
        f"rows{suffix}: column zip: the network was not trained on 1.0, 2; it takes them as none of its categories",
    ]
    rows = rows_of(Path("run/predictions.csv"))
    assert [row["id"] for row in rows] == [f"00{k}" for k in range(N)]
    assert [row["text, with a comma"] for row in rows] == [f'said "{k}", twice' for k in range(N)]
    assert [row["date"] for row in rows] == [f"2026-01-0{k + 1}" for k in range(N)]
    assert [row["zip"] for row in rows] == [*EXAMPLES[name].samples["zip"]]
    samples, targets = EXAMPLES[name].samples, run.preprocessing.targets
    if isinstance(targets, Classes):
        assert [row["prediction"] for row in rows] == [str(label) for label in run.predict(samples)]
        got = [[float(row[f"p({label})"]) for label in targets.names] for row in rows]
        np.testing.assert_allclose(got, run.predict_proba(samples), rtol=1e-5)
    else:
        got = [[float(row[f"prediction of {label}"]) for label in targets.names] for row in rows]
        np.testing.assert_allclose(got, run(samples), rtol=1e-8)


def test_the_columns_are_those_of_the_file_and_then_the_predictions(predict):
    write_run(Path("run"), EXAMPLES["table"])
    frame("table").write_csv("rows.csv")
    assert predict("rows.csv", "--output", "out.csv") == 0
    expected = [*EXAMPLES["table"].samples, "prediction", "p(a b)", "p(ä'\")", "p(z)"]
    assert [*rows_of(Path("out.csv"))[0]] == expected
    assert predict("out.csv", "--output", "again.csv") == 0  # predictions in the input are replaced
    assert Path("again.csv").read_bytes() == Path("out.csv").read_bytes()


@pytest.mark.parametrize("words", [("true", "false"), ("True", "False"), ("TRUE", "FALSE")])
def test_booleans_are_those_of_training_however_they_are_written(words, predict, capsys):
    example = EXAMPLES["table"]
    run = torchnet.load(write_run(Path("run"), example))
    flags = [words[0] if flag else words[1] for flag in example.samples["is_new"]]
    frame("table").with_columns(pl.Series("is_new", flags)).write_csv("rows.csv")
    assert predict("rows.csv") == 0
    assert "is_new" not in capsys.readouterr().err
    assert [row["prediction"] for row in rows_of(Path("run/predictions.csv"))] == [*run.predict(example.samples)]


def test_a_file_with_a_single_row_and_nothing_but_gaps_is_predicted(predict):
    run = torchnet.load(write_run(Path("run"), EXAMPLES["table with gaps"]))
    Path("one.csv").write_text("age,sex,seconds since 1970,zip,is_new,count\n,,,01,true,NA\n")
    assert predict("one.csv") == 0
    nan = float("nan")
    row = {"age": nan, "sex": None, "seconds since 1970": nan, "zip": "01", "is_new": True, "count": nan}
    assert rows_of(Path("run/predictions.csv"))[0]["prediction"] == str(run.predict(row)[0])


HEAD = "age,sex,seconds since 1970,zip,is_new,count\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            HEAD.replace("age,", "Age,") + "1,male,1,01,true,1\n",
            "expected a column age, as in training: did you mean Age?",
        ),
        ("a,b\n1,2\n", "expected a column age, as in training; there are a, b"),
        (HEAD + ",male,1,01,true,1\n", "column age: expected a number, got none in row 1: fill it, remove the row, or"),
        (HEAD + "1,male,1,01,true,1\nmany,male,1,01,true,1\n", "column age: expected numbers, got many in row 2"),
        (HEAD + "1,male,1,,true,1\n", "column zip: expected a category, got none in row 1: fill it"),
        (HEAD + "inf,male,1,01,true,1\n", "column age: expected finite numbers, got inf in row 1"),
        (HEAD, "expected rows below the header, got none"),
        ("", "expected a table with a header, got an empty file"),
    ],
)
def test_tables_that_do_not_fit_are_one_sentence(content, message, predict, capsys):
    write_run(Path("run"), EXAMPLES["table"])
    Path("rows.csv").write_text(content)
    code = predict("rows.csv")
    err = capsys.readouterr().err
    assert message in err
    assert (code, err.count("\n")) == (65, 1)
    assert not Path("run/predictions.csv").exists()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["rows.csv", "more.csv"], 2, "expected images, or one table or array at a time, got 2 files"),
        (["rows.csv", "--raw"], 2, "rows.csv: expected images with --raw or --as-digits, got rows"),
        (["rows.csv", "--raw", "--as-digits"], 2, "not allowed with argument"),
        (["rows.csv", "--output", "out.png"], 2, "out.png: expected a file name that ends with .csv"),
        (["rows.csv", "--output", "rows.csv"], 2, "rows.csv: expected another name for the output, this is the input"),
        (["nowhere.csv"], 65, "nowhere.csv"),
        (
            ["image.png"],
            2,
            "expected a .csv, .tsv, .parquet, .npy or .npz file with rows, as the network takes columns age, ",
        ),
    ],
)
def test_wrong_usage_is_one_sentence(words, code, message, predict, capsys):
    write_run(Path("run"), EXAMPLES["table"])
    frame("table").write_csv("rows.csv")
    before = Path("rows.csv").read_bytes()
    try:
        got = predict(*words)
    except SystemExit as error:
        got = error.code
    err = capsys.readouterr().err
    assert message in err
    assert (got, err.count("\n")) == (code, 1)
    assert Path("rows.csv").read_bytes() == before


@pytest.mark.parametrize("name", ["array", "array with gaps", "bytes", "channels first", "flat bytes"])
def test_arrays_are_predicted(name, predict):
    run = torchnet.load(write_run(Path("run"), EXAMPLES[name]))
    samples = EXAMPLES[name].samples
    np.save("x.npy", samples)
    np.savez("both.npz", x_train=samples[:1], x_test=samples)
    np.savez_compressed("one.npz", anything=samples)
    texts = []
    for file in ("x.npy", "both.npz", "one.npz"):
        assert predict(file) == 0
        texts.append(Path("run/predictions.csv").read_text())
    assert len({*texts}) == 1
    rows = rows_of(Path("run/predictions.csv"))
    assert [row["row"] for row in rows] == [str(k + 1) for k in range(N)]
    if run.classes is not None:
        assert [row["prediction"] for row in rows] == [str(label) for label in run.predict(samples)]
    else:
        np.testing.assert_allclose([float(row["prediction of price"]) for row in rows], run(samples)[:, 0], rtol=1e-8)


def test_arrays_that_cannot_be_read_are_one_sentence(predict, capsys):
    write_run(Path("run"), EXAMPLES["array"])
    np.savez("two.npz", a=np.ones(3), b=np.ones(3))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    np.save("wide.npy", np.ones((3, 7)))
    Path("cut.npy").write_bytes(Path("wide.npy").read_bytes()[:-8])
    Path("text.npz").write_text("no archive")
    for file, message in {
        "two.npz": "two.npz: not a readable .npz archive (expected an array x_test or x, or a single one, got a, b)",
        "objects.npy": "objects.npy: not a readable .npy file (expected numbers or text, got objects",
        "wide.npy": "wide.npy: expected rows of shape (n, 4), got (3, 7)",
        "cut.npy": "cut.npy: not a readable .npy file (expected 168 bytes of data",
        "text.npz": "text.npz: not a readable .npz archive (File is not a zip file)",
    }.items():
        assert predict(file) == 65
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1


def test_columns_of_pixels_are_images(predict):
    run = torchnet.load(write_run(Path("run"), Example(Preprocessing(Pixels((4, 4)), Classes(("0", "1"))), None)))
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4), np.uint8)
    table = pl.DataFrame({f"pixel{k}": images.reshape(5, 16)[:, k] for k in range(16)})
    table.with_columns(pl.Series("label", [9] * 5)).write_csv("test.csv")
    assert predict("test.csv") == 0
    rows = rows_of(Path("run/predictions.csv"))
    assert [row["prediction"] for row in rows] == [str(label) for label in run.predict(images)]
    assert [row["label"] for row in rows] == ["9"] * 5


def gradient(height: int, width: int) -> np.ndarray:
    """Return an image with another course of each color from left to right and from top to bottom."""
    rows, columns = np.mgrid[:height, :width]
    red, green = 255 * columns / (width - 1), 255 * rows / (height - 1)
    return np.stack([red, green, 255 - (red + green) / 2], axis=2).round().astype(np.uint8)


WHAT_IS_SEEN = {
    "RGB": Pixels((6, 8, 3)),
    "RGB, channels first": Pixels((3, 6, 8), -1.0, 1.0),
    "gray": Pixels((6, 8)),
    "gray, of another range": Pixels((6, 8), 0.0, 1.0),
    "gray digits": Pixels((8, 8), digits=True),
}


@pytest.mark.parametrize("name", WHAT_IS_SEEN)
def test_images_get_the_size_the_channels_and_the_range_of_training(name, capsys):
    pixels = WHAT_IS_SEEN[name]
    run = torchnet.load(write_run(Path("run"), Example(Preprocessing(pixels, Classes(("a", "b"), "str")), None)))
    Image.fromarray(gradient(90, 160)).save("wide.png")  # its middle is seen
    (answer,) = answers_to([Path("wide.png")], load_network(run.path), "raw")
    colors = gradient(90, 160).astype(float)
    height, width = answer.seen.shape[:2]
    left = (160 - 90 * width / height) / 2
    x, y = left + (np.arange(width) + 0.5) * 90 / height - 0.5, (np.arange(height) + 0.5) * 90 / height - 0.5
    red, green = (a.round() for a in np.broadcast_arrays(255 * x[None] / 159, 255 * y[:, None] / 89))
    expected = np.stack([red, green, 255 - (red + green) / 2], axis=2)
    if answer.seen.ndim == 2:
        expected = expected @ [0.299, 0.587, 0.114]  # ITU-R 601
    assert colors.shape == (90, 160, 3)
    np.testing.assert_allclose(answer.seen.astype(float), expected, atol=6)
    raw = answer.seen.transpose(2, 0, 1) if "first" in name else answer.seen
    raw = pixels.low + raw / 255 * (pixels.high - pixels.low)
    np.testing.assert_allclose(answer.values, run.predict_proba(raw[None])[0], rtol=1e-6)


@pytest.mark.parametrize("gray", [False, True])
def test_images_are_read_as_they_are_for_training(gray):
    rng = np.random.default_rng(0)
    for k in range(4):
        Path(f"photos/{k % 2}").mkdir(parents=True, exist_ok=True)
        colors = np.roll(gradient(150 + k, 300), k, axis=2) + rng.integers(0, 5, (150 + k, 300, 3), np.uint8)
        image = Image.fromarray(colors if not gray else colors[..., 0])
        image.save(f"photos/{k % 2}/{k}.{'jpg' if k < 2 else 'png'}")
    data = load("photos", image_size=20)
    run = torchnet.load(
        write_run(Path("run"), Example(Preprocessing(Pixels(data.train_inputs.shape[1:]), Classes(("0", "1"))), None))
    )
    files = [Path(f"photos/{k % 2}/{k}.{'jpg' if k < 2 else 'png'}") for k in (0, 2, 1, 3)]  # by class
    seen = [answer.seen for answer in answers_to(files, load_network(run.path))]
    assert data.train_inputs.ndim == (3 if gray else 4)
    np.testing.assert_array_equal(seen, data.train_inputs)


@pytest.mark.parametrize(
    ("digits", "options", "as_digit"),
    [(True, [], True), (True, ["--raw"], False), (False, [], False), (False, ["--as-digits"], True)],
)
def test_only_digits_are_looked_for(digits, options, as_digit, predict, monkeypatch, capsys):
    write_run(Path("run"), Example(Preprocessing(Pixels((28, 28), digits=digits), Classes(("7", "8"))), None))
    Image.fromarray(gradient(50, 60)).save("photo.png")
    looked = []

    def find(colors: np.ndarray, size: int) -> np.ndarray:
        looked.append(size)
        return np.full((size, size), 3, np.uint8)

    monkeypatch.setattr("torchnet.runs.prediction.images.to_mnist_form", find)
    assert predict("photo.png", *options) == 0
    assert looked == [28] * as_digit
    head, _, line, told = capsys.readouterr().out.splitlines()
    assert head.split() == ["image", "label", "7", "%", "8", "%"]
    assert line.split()[1] in ("7", "8")
    assert told == "what the network saw: run/predictions.png"


def test_an_old_checkpoint_looks_for_digits(monkeypatch):
    write_run(Path("run"), Example(Preprocessing(Pixels((8, 8)), Classes(("0", "1"))), None))
    contents = read_checkpoint(Path("run/checkpoints/step=1234.ckpt"))
    del contents["torchnet"]
    write_checkpoint(Path("run/checkpoints/step=1234.ckpt"), contents)
    Image.fromarray(gradient(50, 60)).save("photo.png")
    monkeypatch.setattr(
        "torchnet.runs.prediction.images.to_mnist_form", lambda colors, size: np.full((size, size), 7, np.uint8)
    )
    (answer,) = answers_to([Path("photo.png")], load_network(Path("run/checkpoints/step=1234.ckpt")))
    assert answer.as_digit
    assert (answer.seen == 7).all()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        (
            (6, 8),
            ["--as-digits"],
            "expected a network for square gray images, such as 28 x 28, for digits, got ",
        ),
        ((8, 8, 3), ["--as-digits"], "expected a network for square gray images, such as 28 x 28, for digits"),
        ((64,), [], "expected a .npy or .npz file with an array (N, 64), as the network takes flat rows of pixels"),
    ],
)
def test_networks_of_other_images_are_one_sentence(shape, options, message, predict, capsys):
    write_run(Path("run"), Example(Preprocessing(Pixels(shape), Classes(("a", "b"), "str")), None))
    Image.fromarray(gradient(50, 60)).save("photo.png")
    assert predict("photo.png", *options) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_images_of_a_regression_get_quantities(predict, capsys):
    write_run(
        Path("run"), Example(Preprocessing(Pixels((4, 4)), EXAMPLES["array with gaps"].preprocessing.targets), None)
    )
    Image.fromarray(gradient(50, 60)).save("photo.png")
    assert predict("photo.png") == 0
    head, _, line, _ = capsys.readouterr().out.splitlines()
    assert " ".join(head.split()) == "image price mass\\n"
    run = torchnet.load("run")
    (answer,) = answers_to([Path("photo.png")], load_network(run.path))
    assert line.split()[1:] == [f"{value:.6g}" for value in run(answer.seen[None])[0]]


def test_an_exported_file_predicts(capsys):
    write_run(Path("run"), EXAMPLES["table"])
    assert commands.main(["export", "run", "net.safetensors"]) == 0
    shutil.rmtree("run/checkpoints")
    frame("table").write_csv("rows.csv")
    assert commands.main(["predict", "net.safetensors", "rows.csv"]) == 0
    assert Path("predictions.csv").is_file()


def test_a_trained_run_predicts_its_test_set_as_its_report_says(cli):
    data = load("digits")
    np.savez("letters.npz", x_train=data.train_inputs / 16, y_train=np.array([*"abcdefghij"])[data.train_targets],
             x_test=data.test_inputs / 16, y_test=np.array([*"abcdefghij"])[data.test_targets])  # fmt: skip
    config = ROOT / "configs" / "digits.yaml"
    assert cli(f"--config={config}", "--data.source=letters.npz", "--trainer.max_epochs=5", "--model.lr=0.3") == 0
    assert commands.main(["predict", "last", "letters.npz", "--output=out.csv"]) == 0
    said = json.loads(next(Path("runs").glob("*/*/report.json")).read_text())["accuracy"]["test"]
    predicted = [row["prediction"] for row in rows_of(Path("out.csv"))]
    assert np.mean(np.array(predicted) == np.array([*"abcdefghij"])[data.test_targets]) == pytest.approx(said)
