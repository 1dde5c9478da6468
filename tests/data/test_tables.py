"""Tables are read as they were written, whatever their format; polars and Python's csv module are the other readers."""

import csv
import datetime
import gzip
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn import datasets

from torchnet.data import CategoricalColumn, DataError, NumericColumn, Preparation, Table, load, prepare, read_rows

ROWS = 30
RNG = np.random.default_rng(2)
COLUMNS = {
    "length": RNG.normal(size=ROWS),
    "count": RNG.integers(100, size=ROWS),
    "city": RNG.choice(["Rome", "São Paulo", 'the "Big, Apple"'], ROWS),
    "is_new": RNG.random(ROWS) < 0.5,
    "price": RNG.normal(size=ROWS),
    "kind": np.array(["cat", "dog", "eel"] * (ROWS // 3)),
}


def write(folder: Path, name: str) -> Path:
    path, table = folder / name, pl.DataFrame(COLUMNS)
    if name.endswith(".parquet"):
        table.write_parquet(path)
        return path
    text = table.write_csv(separator="\t" if ".tsv" in name else ",").encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def csv_file(folder: Path, text: str, name: str = "table.csv") -> str:
    (folder / name).write_text(text)
    return str(folder / name)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.csv.gz", "a.tsv.gz", "a.parquet", "A.CSV"])
def test_every_format_gives_the_same_columns(tmp_path, name):
    data = load(str(write(tmp_path, name)), target="kind", ignore=["price"])
    assert [*data.train_inputs] == ["length", "count", "city", "is_new"]
    for column, values in data.train_inputs.items():
        np.testing.assert_array_equal(values, COLUMNS[column], err_msg=column)
        assert values.dtype.kind == {"length": "f", "count": "i", "city": "O", "is_new": "b"}[column]
    np.testing.assert_array_equal(data.train_targets, COLUMNS["kind"])
    assert data.test_inputs is None
    assert data.target_names == ("kind",)


def test_several_targets_are_the_columns_of_an_array(tmp_path):
    data = load(str(write(tmp_path, "a.csv")), target=["price", "count"])
    np.testing.assert_array_equal(data.train_targets, np.stack([COLUMNS["price"], COLUMNS["count"]], axis=1))
    assert data.target_names == ("price", "count")
    assert not {"price", "count"} & {*data.train_inputs}


@pytest.mark.parametrize("word", ["", "NA", "NaN", "nan", "null", "NULL", "?", " ? ", "N/A", '""'])
def test_missing_values(tmp_path, word):
    data = load(csv_file(tmp_path, f"a,b,c,y\n1,x,true,0\n{word},{word},{word},1\n2,z,false,0\n"), target="y")
    np.testing.assert_array_equal(data.train_inputs["a"], [1, np.nan, 2])
    assert data.train_inputs["b"].tolist() == ["x", None, "z"]
    assert data.train_inputs["c"].tolist() == [True, None, False]


def test_types_are_decided_from_all_rows_not_from_the_first(tmp_path):
    early = "".join(f"{k},{k},{k % 2},1,{k % 3}\n" for k in range(3000))
    data = load(
        csv_file(
            tmp_path,
            "a,b,c,d,y\n" + early + " 5 ,+6,many,0.5,true\n",
        ),
        target="d",
        ignore=["y", "c"],
    )
    assert data.train_inputs["a"].tolist() == [*range(3000), 5]
    assert data.train_inputs["b"].tolist() == [*range(3000), 6]
    assert data.train_inputs["a"].dtype == np.int64
    assert data.train_targets[-1] == 0.5
    with pytest.raises(DataError, match="column c: expected a number in every row, got 'many' in row 3001"):
        load(str(tmp_path / "table.csv"), target="d", ignore=["y"])


def test_rows_that_are_blank_lines_do_not_count(tmp_path):
    data = load(csv_file(tmp_path, "a,y\n1,x\n\n2,y\n\n\n"), target="y")
    assert data.train_inputs["a"].tolist() == [1, 2]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_line_ends_and_a_byte_order_mark(tmp_path, separator, end):
    text = "".join(separator.join(row) + end for row in (["a", "b 1", "y"], ["1", "x", "0"], ["2", "y", "1"]))
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    data = load(str(tmp_path / "a.csv"), target="y")
    assert [*data.train_inputs] == ["a", "b 1"]
    assert data.train_targets.tolist() == [0, 1]


def test_quoted_values_agree_with_the_csv_module(tmp_path):
    rows = [[word, str(k % 2)] for k, word in enumerate(["a,b", 'say "hi"', "two\nlines", " spaces ", "ü", "x"])]
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "y"], *rows])
    data = load(str(tmp_path / "a.csv"), target="y")
    assert data.train_inputs["text"].tolist() == [word.strip() for word, _ in rows]


def test_numbers_without_missing_values_are_not_copied_and_keep_their_type(tmp_path):
    table = pl.DataFrame({"a": [1.5, 2.5], "y": [0, 1]}, schema={"a": pl.Float32, "y": pl.UInt8})
    table.write_parquet(tmp_path / "a.parquet")
    data = load(str(tmp_path / "a.parquet"), target="y")
    assert (data.train_inputs["a"].dtype, data.train_targets.dtype) == (np.float32, np.uint8)
    assert data.train_inputs["a"].base is not None


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([datetime.date(2026, 1, 2)] * 2, "dates or times"),
        ([datetime.datetime(2026, 1, 2, 3)] * 2, "dates or times"),
        ([datetime.timedelta(days=1)] * 2, "dates or times"),
        ([[1, 2]] * 2, "lists or structures"),
        ([{"a": 1}] * 2, "lists or structures"),
        ([b"a"] * 2, "values of type Binary"),
    ],
)
def test_columns_that_cannot_be_used_are_refused_by_name_unless_they_are_ignored(tmp_path, values, kind):
    pl.DataFrame({"a": [1.0, 2.0], "odd": values, "y": [0, 1]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=f"column odd: expected numbers, categories or booleans, got {kind}"):
        load(str(tmp_path / "a.parquet"), target="y")
    assert [*load(str(tmp_path / "a.parquet"), target="y", ignore=["odd"]).train_inputs] == ["a"]


def test_decimals_and_categories_of_parquet(tmp_path):
    table = pl.DataFrame({"a": ["1.25", "2.50"], "c": ["u", "v"], "y": [0, 1]})
    table.with_columns(pl.col("a").cast(pl.Decimal(10, 2)), pl.col("c").cast(pl.Categorical)).write_parquet(
        tmp_path / "a.parquet"
    )
    data = load(str(tmp_path / "a.parquet"), target="y")
    assert data.train_inputs["a"].tolist() == [1.25, 2.5]
    assert data.train_inputs["c"].tolist() == ["u", "v"]


def test_labels_may_be_digits_and_letters(tmp_path):
    labels = "0123456789ABCDEF"
    data = load(csv_file(tmp_path, "a,y\n" + "".join(f"{k},{it}\n" for k, it in enumerate(labels))), target="y")
    assert data.train_targets.tolist() == [*labels]


def test_a_folder_with_train_and_test(tmp_path):
    csv_file(tmp_path, "a,code,y\n1.5,A,x\n2.5,007,y\n3.5,B,x\n", "train.csv")
    csv_file(tmp_path, "y,code,a\nx,007,3\ny,12,4\n", "test.csv")
    data = load(str(tmp_path), target="y")
    assert [*data.train_inputs] == ["a", "code"]
    assert data.test_inputs["a"].tolist() == [3, 4]
    assert data.test_inputs["code"].tolist() == ["007", "12"]  # text, as for training
    assert data.test_targets.tolist() == ["x", "y"]
    assert prepare(data, Preparation()).preprocessing.inputs.in_features == 4
    assert load(str(tmp_path / "train.csv"), target="y").test_inputs is None


def test_a_folder_with_one_table(tmp_path):
    write(tmp_path, "only.csv")
    (tmp_path / ".hidden.csv").write_text("x")
    assert len(load(str(tmp_path), target="kind").train_targets) == ROWS


@pytest.mark.parametrize("names", [[f"pixel{k}" for k in range(16)], [f"{k // 4 + 1}x{k % 4 + 1}" for k in range(16)]])
@pytest.mark.parametrize("target", [None, "label"])
def test_the_pixels_of_kaggles_digits_are_images(tmp_path, names, target):
    images, labels = RNG.integers(256, size=(20, 4, 4), dtype=np.uint8), np.arange(20) % 10
    rows = np.column_stack([labels, images.reshape(20, 16)])
    text = "".join(",".join(map(str, row)) + "\n" for row in [["label", *names], *rows.tolist()])
    data = load(csv_file(tmp_path, text), target=target)
    np.testing.assert_array_equal(data.train_inputs, images)
    assert data.train_inputs.dtype == np.uint8
    assert data.train_targets.tolist() == labels.tolist()


def test_kaggles_digits_are_recognized_as_digits(tmp_path, mnist):
    images, labels = mnist.train_images[::600], mnist.train_labels[::600]
    names = ["label", *(f"pixel{k}" for k in range(784))]
    rows = np.column_stack([labels, images.reshape(-1, 784)]).tolist()
    path = csv_file(tmp_path, "".join(",".join(map(str, row)) + "\n" for row in [names, *rows]), "train.csv")
    assert prepare(load(path), Preparation()).preprocessing.inputs.digits


@pytest.mark.parametrize("bad", ["256", "-1", "0.5", "x", ""])
def test_other_values_than_pixels_are_refused(tmp_path, bad):
    text = f"label,pixel0,pixel1,pixel2,pixel3\n1,0,1,2,3\n0,0,1,{bad},3\n"
    with pytest.raises(DataError, match="pixel"):
        load(csv_file(tmp_path, text))


def test_rows_for_predictions_are_read_as_training_has_read_them(tmp_path):
    path = Path(csv_file(tmp_path, "more,truth,code,a\nx,true,007,1\ny,,12,\n"))
    learned = (
        CategoricalColumn("code", ("007", "B")),
        CategoricalColumn("truth", ("", "True")),
        NumericColumn("a", 0, 1),
    )
    table, columns = read_rows(path, Table(learned))
    assert table.columns == ["more", "truth", "code", "a"]
    assert columns["code"].tolist() == ["007", "12"]
    assert columns["truth"].tolist() == ["True", None]
    np.testing.assert_array_equal(columns["a"], [1, np.nan])
    with pytest.raises(DataError, match=r"a column codes, as in training: did you mean code\?"):
        read_rows(path, Table((CategoricalColumn("codes", ("a",)),)))


def test_without_polars_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path, "a.csv")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(DataError, match="polars, which is not installed: pip install polars"):
        load(str(path), target="kind")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_does_not_fit_into_memory_is_refused_before_it_is_read(tmp_path, monkeypatch, suffix):
    path = write(tmp_path, f"a{suffix}")
    monkeypatch.setattr("torchnet.data.memory.available_memory", lambda: 1000)
    monkeypatch.setattr(pl, "read_csv", pytest.fail)
    with pytest.raises(DataError, match=r"needs about 0.0 GiB of memory, and 0.0 GiB are available: use fewer"):
        load(str(path), target="kind")


@pytest.mark.parametrize("name", ["iris", "wine", "diabetes"])
def test_data_sets_of_scikit_learn_survive_the_way_through_a_file(tmp_path, name):
    bunch = getattr(datasets, f"load_{name}")()
    targets = bunch.target if name == "diabetes" else bunch.target_names[bunch.target]
    table = pl.DataFrame(bunch.data, schema=[*bunch.feature_names]).with_columns(answer=targets)
    table.write_csv(tmp_path / "a.csv")
    data = load(str(tmp_path / "a.csv"), target="answer")
    np.testing.assert_array_equal(np.stack([*data.train_inputs.values()], axis=1), bunch.data)
    prepared = prepare(data, Preparation())
    part = prepared.parts["train"]
    expected = bunch.data[part.rows]
    np.testing.assert_allclose(
        part.inputs[part.rows], (expected - expected.mean(axis=0)) / expected.std(axis=0), rtol=1e-4, atol=1e-5
    )
    assert prepared.preprocessing.task == ("regression" if name == "diabetes" else "classification")


class TestMissing:
    TEXT = "a,b,y\n" + "1,u,0\n,v,1\n3,,0\n4,u,1\n" * 5

    def test_is_refused(self, tmp_path):
        with pytest.raises(DataError, match="column a: expected a number, got none in row 2"):
            prepare(load(csv_file(tmp_path, self.TEXT), target="y"), Preparation())

    @pytest.mark.parametrize("missing", ["mean", "indicator"])
    def test_becomes_the_mean_and_a_category_of_its_own(self, tmp_path, missing):
        data = load(csv_file(tmp_path, self.TEXT), target="y")
        prepared = prepare(data, Preparation(missing=missing))
        number, category = prepared.preprocessing.inputs.columns
        rows = prepared.parts["train"].rows
        known = data.train_inputs["a"][rows][~np.isnan(data.train_inputs["a"][rows])]
        assert number == NumericColumn("a", float(known.mean()), float(known.std()), missing)
        assert category == CategoricalColumn("b", ("", "u", "v"))
        inputs, is_missing = prepared.parts["train"].inputs, np.isnan(data.train_inputs["a"])
        assert (inputs[is_missing, 0] == 0).all()
        if missing == "indicator":
            np.testing.assert_array_equal(inputs[:, 1], is_missing)
        np.testing.assert_array_equal(inputs[:, -3], [value is None for value in data.train_inputs["b"]])

    def test_in_a_later_table_only_is_allowed_too(self, tmp_path):
        csv_file(tmp_path, "a,b,y\n1,u,0\n2,v,1\n3,u,0\n", "train.csv")
        csv_file(tmp_path, "a,b,y\n,,0\n2,v,1\n", "test.csv")
        prepared = prepare(load(str(tmp_path), target="y"), Preparation(missing="mean"))
        np.testing.assert_allclose(prepared.parts["test"].inputs[0], [0, 1, 0, 0], atol=1e-6)


def test_a_constant_column_is_not_divided_by_a_rounding_error(tmp_path):
    data = load(csv_file(tmp_path, "a,b,y\n" + "0.1,1,x\n0.1,2,y\n" * 10), target="y")
    assert prepare(data, Preparation()).preprocessing.inputs.columns[0] == NumericColumn("a", 0.1, 1.0)


def test_a_decimal_comma_is_read_if_the_separator_is_another_one(tmp_path):
    (tmp_path / "comma.csv").write_text("a;b;y\n" + "0,5;1;u\n-1,25;2;v\n3;3;u\n" * 4)
    data = load(str(tmp_path / "comma.csv"), "y")
    assert data.train_inputs["a"].tolist()[:3] == [0.5, -1.25, 3]
    assert data.train_inputs["b"].tolist()[:3] == [1, 2, 3]


@pytest.mark.parametrize("number", ['"1,234"', '"1.234,5"', '"0,5"', '"-12,345,678.9"'])
def test_separators_of_thousands_are_refused(tmp_path, number):
    (tmp_path / "thousands.csv").write_text("a,y\n" + f"7,u\n{number},v\n" * 4)
    text = number.strip('"')
    with pytest.raises(DataError, match=f"column a: expected numbers with a decimal point .* got '{text}' in row 2"):
        load(str(tmp_path / "thousands.csv"), "y")


def test_categories_that_only_the_test_set_has_are_told(tmp_path):
    for name, city in (("train", "Oslo"), ("test", "Rome")):
        (tmp_path / f"{name}.csv").write_text("a,city,y\n" + f"1,{city},u\n2,{city},v\n" * 4)
    (notice,) = prepare(load(str(tmp_path), "y"), Preparation()).notices
    assert notice.startswith("column city: the network was not trained on Rome")
