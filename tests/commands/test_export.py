"""`python -m torchnet export`: the exported files run without torchnet, with the same outputs."""

import json
import shutil
import sys
from pathlib import Path

import onnx
import pytest
import safetensors.torch
import torch
from torch import Tensor

from torchnet.commands import main
from torchnet.data import load
from torchnet.training.module import Classifier

from ..run_folders import DIGITS, newest

EPOCH = (DIGITS, "--trainer.max_epochs=1")
MIXED = (
    "--model.normalization=batch_norm",
    "--model.activation=[gelu,softplus]",
    "--model.residual=true",
    "--model.dropout=0.2",
    "--model.ema_decay=0.9",
)


def expected_logits(images: Tensor, options: tuple[str, ...]) -> Tensor:
    names = {"normalization": "batch_norm", "activation": ["gelu", "softplus"], "residual": True, "dropout": 0.2}
    model = Classifier(64, 10, hidden_sizes=[64, 64], **names | {"ema_decay": 0.9} if options else {}).eval()
    model.load_state_dict(torch.load(newest(), weights_only=True)["state_dict"])
    return model(images)


@pytest.mark.parametrize("options", [(), MIXED], ids=["plain", "mixed, average"])
def test_the_printed_program_runs_the_file(options, cli, capsys, expect_equal):
    assert cli(*EPOCH, *options) == 0
    images = torch.from_numpy(load("digits").test_inputs)
    expected = expected_logits(images, options)
    for file in ("net.safetensors", "net.pt", "net.onnx"):
        capsys.readouterr()
        assert main(["export", "last", file]) == 0
        out, err = capsys.readouterr()
        assert err == f"last is {newest()}\n"
        summary, told, _, program = out.split("\n", 3)
        assert summary.startswith("6 tensors, 8,970 numbers" if not options else "14 tensors, ")
        assert summary.endswith(f" numbers, in {file}")
        assert told == "To run it without torchnet:"
        assert "torchnet" not in program
        names = {"images": images.numpy() if file == "net.onnx" else images}
        exec(program, names)
        assert names["labels"] == expected.argmax(dim=1).tolist()
        expect_equal(file, torch.as_tensor(names["logits"]).detach(), expected, f"the run, {file}", 1e-6)


def test_the_files_have_metadata(cli, capsys, tmp_path):
    assert cli(*EPOCH, "--name=mine") == 0
    assert main(["export", "last", "net.safetensors"]) == 0
    with safetensors.safe_open("net.safetensors", "pt") as file:
        said = file.metadata()
    assert said.keys() == {"name", "global_step", "preprocessing", "classes", "network", "source", "torchnet"}
    assert (said["name"], said["global_step"]) == ("mine", "29")
    assert said["source"] in capsys.readouterr().out
    assert main(["export", "last", str(tmp_path / "net.onnx")]) == 0
    model = onnx.load("net.onnx")
    del said["network"], said["source"], said["torchnet"]
    assert {it.key: it.value for it in model.metadata_props} == said
    assert json.loads(said["classes"]) == [str(digit) for digit in range(10)]
    assert json.loads(said["preprocessing"])["inputs"]["shape"] == [8, 8]
    assert main(["export", "last", "net.pt"]) == 0
    state = torch.load("net.pt", weights_only=True)
    assert list(state) == ["0.weight", "0.bias", "2.weight", "2.bias", "4.weight", "4.bias"]


@pytest.mark.parametrize(("to", "suffix"), [("safetensors", ".safetensors"), ("torch", ".pt"), ("onnx", ".onnx")])
def test_it_writes_next_to_the_checkpoint_by_default(to, suffix, cli):
    assert cli(*EPOCH) == 0
    assert main(["export", str(newest().parent.parent), "--to", to]) == 0
    assert {path.suffix for path in newest().parent.iterdir()} == {".ckpt", suffix}
    assert main(["export", str(newest())]) == 0
    assert newest().with_suffix(".safetensors").is_file()


def test_from_a_checkpoint_outside_of_a_run_only_weights_are_exported(cli, capsys):
    assert cli(*EPOCH) == 0
    Path("elsewhere").mkdir()
    shutil.copy(newest(), "elsewhere/mine.ckpt")
    capsys.readouterr()
    assert main(["export", "elsewhere/mine.ckpt"]) == 0
    assert main(["export", "elsewhere/mine.ckpt", "--to=torch"]) == 0
    assert capsys.readouterr().out == "".join(
        f"6 tensors, 8,970 numbers, in elsewhere/mine{suffix}\n" for suffix in (".safetensors", ".pt")
    )
    of_run = torch.load(newest(), weights_only=True)["state_dict"]
    for weights in (
        safetensors.torch.load_file("elsewhere/mine.safetensors"),
        torch.load("elsewhere/mine.pt", weights_only=True),
    ):
        assert all(torch.equal(tensor, of_run[f"net.{name}"]) for name, tensor in weights.items())
    assert main(["export", "elsewhere/mine.ckpt", "--to=onnx"]) == 2
    err = capsys.readouterr().err
    assert "elsewhere/config.yaml: expected the configuration of the run of elsewhere/mine.ckpt, found no file" in err
    assert err.count("\n") == 1


def test_a_network_that_onnx_runtime_cannot_run_is_rejected(cli, capsys):
    assert cli(*EPOCH, "--model.dtype=float64", "--model.activation=gelu") == 0
    capsys.readouterr()
    assert main(["export", "last", "net.onnx"]) == 2
    assert (
        "ONNX Runtime has no float64 error function: export it with --to safetensors or --to torch"
        in capsys.readouterr().err
    )


def test_a_missing_package_is_named(cli, capsys, monkeypatch):
    assert cli(*EPOCH) == 0
    monkeypatch.delitem(sys.modules, "torchnet.exporting.onnx_model", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    capsys.readouterr()
    assert main(["export", "last", "net.onnx"]) == 2
    said, error = capsys.readouterr().err.splitlines()
    assert said == f"last is {newest()}"
    assert error == "error: --to onnx requires the package onnx: pip install onnx"
