"""torchnet.load: raw data in, answers out, as scikit-learn, torch.nn and NumPy compute them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import safetensors.torch
import scipy.special
import torch

import torchnet
from torchnet.commands import main
from torchnet.data import Classes, DataError, Quantities
from torchnet.runs.errors import UsageError
from torchnet.storage import CheckpointError, read_checkpoint, write_checkpoint

from ..conftest import ROOT
from ..raw_examples import EXAMPLES, Example, N, expected_outputs, write_run

TOLERANCE = {"float32": 1e-6, "float64": 1e-13}


def load_example(name: str, folder: Path, dtype: str = "float64") -> tuple[Example, Any]:
    return EXAMPLES[name], torchnet.load(write_run(folder, EXAMPLES[name], dtype))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", EXAMPLES)
def test_raw_data_become_outputs(name, dtype, tmp_path, expect_equal):
    example, run = load_example(name, tmp_path, dtype)
    expected = expected_outputs(example, run.net.state_dict())
    got = run(example.samples)
    assert got.dtype == (np.float64 if isinstance(run.preprocessing.targets, Quantities) else dtype)
    expect_equal(name, got, expected, f"scikit-learn and torch.nn, {dtype}", TOLERANCE[dtype])


@pytest.mark.parametrize("name", EXAMPLES)
def test_labels_are_those_of_the_data_and_quantities_in_their_units(name, tmp_path, expect_equal):
    example, run = load_example(name, tmp_path)
    outputs, targets = expected_outputs(example, run.net.state_dict()), example.preprocessing.targets
    predicted = run.predict(example.samples)
    if isinstance(targets, Quantities):
        expect_equal(name, predicted, outputs, "scikit-learn and torch.nn", 1e-13)
        assert run.classes is None
        with pytest.raises(ValueError, match="predict_proba: expected a network of classes, got a regression"):
            run.predict_proba(example.samples)
        return
    kind = {"int": int, "str": str, "bool": bool}[targets.label_type]
    assert [type(label) for label in run.classes] == [kind] * targets.width
    assert [str(label) for label in run.classes] == [*targets.names]
    assert predicted.tolist() == [run.classes[k] for k in outputs.argmax(axis=1)]
    assert len({*predicted.tolist()}) > 1
    expect_equal(name, run.predict_proba(example.samples), scipy.special.softmax(outputs, axis=1), "SciPy")


def test_a_single_quantity_is_predicted_as_a_vector(tmp_path):
    one = torchnet.data.Preprocessing(EXAMPLES["array"].preprocessing.inputs, Quantities(("price",), (3.0,), (2.0,)))
    run = torchnet.load(write_run(tmp_path, Example(one, None)))
    assert run.predict(EXAMPLES["array"].samples).shape == (N,)
    assert run(EXAMPLES["array"].samples).shape == (N, 1)


def test_many_samples_pass_in_parts(tmp_path, monkeypatch):
    example, run = load_example("bytes", tmp_path)
    whole = run(example.samples)
    monkeypatch.setattr("torchnet.runs.prediction.loaded_run._AT_ONCE", 2)
    np.testing.assert_allclose(run(example.samples), whole, rtol=1e-12)


class PandasLike:
    """A data frame as pandas has them, with its NaN for missing text."""

    def __init__(self, columns: dict[str, np.ndarray]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> np.ndarray:
        values = self._columns[name]
        return np.array([np.nan if it is None else it for it in values], object) if values.dtype == object else values


@pytest.mark.parametrize("name", ["table with gaps", "table with means"])
def test_data_frames_are_tables(name, tmp_path):
    example, run = load_example(name, tmp_path)
    expected = run(example.samples)
    frame = pl.DataFrame({column: values.tolist() for column, values in example.samples.items()})
    for samples in (frame, PandasLike(example.samples), {c: v.tolist() for c, v in example.samples.items()}):
        np.testing.assert_array_equal(run(samples), expected)
    array = np.stack([np.array(example.samples[it.name], object) for it in run.preprocessing.inputs.columns], axis=1)
    np.testing.assert_array_equal(run(array), expected)
    row = {column: values[1] for column, values in example.samples.items()}
    np.testing.assert_allclose(run(row), expected[1:2], rtol=1e-12)


@pytest.mark.parametrize("name", ["bytes", "channels first"])
def test_images_may_be_flat_or_have_an_axis_for_one_channel(name, tmp_path):
    example, run = load_example(name, tmp_path)
    expected = run(example.samples)
    np.testing.assert_array_equal(run(example.samples.reshape(N, -1)), expected)
    np.testing.assert_array_equal(run(torch.from_numpy(example.samples)), expected)
    if name == "bytes":
        np.testing.assert_array_equal(run(example.samples[..., None]), expected)
        np.testing.assert_array_equal(run(example.samples[:, None]), expected)
        np.testing.assert_allclose(run(example.samples.astype(float)), expected, rtol=1e-12)


IMAGES = EXAMPLES["bytes"].samples
ROWS = EXAMPLES["table"].samples


@pytest.mark.parametrize(
    ("name", "samples", "message"),
    [
        ("bytes", IMAGES[0], r"expected images of shape \(N, 5, 4\), .*, got \(5, 4\): pass one image as x\[None\]"),
        (
            "bytes",
            IMAGES.swapaxes(1, 2),
            r"expected images of shape \(N, 5, 4\), bytes or from 0 to 255, got \(7, 4, 5",
        ),
        ("bytes", IMAGES.astype(str), "expected images of shape .*, got <U"),
        ("bytes", ROWS, "expected images of shape .*, got columns: pass an array"),
        ("bytes", IMAGES[:0], r"expected at least one sample, got \(0, 5, 4\)"),
        ("bytes", 3, r"expected images of shape .*, got \(\)"),
        ("channels first", np.full((2, 3, 2, 5), np.nan), "expected finite pixels, got Inf or NaN"),
        ("array", np.ones((3, 5)), r"expected rows of shape \(n, 4\), got \(3, 5\)"),
        ("array", np.ones(4), r"expected rows of shape \(n, 4\), got \(4,\)"),
        ("array", np.array([[1, 2, 3, 4], [1, 2, np.inf, 4]]), "column 2: expected finite numbers, got inf in row 2"),
        ("array", np.array([[1, 2, 3, 4], [1, 2, np.nan, 4]]), "column 2: expected a number, got none in row 2"),
        ("table", {"age": [1]}, "expected a column sex, got age"),
        ("table", ROWS | {"age": ["1", "many"] + ["2"] * 5}, "column age: expected numbers, got many in row 2"),
        ("table", ROWS | {"age": [[1], [2]]}, r"column age: expected values of shape \(n,\), got \(2, 1\)"),
        ("table", ROWS | {"age": [1, 2]}, "expected columns of one length, got 2, 7"),
        ("table", ROWS | {"zip": [None] * N}, "column zip: expected a category, got none in row 1"),
    ],
)
def test_wrong_samples_are_one_sentence(name, samples, message, tmp_path):
    _, run = load_example(name, tmp_path)
    with pytest.raises(ValueError, match=message):
        run(samples)


def test_it_says_what_it_is(tmp_path):
    _, run = load_example("table", tmp_path)
    assert repr(run).startswith("<run raw after 1,234 steps, ")
    assert "rows with columns age, sex, seconds since 1970, zip, is_new, count -> 3 classes a b, ä'\", z>" in repr(run)
    _, run = load_example("channels first", tmp_path / "b")
    assert "images (3, 2, 5) from -1.5 to 2.25 -> 2 classes False, True>" in repr(run)


def test_a_checkpoint_from_before_there_was_a_preprocessing_takes_images_of_digits(tmp_path):
    example, run = load_example("bytes", tmp_path)
    contents = read_checkpoint(run.path)
    del contents["torchnet"]
    write_checkpoint(run.path, contents)
    old = torchnet.load(tmp_path)
    assert old.classes == [0, 1, 2]
    np.testing.assert_array_equal(old(example.samples.reshape(N, 20)), run(example.samples))


def test_its_report_is_that_of_the_run(cli, capsys):
    config = ROOT / "configs" / "digits.yaml"
    assert cli(f"--config={config}", "--trainer.max_epochs=2") == 0
    run = torchnet.load("last")
    assert run.report() == json.loads((run.path.parent.parent / "report.json").read_text())
    data = torchnet.data.load("digits")
    accuracy = (run.predict(data.test_inputs) == data.test_targets).mean()
    assert accuracy == pytest.approx(run.report()["accuracy"]["test"])
    best = torchnet.load(run.path.parent.parent)
    assert best.path == run.path
    (run.path.parent.parent / "report.json").unlink()
    with pytest.raises(
        UsageError, match=r"report.json: expected the results of the run of .*step=\d+.ckpt, found none"
    ):
        run.report()


def test_what_cannot_be_loaded_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="there is no checkpoint under"):
        torchnet.load()
    with pytest.raises(CheckpointError, match="nowhere: no such checkpoint"):
        torchnet.load("nowhere")
    write_run(tmp_path / "run", EXAMPLES["table"])
    (tmp_path / "run" / "config.yaml").write_text("model: {hidden_sizes: [5]}")
    with pytest.raises(DataError, match="belongs to another network"):
        torchnet.load("run")


def test_loading_imports_no_lightning(tmp_path):
    write_run(tmp_path, EXAMPLES["table"])
    program = f"import sys, torchnet; torchnet.load({str(tmp_path)!r}); print('pytorch_lightning' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_exported_file_is_a_run_without_its_folder(name, dtype, tmp_path, capsys):
    example = EXAMPLES[name]
    options = {"hidden_sizes": [12, 6, 6, 3], "normalization": "batch_norm", "residual": True, "activation": "elu"}
    write_run(tmp_path / "run", example, dtype, **options)
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "net.safetensors")]) == 0
    run, exported = torchnet.load(tmp_path / "run"), torchnet.load(tmp_path / "net.safetensors")
    assert exported.preprocessing == run.preprocessing
    assert (exported.name, exported.steps, exported.classes) == (run.name, run.steps, run.classes)
    np.testing.assert_array_equal(exported(example.samples), run(example.samples))
    with pytest.raises(UsageError, match=r"expected the results of the run of .*, found none: load the run itself"):
        exported.report()


def changed_export(place: Path, **changes: str | None) -> Path:
    """Return a file whose metadata are changed, without a digest."""
    with safetensors.safe_open(place, "pt") as file:
        said = {name: text for name, text in (file.metadata() | changes).items() if text is not None}
    del said["torchnet"]
    safetensors.torch.save_file(safetensors.torch.load_file(place), place, said)
    return place


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": None}, "expected a file that python -m torchnet export wrote from a run, got no 'network'"),
        ({"network": "[" * 100_000}, "wrote from a run, got "),
        ({"network": "3"}, "wrote from a run, got "),
        ({"network": '{"hidden_sizes": [7]}'}, "belongs to another network"),
        (
            {"network": '{"hidden_sizes": [6], "activation": "__import__"}'},
            "wrote from a run, got activation: expected",
        ),
        ({"network": '{"hidden_sizes": [6], "dtype": []}'}, "wrote from a run, got "),
        ({"preprocessing": '{"inputs": 3, "targets": 4}'}, "wrote from a run, got inputs: expected"),
        ({"preprocessing": json.dumps(EXAMPLES["bytes"].preprocessing.as_dict())}, "expected a preprocessing for 11"),
        ({"global_step": "many"}, "wrote from a run, got invalid literal"),
    ],
    ids=str,
)
def test_metadata_that_are_no_network_are_one_sentence(changes, message, tmp_path, capsys):
    write_run(tmp_path / "run", EXAMPLES["table"])
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "net.safetensors")]) == 0
    path = changed_export(tmp_path / "net.safetensors", **changes)
    with pytest.raises(CheckpointError, match=message) as error:
        torchnet.load(path)
    assert len(str(error.value)) < 700 + len(str(path))


def test_the_program_in_an_exported_file_is_never_run(tmp_path, capsys):
    write_run(tmp_path / "run", EXAMPLES["table"])
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "net.safetensors")]) == 0
    path = changed_export(tmp_path / "net.safetensors", source="raise SystemExit(3)")
    assert isinstance(torchnet.load(path).preprocessing.targets, Classes)
