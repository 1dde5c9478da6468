"""A layer of the user's own, by its dotted name: checked, trained, resumed, used; and never imported without trust."""

import sys
from pathlib import Path

import pytest
import torch
import yaml

import torchnet
from torchnet.commands import main as commands
from torchnet.runs.load_network import load_network

from ..conftest import ROOT
from ..run_folders import DIGITS, expect_same_bits, newest, state

LAYERS = """
import torch
import torchnet

class SiLU(torchnet.Layer):
    def forward(self, x):
        s = torch.sigmoid(x)
        self.remember(s, x * s)
        return x * s

    @torch.no_grad()
    def backward(self, grad_output, input_grad=True):
        s, y = self.recall()
        return grad_output * (s + y * (1 - s)) if input_grad else None

class Twice(SiLU):
    def backward(self, grad_output, input_grad=True):
        return 2 * super().backward(grad_output)

class Scale(torchnet.Layer):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1), requires_grad=False)

    def forward(self, x):
        self.remember(x)
        return x * self.weight

    @torch.no_grad()
    def backward(self, grad_output, input_grad=True):
        self.weight.grad = (grad_output * self.recall()).sum().view(1)
        return grad_output * self.weight if input_grad else None

class Fails(SiLU):
    def forward(self, x):
        raise ArithmeticError("no")

class WithArgument(SiLU):
    def __init__(self, slope):
        super().__init__()

class OfTorch(torch.nn.ReLU):
    pass
"""
SHORT = [DIGITS, "--trainer.max_epochs=1", "--report=false"]


@pytest.fixture
def mylayers(cli, monkeypatch):
    """Write mylayers.py to the current folder, which is not on sys.path."""
    Path("mylayers.py").write_text(LAYERS)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("mylayers", None)


@pytest.mark.parametrize("activation", ["mylayers.SiLU", "[mylayers.SiLU, mylayers.Scale]"])
def test_it_trains_and_resumes_to_the_bit(activation, mylayers, cli, capsys):
    options = [DIGITS, "--report=false", "--model.lr=0.05", f"--model.activation={activation}"]
    assert cli(*options, "--trainer.max_epochs=2") == 0
    assert "training steps are captured, not fused: the network has a layer SiLU at 1" in capsys.readouterr().out
    whole = state(newest())
    assert cli(*options, "--trainer.max_epochs=1") == 0
    assert cli("--ckpt_path=last", "--trainer.max_epochs=2", "--trust-run") == 0
    expect_same_bits(state(newest()), whole)
    config = yaml.safe_load((newest().parent.parent / "config.yaml").read_text())
    assert config["model"]["activation"] == yaml.safe_load(activation)
    assert cli("--ckpt_path=last", "--trainer.max_epochs=2", "--trust-run") == 0  # at its end, and the same training


def test_it_trains_as_the_layer_of_torchnet_does(mylayers, cli):
    states = []
    for activation in ("silu", "mylayers.SiLU"):
        assert cli(*SHORT, "--model.step=eager", "--model.dtype=float64", f"--model.activation={activation}") == 0
        states.append(state(newest())["weights"])
    for name, weight in states[0].items():
        torch.testing.assert_close(states[1][name], weight, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        (
            "mylayers.Twice",
            70,
            "activation mylayers.Twice: the gradient of input is wrong: it is the true gradient times 2",
        ),
        (
            "mylayers.Fails",
            2,
            "activation: mylayers.Fails fails (Fails: the forward pass raises ArithmeticError: no",
        ),
        ("mylayers.WithArgument", 2, "activation: expected a layer that is made without arguments, got mylayers.With"),
        ("mylayers.OfTorch", 2, "activation: expected a subclass of torchnet.Layer, got mylayers.OfTorch"),
        (
            "torch.nn.ReLU",
            2,
            "activation: expected a subclass of torchnet.Layer, got torch.nn.ReLU: write those",
        ),
        ("mylayers.Silu", 2, "got mylayers.Silu (AttributeError: module 'mylayers' has no attribute 'Silu')"),
        ("mylayer.SiLU", 2, "got mylayer.SiLU (ModuleNotFoundError: No module named 'mylayer')"),
    ],
)
def test_one_that_is_wrong_is_refused_before_training(name, code, message, mylayers, cli, capsys):
    assert cli(*SHORT, "--model.activation", name) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not list(Path("runs").glob("digits/*"))


def test_a_class_works_from_python():
    class Mine(torchnet.layers.SiLU):
        pass

    net = torchnet.MLP((4, 3, 2), activation=Mine, dtype=torch.float64)
    assert type(net[1]) is Mine
    assert torchnet.check(net, torch.randn(5, 4, dtype=torch.float64)).passed


def test_it_predicts_and_exports_its_weights_but_not_what_others_would_have_to_compute(mylayers, cli, capsys):
    assert cli(*SHORT, "--model.activation=mylayers.SiLU", "--model.loss=cross_entropy") == 0
    run, photo = str(newest().parent.parent), str(ROOT / "docs" / "four.jpg")
    capsys.readouterr()
    assert commands(["predict", run, photo, "--trust-run"]) == 0
    assert cli("predict", "--ckpt_path", run, photo, "--trust-run") == 0
    assert cli("test", "--ckpt_path", run, "--trust-run") == 0
    assert commands(["report", run, "--trust-run"]) == 0
    assert "64-64-64-10" in (Path(run) / "report.html").read_text()
    capsys.readouterr()
    for name in ("w.safetensors", "w.pt"):
        assert commands(["export", run, name, "--trust-run"]) == 0
        out = capsys.readouterr().out
        assert "without a program that runs the weights: expected layers of torchnet, got mylayers.SiLU" in out
    expected = load_network(newest(), trust=True).net.state_dict()
    expect_same_bits(torch.load("w.pt", weights_only=True), expected)
    assert commands(["export", run, "--to", "onnx", "--trust-run"]) == 2
    assert commands(["demo", run, "--trust-run"]) == 2
    err = capsys.readouterr().err
    assert err.count("expected layers of torchnet, got mylayers.SiLU, a layer of your own") == err.count("\n") == 2


def test_without_trust_nothing_imports_it(mylayers, cli, capsys):
    assert cli(*SHORT, "--model.activation=[relu, mylayers.SiLU]") == 0
    run, photo = str(newest().parent.parent), str(ROOT / "docs" / "four.jpg")
    del sys.modules["mylayers"]
    Path("mylayers.py").write_text("from pathlib import Path\nPath('PWNED').touch()\n")
    capsys.readouterr()
    for command in (["predict", run, photo], ["export", run], ["export", run, "--to", "onnx"], ["demo", run]):
        assert commands(command) == 2
        err = capsys.readouterr().err
        assert "model.activation: mylayers.SiLU is a layer of somebody's own" in err
        assert "add --trust-run" in err
        assert err.count("\n") == 1
    assert cli("predict", "--ckpt_path", run, photo) == 2
    assert cli("--ckpt_path", run, "--trainer.max_epochs=2") == 2
    assert "--trust-run" in capsys.readouterr().err
    assert commands(["report", run]) == 0
    assert capsys.readouterr().err.startswith("without the weights: ")
    assert "accuracy" in (Path(run) / "report.html").read_text()
    assert commands(["check", "--config", f"{run}/config.yaml"]) == 2
    assert "mylayers.SiLU is not torchnet's, and to import it runs its code" in capsys.readouterr().err
    assert not Path("PWNED").exists()


def test_the_check_of_a_configuration_checks_it_if_it_is_trusted(mylayers, cli, capsys):
    text = Path(DIGITS.removeprefix("--config=")).read_text()
    for name, code in (("SiLU", 0), ("Twice", 1)):
        config = yaml.safe_load(text)
        config["model"]["activation"] = f"mylayers.{name}"
        Path("own.yaml").write_text(yaml.safe_dump(config))
        assert commands(["check", "--config", "own.yaml", "--trust-run"]) == code
        assert ("the true gradient times 2" in capsys.readouterr().out) == (code == 1)
