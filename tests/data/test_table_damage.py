"""Tables with random damage are read or refused; nothing else happens."""

import gzip
import io
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest

from torchnet.data import DataError, Preparation, SplitError, load, prepare

from .byte_damage import mutated

RNG = np.random.default_rng(6)
TABLE = pl.DataFrame(
    {
        "a": RNG.normal(size=40),
        "b": RNG.choice(["x", "y"], 40),
        "count": RNG.integers(5, size=40),
        "y": RNG.choice(["u", "v"], 40),
    }
)


def sound(name: str) -> bytes:
    if name.endswith(".parquet"):
        file = io.BytesIO()
        TABLE.write_parquet(file, compression=name.removesuffix(".parquet"))
        return file.getvalue()
    text = TABLE.write_csv().encode()
    return gzip.compress(text, mtime=0) if name.endswith(".gz") else text


@pytest.mark.parametrize(
    "name", ["table.csv", "table.csv.gz", "snappy.parquet", "uncompressed.parquet", "zstd.parquet"]
)
def test_damaged_tables_are_read_or_refused_in_one_sentence(tmp_path: Path, name: str):
    whole, path, refused = sound(name), tmp_path / name, []
    for number in range(120):
        path.write_bytes(mutated(whole, Random(number)))
        try:
            data = load(str(path), target="y")
            prepare(data, Preparation(missing="mean"))
        except (DataError, SplitError) as error:
            refused.append(str(error))
            continue
        assert len(data.train_targets) == len(data.train_inputs[next(iter(data.train_inputs))])
        if name.endswith(".gz"):  # a checksum protects it
            np.testing.assert_array_equal(data.train_inputs["a"], TABLE["a"])
    assert len(refused) > 60
    assert all(len(text) < 1000 and "\n" not in text for text in refused)


def test_a_panic_of_polars_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def panic(*args: object, **kwargs: object) -> None:
        raise pl.exceptions.PanicException("assertion failed")

    (tmp_path / "a.parquet").write_bytes(sound("zstd.parquet"))
    monkeypatch.setattr(pl, "scan_parquet", panic)
    with pytest.raises(DataError, match="not a readable Parquet file"):
        load(str(tmp_path / "a.parquet"), target="y")
