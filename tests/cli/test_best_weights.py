"""The weights that are evaluated after training: the best ones if there is a validation set, else the last ones."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from torchnet.cli import session
from torchnet.commands import main as commands
from torchnet.data import load
from torchnet.reporting import evaluate
from torchnet.reporting.figures.charts import curves
from torchnet.reporting.run_data import RunData
from torchnet.runs.load_network import load_network
from torchnet.runs.record import read_record
from torchnet.storage import read_checkpoint
from torchnet.training.data_module import DataModule

from ..run_folders import DIGITS, expect_same_bits, last_of

# The best epoch is not the last one.
OPTIONS = (DIGITS, "--data.validation_fraction=0.2", "--model.lr=1.5", "--trainer.max_epochs=8")


def run_of(number: int = -1) -> Path:
    return sorted(Path("runs/digits").iterdir())[number]


def report(run: Path) -> dict[str, Any]:
    return json.loads((run / "report.json").read_text())


def accuracies(checkpoint: Path) -> dict[str, float]:
    data, net = DataModule("digits", validation_fraction=0.2), load_network(checkpoint).net
    outputs = {split: evaluate(net, data.evaluation_loader(split)) for split in data.splits}
    return {split: (logits.argmax(1) == labels).double().mean().item() for split, (logits, labels) in outputs.items()}


@pytest.fixture
def pages(monkeypatch) -> list[RunData]:
    """The records of the pages that are written."""
    drawn: list[RunData] = []
    monkeypatch.setattr(session, "write_page", lambda runs, *paths: drawn.extend(runs))
    return drawn


def first_layer(checkpoint: Path) -> np.ndarray:
    return read_checkpoint(checkpoint)["state_dict"]["net.0.weight"].numpy()


def test_they_are_what_is_reported_and_nothing_saved_changes(cli, capsys, pages):
    assert cli(*OPTIONS, "--report=true") == 0
    best, run = run_of() / "checkpoints" / "best.ckpt", run_of()
    contents = read_checkpoint(best)
    epoch, loss = contents["epoch"], contents["callbacks"]["Checkpoints"]["best_score"]
    assert epoch < 8
    assert f"evaluated: the weights of epoch {epoch} (val loss {loss:.4f}), the best" in capsys.readouterr().out
    assert report(run)["accuracy"] == pytest.approx(accuracies(best))
    assert report(run)["accuracy"] != pytest.approx(accuracies(last_of(run)))
    assert report(run)["best"] == {"step": 23 * epoch, "epoch": epoch, "val_loss": loss}
    (record,) = pages
    assert np.array_equal(record.first_layer, first_layer(best))

    assert cli(*OPTIONS, "--report=true", "--evaluate=last") == 0
    other = run_of()
    assert "evaluated: " not in capsys.readouterr().out
    assert report(other)["accuracy"] == pytest.approx(accuracies(last_of(run)))
    assert "best" not in report(other)
    assert np.array_equal(pages[1].first_layer, first_layer(last_of(run)))
    for name in ("best.ckpt", "step=184.ckpt"):
        expect_same_bits(*(read_checkpoint(each / "checkpoints" / name) for each in (run, other)))


@pytest.mark.parametrize("which", ["best", "last"])
def test_a_run_that_is_killed_at_its_end_gets_the_same_report(which, cli, pages, capsys):
    assert cli(*OPTIONS, f"--evaluate={which}") == 0
    whole = (run_of() / "report.json").read_bytes()
    (run_of() / "report.json").unlink()
    assert cli("--ckpt_path=last", "--report=true") == 0
    assert (run_of() / "report.json").read_bytes() == whole
    checkpoint = run_of() / "checkpoints" / "best.ckpt" if which == "best" else last_of(run_of())
    assert np.array_equal(pages[0].first_layer, first_layer(checkpoint))
    assert capsys.readouterr().out.count("evaluated: ") == (2 if which == "best" else 0)


def test_a_resumed_run_reports_the_same(cli):
    assert cli(*OPTIONS) == 0
    whole = report(run_of())
    for steps in (30, 150):  # before and after the best one
        assert cli(*OPTIONS, f"--trainer.max_steps={steps}") == 0
        assert cli("--ckpt_path=last", "--trainer.max_steps=-1") == 0
        assert report(run_of()) == whole


@pytest.mark.parametrize("option", ["--trainer.enable_checkpointing=false", "--trainer.limit_val_batches=0"])
def test_where_nothing_is_the_best_the_last_ones_are(option, cli, capsys):
    assert cli(*OPTIONS, "--evaluate=last") == 0
    last = report(run_of())
    assert cli(*OPTIONS, option) == 0
    assert report(run_of()) == last
    assert "evaluated: " not in capsys.readouterr().out


def test_a_best_checkpoint_that_is_damaged_is_named(cli, capsys):
    assert cli(*OPTIONS) == 0
    (run_of() / "report.json").unlink()
    (run_of() / "checkpoints" / "best.ckpt").write_bytes(b"")
    capsys.readouterr()
    assert cli("--ckpt_path=last") == 0
    out, err = capsys.readouterr()
    assert err.startswith("skipped: runs/digits/")
    assert "finished: " in out
    assert report(run_of())["accuracy"] == pytest.approx(accuracies(last_of(run_of())))


def test_the_page_says_so_and_draws_their_accuracy_at_their_epoch(cli, capsys):
    assert cli(*OPTIONS, "--report=true") == 0
    best = report(run_of())["best"]["epoch"]
    assert f"weights of epoch {best}, which " in (run_of() / "report.html").read_text()
    figure: Any = curves([read_record(run_of())], [""], "score")
    points = {line.get_label(): dict(zip(*line.get_data(), strict=True)) for line in figure.axes[0].lines}
    assert list(points["train"]) == [best]
    for split, accuracy in report(run_of())["accuracy"].items():
        assert points[split][best] == pytest.approx(100 * accuracy)
    path = run_of() / "report.json"
    path.write_text(json.dumps(report(run_of()) | {"best": {"step": 1, "epoch": "x", "val_loss": 0}}))
    assert commands(["report", "last"]) == 65
    assert "best.epoch: expected a whole number" in capsys.readouterr().err


def test_report_draws_them(cli):
    assert cli(*OPTIONS) == 0
    assert np.array_equal(read_record(run_of()).first_layer, first_layer(run_of() / "checkpoints" / "best.ckpt"))
    assert cli(*OPTIONS, "--evaluate=last") == 0
    assert np.array_equal(read_record(run_of()).first_layer, first_layer(last_of(run_of())))


def test_predict_takes_the_last_ones(cli):
    assert cli(*OPTIONS) == 0
    assert cli("predict", "--ckpt_path=last") == 0
    rows = csv.DictReader((run_of() / "predictions.csv").read_text().splitlines())
    accuracy = np.mean([int(row["label"]) for row in rows] == load("digits").test_targets)
    assert accuracy == pytest.approx(accuracies(last_of(run_of()))["test"])


class TestEarlyStopping:
    STOPS = ("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.patience=2", "--trainer.max_epochs=60")

    def sentence(self, capsys: pytest.CaptureFixture[str]) -> str:
        (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("stopped ")]
        return line

    def test_says_what_it_kept(self, cli, capsys):
        assert cli(*OPTIONS, *self.STOPS, "--trainer.callbacks.monitor=val/loss") == 0
        best = report(run_of())["best"]
        assert self.sentence(capsys) == (
            f"stopped after epoch {best['epoch'] + 2}: val/loss did not improve for 2 epochs; kept the weights "
            f"of epoch {best['epoch']} (val loss {best['val_loss']:.4f})"
        )

    def test_counts_validations_if_there_are_several(self, cli, capsys):
        several = ("--trainer.callbacks.monitor=val/loss", "--trainer.val_check_interval=10")
        assert cli(*OPTIONS, *self.STOPS, *several) == 0
        assert "val/loss did not improve for 2 validations; kept the weights of " in self.sentence(capsys)

    def test_without_a_best_one(self, cli, capsys):
        monitor = ("--trainer.callbacks.monitor=train/loss", "--trainer.callbacks.check_on_train_epoch_end=true")
        never = ("--trainer.callbacks.min_delta=1000", "--trainer.callbacks.patience=1")
        assert cli(DIGITS, *self.STOPS, *monitor, *never) == 0
        assert self.sentence(capsys) == (
            "stopped after epoch 2: train/loss did not improve for 1 epoch; kept the last weights"
        )

    def test_by_a_threshold_and_in_the_first_epoch(self, cli, capsys):
        threshold = ("--trainer.callbacks.monitor=val/loss", "--trainer.callbacks.stopping_threshold=100")
        assert cli(*OPTIONS, *self.STOPS, *threshold) == 0
        assert self.sentence(capsys).startswith(
            "stopped after epoch 1: val/loss reached 100.0; kept the weights of epoch 1 (val loss "
        )

    def test_that_was_resumed_and_went_on_says_nothing(self, cli, capsys):
        monitor = ("--trainer.callbacks.monitor=val/loss", "--trainer.callbacks.min_delta=1000")
        assert cli(*OPTIONS, *self.STOPS, *monitor) == 0
        capsys.readouterr()
        more = ("--trainer.callbacks=EarlyStopping", "--trainer.callbacks.patience=9", "--trainer.max_epochs=5")
        assert cli("--ckpt_path=last", *more, *monitor) == 0
        assert "stopped" not in capsys.readouterr().out
