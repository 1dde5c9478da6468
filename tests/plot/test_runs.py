"""The figures of a run are those of its report: the numbers of its files, with the name of the run."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

import torchnet
from torchnet import plot
from torchnet.cli.start import main as train
from torchnet.commands import main
from torchnet.reporting.run_data import RunData
from torchnet.runs.errors import UsageError

from ..conftest import ROOT
from ..raw_examples import EXAMPLES, write_run
from ..run_folders import DIGITS


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The folder of a run of two epochs."""
    root = tmp_path_factory.mktemp("runs")
    arguments = [DIGITS, "--trainer.max_epochs=2", "--gradient_health.every_n_steps=5", "--name=two"]
    assert train(ROOT / "configs", [*arguments, "--report=false", f"--trainer.default_root_dir={root}"]) == 0
    (folder,) = (root / "two").iterdir()
    return folder


def test_curves_and_norms_are_those_of_the_metrics(folder):
    run, data = torchnet.load(folder), RunData(folder, {}, "", "", 0, None)
    loss, score, norms = plot.loss_curve(run), plot.score_curve(run), plot.gradient_norms(run)
    lines = {line.get_label(): [*line.get_ydata()] for line in loss.axes[0].lines}
    assert lines["test"] == data.series("test/loss", "epoch")[1]
    assert lines["train"] == data.series("train/loss", "epoch")[1]
    (line,) = (line for line in score.axes[0].lines if line.get_label() == "test")
    np.testing.assert_allclose(line.get_ydata(), 100 * np.array(data.series("test/accuracy", "epoch")[1]))
    for number, line in enumerate(norms.axes[0].lines, 1):
        assert ([*line.get_xdata()], [*line.get_ydata()]) == data.series(f"gradient_norm/layer_{number}", "step")
    assert [it.get_suptitle() for it in (loss, score, norms)] == ["two: loss", "two: accuracy", "two: gradient norms"]


def test_the_confusion_matrix_has_the_counts_of_the_report(folder):
    figure = plot.confusion_matrix(torchnet.load(folder))
    counts = np.array(json.loads((folder / "report.json").read_text())["confusion_matrix"]["test"])
    drawn = np.zeros_like(counts)
    for text in figure.axes[0].texts:
        column, row = text.get_position()
        drawn[row, column] = text.get_text()
    np.testing.assert_array_equal(drawn, counts)
    assert figure.get_suptitle() == "two: confusion matrix of the test set"


@pytest.mark.parametrize("draw", [plot.loss_curve, plot.score_curve, plot.confusion_matrix, plot.gradient_norms])
def test_a_run_without_metrics_is_one_sentence(draw, tmp_path):
    run = torchnet.load(write_run(tmp_path, EXAMPLES[next(iter(EXAMPLES))], "float32"))
    with pytest.raises(UsageError, match=r"expected a run with its .* found nothing to draw: train it"):
        draw(run)


def test_an_exported_file_has_no_figures(folder, tmp_path):
    assert main(["export", str(folder), str(tmp_path / "weights.safetensors")]) == 0
    with pytest.raises(UsageError, match=r"expected the folder of a run, found no config\.yaml"):
        plot.loss_curve(torchnet.load(tmp_path / "weights.safetensors"))


def test_a_title_shows_the_name_of_a_run_as_it_is(folder):
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["name"] == "two"
    run = torchnet.load(folder)
    assert not plot.loss_curve(run)._suptitle.get_parse_math()
