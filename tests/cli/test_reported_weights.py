"""Which weights stand for a run: those that its report is about. And what is said about a run that overfits."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import torchnet
from torchnet.commands import main as command
from torchnet.runs.folders import find_checkpoint, find_trained

# The learning rate soon is too large: the best epoch is not the last one.
RISING = ("--config={configs}/digits.yaml", "--trainer.max_epochs=12", "--model.lr=4", "--data.batch_size=20")


@pytest.fixture
def train(cli):
    configs = Path(__file__).parents[2] / "configs"

    def call(*options: str) -> Path:
        assert cli(*(option.format(configs=configs) for option in RISING), *options) == 0
        return max(Path("runs").glob("*/*"), key=lambda path: path.name)

    return call


def test_commands_use_the_weights_that_were_reported(train, capsys):
    run = train("--data.validation_fraction=0.2")
    best = json.loads((run / "report.json").read_text())["best"]
    last = find_checkpoint("last", Path("runs"))
    assert best["step"] < last.contents["global_step"]
    for named in ("last", "last:digits", str(run)):
        assert find_trained(named, Path("runs")).contents["global_step"] == best["step"]
        assert torchnet.load(named).steps == best["step"]
    assert torchnet.load(last.path).steps == last.contents["global_step"]
    images = np.rint(load_digits().images[:3] * (255 / 16)).astype(np.uint8)
    np.save("images.npy", images)
    capsys.readouterr()
    assert command(["predict", "last", "images.npy"]) == 0
    assert capsys.readouterr().err == f"last is {run / 'checkpoints/best.ckpt'}\n"


def test_a_run_that_evaluates_the_last_weights_stands_for_these(train):
    train("--data.validation_fraction=0.2", "--evaluate=last")
    assert find_trained("last", Path("runs")).path == find_checkpoint("last", Path("runs")).path


def test_a_best_checkpoint_that_is_corrupt_is_skipped(train, capsys):
    run = train("--data.validation_fraction=0.2")
    (run / "checkpoints/best.ckpt").write_bytes(b"nothing")
    assert find_trained("last", Path("runs")).path == find_checkpoint("last", Path("runs")).path
    assert "skipped: " in capsys.readouterr().err


def test_a_test_loss_that_has_risen_is_pointed_out(train, capsys):
    train()
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("the test loss was ")]
    assert len(lines) == 1
    assert "--data.validation_fraction 0.1" in lines[0]


def test_runs_of_two_tasks_are_not_compared(train, cli, capsys):
    train()
    random = np.random.default_rng(0)
    np.savez("numbers.npz", x=random.normal(size=(40, 3)), y=random.normal(size=40))
    train("--data.source=numbers.npz", "--model.lr=0.1")
    capsys.readouterr()
    assert command(["report", *map(str, Path("runs").glob("*/*"))]) == 2
    assert "expected runs of one task, got classifications and regressions" in capsys.readouterr().err


def test_a_file_instead_of_a_command_is_pointed_to_the_option(cli, capsys):
    Path("my.csv").write_text("a,b\n1,2\n")
    from torchnet.cli.start import main

    assert main(Path("configs"), ["my.csv", "--data.target", "b"]) == 2
    assert "to train on this file or folder, --data.source my.csv" in capsys.readouterr().err
