"""Exported files take raw data: ONNX Runtime, and torch alone, give the outputs of the run."""

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors
import torch

import torchnet
from torchnet.commands import main
from torchnet.data import CategoricalColumn, NumericColumn, Pixels, Preprocessing, Quantities, Table
from torchnet.exporting.onnx_model import onnx_model

from ..raw_examples import EXAMPLES, Example, N, write_run

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
# Runs programs that came with files, on data that were pickled, in a folder that is not that of torchnet.
PROGRAM = """
import pickle, sys
for source, names, place in pickle.load(open("tasks", "rb")):
    if "rows" in names and not isinstance(names["rows"], dict) or "images" in names:
        import torch
        names = {name: torch.from_numpy(it) for name, it in names.items()}
    exec(source, names)
    found = {name: names.get(name) for name in ("logits", "labels", "quantities")}
    with open(place, "wb") as file:
        pickle.dump({k: v.detach().numpy() if hasattr(v, "detach") else v for k, v in found.items()}, file)
assert "torchnet" not in sys.modules
"""


def exported(name: str, dtype: str, folder: Path, suffix: str, capsys: pytest.CaptureFixture) -> tuple[Path, str]:
    """Return an exported file and the program that was printed."""
    write_run(folder / "run", EXAMPLES[name], dtype)
    capsys.readouterr()
    assert main(["export", str(folder / "run"), str(folder / f"net{suffix}")]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return folder / f"net{suffix}", out.partition("without torchnet:\n\n")[2]


def names_of(example: Example) -> dict[str, object]:
    return {"images" if isinstance(example.preprocessing.inputs, Pixels) else "rows": example.samples}


def expect_same_outputs(example: Example, run, found: dict, tolerance: float, expect_equal, oracle: str) -> None:
    if isinstance(example.preprocessing.targets, Quantities):
        expect_equal("quantities", found["quantities"], run(example.samples), oracle, tolerance)
    else:
        expect_equal("logits", found["logits"], run(example.samples), oracle, tolerance)
        assert found["labels"] == run.predict(example.samples).tolist()


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", EXAMPLES)
def test_the_program_for_onnx_runtime_takes_raw_data(name, dtype, tmp_path, capsys, expect_equal):
    file, program = exported(name, dtype, tmp_path, ".onnx", capsys)
    run, names = torchnet.load(tmp_path / "run"), names_of(EXAMPLES[name])
    exec(program, names)
    expect_same_outputs(EXAMPLES[name], run, names, TOLERANCE[dtype], expect_equal, f"run(x), ONNX Runtime, {dtype}")
    session = onnxruntime.InferenceSession(file)
    said = session.get_modelmeta().custom_metadata_map
    assert Preprocessing.from_dict(json.loads(said["preprocessing"])) == run.preprocessing
    if run.classes is not None:
        assert [str(label) for label in run.classes] == json.loads(said["classes"])
        expect_equal(
            "p", names["probabilities"], run.predict_proba(EXAMPLES[name].samples), "run", 10 * TOLERANCE[dtype]
        )


def test_a_column_is_an_input_of_the_graph(tmp_path, capsys):
    file, _ = exported("table with gaps", "float32", tmp_path, ".onnx", capsys)
    declared = {it.name: (it.type, it.shape) for it in onnxruntime.InferenceSession(file).get_inputs()}
    number, text = ("tensor(double)", ["N", 1]), ("tensor(string)", ["N", 1])
    expected = {"age": number, "sex": text, "seconds since 1970": number, "zip": text, "is_new": text, "count": number}
    assert declared == expected
    file, _ = exported("array with gaps", "float32", tmp_path / "b", ".onnx", capsys)
    (taken,) = onnxruntime.InferenceSession(file).get_inputs()
    assert (taken.name, taken.type, taken.shape) == ("rows", "tensor(double)", ["N", 4])
    file, _ = exported("channels first", "float32", tmp_path / "c", ".onnx", capsys)
    (taken,) = onnxruntime.InferenceSession(file).get_inputs()
    assert (taken.name, taken.type, taken.shape) == ("images", "tensor(float)", ["N", 3, 2, 5])


@pytest.mark.parametrize("name", ["logits", "0.weight", "Cast_4", "preprocessing.zero"])
def test_a_column_with_a_name_of_the_graph_is_refused(name):
    columns = NumericColumn(name, 0.0, 1.0, "mean"), CategoricalColumn("b", ("x", "y"))
    preprocessing = Preprocessing(Table(columns), EXAMPLES["bytes"].preprocessing.targets)
    with pytest.raises(ValueError, match=f"expected another name of a column than {name}"):
        onnx_model(torchnet.MLP((3, 3)), preprocessing, {})


def test_torch_alone_runs_the_programs_on_raw_data(tmp_path, capsys, expect_equal):
    """All in one process, which is slow to start."""
    tasks = []
    for name in EXAMPLES:
        for dtype in TOLERANCE:
            for suffix in (".safetensors", ".pt"):
                folder = tmp_path / f"{name} {dtype} {suffix}"
                _, program = exported(name, dtype, folder, suffix, capsys)
                tasks.append((program, names_of(EXAMPLES[name]), folder / "found"))
    (tmp_path / "tasks").write_bytes(pickle.dumps(tasks))
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name, example in EXAMPLES.items():
        for dtype, tolerance in TOLERANCE.items():
            for suffix in (".safetensors", ".pt"):
                folder = tmp_path / f"{name} {dtype} {suffix}"
                found, run = pickle.loads((folder / "found").read_bytes()), torchnet.load(folder / "run")
                expect_same_outputs(example, run, found, tolerance, expect_equal, f"run(x), torch, {dtype}")
                assert found["logits"] is None or found["logits"].dtype == dtype


def test_a_safetensors_file_holds_its_program(tmp_path, capsys):
    file, program = exported("table", "float32", tmp_path, ".safetensors", capsys)
    with safetensors.safe_open(file, "pt") as opened:
        said = opened.metadata()
    assert {*said} == {"name", "global_step", "preprocessing", "classes", "network", "source", "torchnet"}
    assert said["source"] == program.replace(repr(str(file)), repr(file.name))
    assert json.loads(said["classes"]) == ["a b", "ä'\"", "z"]
    assert json.loads(said["network"]) == {"hidden_sizes": [6], "activation": "tanh", "dtype": "float32"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_programs_are_short_and_fit_a_screen(name, tmp_path, capsys):
    for suffix in (".safetensors", ".onnx"):
        _, program = exported(name, "float32", tmp_path / suffix, suffix, capsys)
        lines = [line for line in program.splitlines() if str(tmp_path) not in line]
        assert len(lines) <= 50
        assert max(map(len, lines)) <= 120


def test_a_name_cannot_leave_its_literal(tmp_path, capsys):
    evil = "x'\"\n\r\\\u2028]}); raise SystemExit #"
    columns = NumericColumn(evil, 0.0, 1.0), CategoricalColumn("b", (evil, "y"))
    example = Example(
        Preprocessing(Table(columns), Quantities((evil,), (0.0,), (1.0,))),
        {evil: np.arange(N, dtype=float), "b": np.array([evil, "y"] * 3 + ["z"])},
    )
    write_run(tmp_path / "run", example)
    assert main(["export", str(tmp_path / "run"), str(tmp_path / "net.safetensors")]) == 0
    program = capsys.readouterr().out.partition("without torchnet:\n\n")[2]
    names = {"rows": example.samples}
    exec(program, names)
    np.testing.assert_allclose(
        names["quantities"].detach(), torchnet.load(tmp_path / "run")(example.samples), rtol=1e-5, atol=1e-6
    )
    assert names["names"] == [evil]
    assert isinstance(names["quantities"], torch.Tensor)
