"""`python train.py` on MNIST."""

import json
from pathlib import Path

import pytest
import torch

from ..run_folders import expect_same_bits, newest, state


def report() -> dict:
    return json.loads((newest().parent.parent / "report.json").read_text())


def test_without_arguments_it_trains_the_notebooks_network_past_97_2_percent(cli, mnist_place, monkeypatch):
    monkeypatch.setenv("TORCHNET_DATA", str(mnist_place))
    assert cli() == 0
    assert report()["title"] == "default"
    assert report()["accuracy"]["test"] >= 0.972
    weights = state(newest())["weights"]
    assert [tuple(weights[f"net.{i}.weight"].shape) for i in (0, 2, 4)] == [(64, 784), (64, 64), (10, 64)]
    assert weights["net.0.weight"].dtype == torch.float32


@pytest.mark.parametrize(
    "config",
    [
        ["--data.order", "notebook", "--model.dtype", "float64", "--trainer.max_epochs", "1"],
        pytest.param([], marks=pytest.mark.sweep),
        pytest.param(["--data.order", "notebook", "--model.dtype", "float64"], marks=pytest.mark.sweep),
    ],
    ids=str,
)
def test_every_format_gives_the_same_numbers(config, cli, mnist_place, mat_file):
    results = []
    for source in (mnist_place, mat_file):
        assert cli("--data.source", source, "--trainer.max_epochs", 2, *config) == 0
        results.append((state(newest()), report(), Path(newest().parent.parent / "metrics.csv").read_text()))
    expect_same_bits(results[1][0], results[0][0])
    assert results[1][1:] == results[0][1:]
