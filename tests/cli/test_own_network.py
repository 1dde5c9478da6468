"""A network of the user's own, by its dotted name: checked, trained, resumed; never imported without trust."""

import sys
from pathlib import Path

import pytest
import torch
import yaml

from torchnet.commands import main as commands
from torchnet.network import build_network

from ..run_folders import DIGITS, expect_same_bits, newest, state

NETS = """
import torch
import torchnet
from torchnet import Conv2d, Flatten, Linear, MaxPool2d, ReLU

class Net(torchnet.Network):
    def __init__(self, input_shape, num_classes):
        channels, height, width = input_shape
        pooled = 4 * (height // 2) * (width // 2)
        super().__init__(
            Conv2d(channels, 4, 3, padding=1), ReLU(), MaxPool2d(2), Flatten(), Linear(pooled, num_classes)
        )

class Twice(Net):
    @torch.no_grad()
    def backward(self, grad_output, input_grad=False, written=None):
        return super().backward(2 * grad_output, input_grad, written)

class Wide(Net):
    def __init__(self, input_shape, num_classes):
        super().__init__(input_shape, num_classes + 1)

class Fails(Net):
    def forward(self, x):
        raise ArithmeticError("no")

class WithArgument(Net):
    def __init__(self, input_shape, num_classes, slope):
        super().__init__(input_shape, num_classes)

class NoNetwork(torchnet.Sequential):
    pass
"""


@pytest.fixture
def mynets(cli, monkeypatch):
    """Write mynets.py to the current folder, which is not on sys.path."""
    Path("mynets.py").write_text(NETS)
    monkeypatch.setattr(sys, "path", [*sys.path])
    config = yaml.safe_load(Path(DIGITS.removeprefix("--config=")).read_text())
    Path("own.yaml").write_text(yaml.safe_dump(config | {"model": {"lr": 0.1}}))
    yield
    sys.modules.pop("mynets", None)


def options(network: str, epochs: int = 1) -> list[str]:
    return ["--config=own.yaml", f"--trainer.max_epochs={epochs}", "--report=false", f"--model.network={network}"]


def test_it_trains_resumes_to_the_bit_predicts_and_is_not_imported_without_trust(mynets, cli, capsys):
    assert cli(*options("mynets.Net", 2)) == 0
    assert "1x8x8-4-10 network, 690 weights" in capsys.readouterr().out
    whole = state(newest())
    assert cli(*options("mynets.Net")) == 0
    assert cli("--ckpt_path=last", "--trainer.max_epochs=2", "--trust-run") == 0
    expect_same_bits(state(newest()), whole)
    run = str(newest().parent.parent)
    assert cli("test", "--ckpt_path", run, "--trust-run") == 0
    assert commands(["report", run, "--trust-run"]) == 0
    assert "1x8x8-4-10" in (Path(run) / "report.html").read_text()
    assert yaml.safe_load((Path(run) / "config.yaml").read_text())["model"]["network"] == "mynets.Net"
    del sys.modules["mynets"]
    Path("mynets.py").write_text("from pathlib import Path\nPath('PWNED').touch()\n")
    capsys.readouterr()
    for command in (["predict", run, "a.npy"], ["export", run], ["demo", run]):
        assert commands(command) == 2
        err = capsys.readouterr().err
        assert "model.network: mynets.Net is a network of somebody's own" in err
        assert err.count("\n") == 1
    assert cli("test", "--ckpt_path", run) == 2
    assert cli("--ckpt_path", run, "--trainer.max_epochs=3") == 2
    assert commands(["check", "--config", f"{run}/config.yaml"]) == 2
    assert "mynets.Net is not torchnet's, and to import it runs its code" in capsys.readouterr().err
    assert not Path("PWNED").exists()


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("Twice", 70, "network mynets.Twice: the gradient of 0.weight is wrong: it is the true gradient times 2"),
        ("Wide", 2, "network: expected mynets.Wide to return logits of shape (N, 10), got (2, 11) for 2 samples"),
        ("Fails", 2, "network: mynets.Fails fails with samples of shape (2, 1, 8, 8): no"),
        ("WithArgument", 2, "network: expected a class that is made as mynets.WithArgument(input_shape, num_classes)"),
        ("NoNetwork", 2, "network: expected a subclass of torchnet.Network, got mynets.NoNetwork: derive it from that"),
        ("Nat", 2, "got mynets.Nat (AttributeError: module 'mynets' has no attribute 'Nat')"),
    ],
)
def test_one_that_is_wrong_is_refused_before_training(name, code, message, mynets, cli, capsys):
    assert cli(*options(f"mynets.{name}")) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not list(Path("runs").glob("digits/*"))


def test_its_weights_follow_from_the_seed_and_no_other_generator_moves(mynets):
    sys.path.append(str(Path.cwd()))
    before = torch.get_rng_state()
    nets = [build_network("mynets.Net", (1, 8, 8), 3, {}, seed=seed, dtype=torch.float64) for seed in (1, 1, 2)]
    assert torch.equal(torch.get_rng_state(), before)
    first, same, other = (net[0].weight for net in nets)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert first.dtype == torch.float64
    assert nets[0].input_shape == (1, 8, 8)
    assert nets[0].training


def test_a_convolutional_network_is_refused_for_a_table(cli, capsys):
    Path("table.csv").write_text("x,y,label\n" + "\n".join(f"{k},{-k},{'ab'[k % 2]}" for k in range(40)))
    arguments = ("--data.source=table.csv", "--data.target=label", "--model.network=convnet", "--report=false")
    assert cli(*arguments) == 2
    assert "network: expected images (channels, height, width) for a convnet, got samples of shape (2,)" in (
        capsys.readouterr().err
    )


def test_a_convolutional_run_shows_its_options_and_resumes_to_the_bit(mynets, cli, capsys):
    convnet = [*options("convnet", 2), "--model.widths=[4, 6]", "--model.ema_decay=0.9", "--model.dropout=0.1"]
    convnet += ["--data.deformation.rotation=10", "--model.matmul_dtype=bfloat16"]
    assert cli(*convnet) == 0
    assert "1x8x8-4-6-10 network" in capsys.readouterr().out
    whole = state(newest())
    assert cli(*convnet, "--trainer.max_epochs=1") == 0
    config = yaml.safe_load((newest().parent.parent / "config.yaml").read_text())["model"]
    assert (config["activation"], config["pooling"], config["blocks"]) == ("relu", "max", 1)
    assert config["hidden_sizes"] is config["residual"] is None
    capsys.readouterr()
    assert cli("--ckpt_path=last", "--trainer.max_epochs=2", "--model.pooling=avg") == 66
    assert "model.pooling: expected avg, got 'max'" in capsys.readouterr().err
    assert cli("--ckpt_path=last", "--trainer.max_epochs=2") == 0
    expect_same_bits(state(newest()), whole)
