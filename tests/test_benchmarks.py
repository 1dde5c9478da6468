"""The benchmarks run, and every way to take a step in them takes the same one. What they measure is not asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import torchnet
from benchmarks import gpu
from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.depth import measure_depth
from benchmarks.plots import plot_depth
from benchmarks.points import Point
from benchmarks.scale import measure
from torchnet.engine import Engine

from .conftest import ROOT


def benchmarks(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--out", str(out), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_peers_race_and_end_with_the_same_accuracy(mnist_place, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHNET_DATA", str(mnist_place))
    done = benchmarks(tmp_path, "--peers", "torchnet,train_py,autograd,numpy_reference", "--epochs", "2")
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "results.json").read_text())["summary"]
    assert [row["fault"] for row in rows] == [""] * 4
    accuracies = [row["accuracy"] for row in rows]
    assert accuracies == pytest.approx([accuracies[0]] * 4, abs=5e-4)  # to rounding: some images lie on the border
    assert accuracies[0] > 0.9
    assert "torchnet loop" in done.stdout


def test_without_a_gpu_its_table_is_one_sentence(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    done = benchmarks(tmp_path, "gpu")
    assert done.returncode == 1
    assert done.stderr == "error: there is no NVIDIA GPU here, or this build of torch does not know it\n"


def test_every_way_on_a_gpu_takes_the_same_steps(mnist_place, monkeypatch):
    monkeypatch.setenv("TORCHNET_DATA", str(mnist_place))
    ways = gpu._ways
    monkeypatch.setattr(gpu, "_ways", lambda: {k: way for k, way in ways().items() if "compile" not in k})
    _, rows = gpu.measure(epochs=1, seed=10, device="cpu")
    assert [row.accuracy for row in rows] == pytest.approx([rows[0].accuracy] * 5, abs=2e-3)
    assert rows[0].accuracy > 0.85


def test_the_baseline_takes_the_steps_of_torchnet():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (60, 5), dtype=torch.uint8, generator=generator)
    labels = torch.randint(3, (60,), generator=generator)
    net, twin = torchnet.MLP((5, 4, 4, 3), generator=generator), build_network((5, 4, 4, 3))
    twin.load_state_dict(net.state_dict())
    engine = Engine(net, torchnet.cross_entropy, torchnet.SGD(net.parameters(), lr=0.5), images, labels)
    order = torch.randperm(60, generator=generator)
    losses = engine.run(order, 10), autograd_loop(twin, images, labels, 0.5)(order.view(6, 10))
    torch.testing.assert_close(*losses, rtol=1e-5, atol=1e-6)
    for weight, expected in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6)


def test_a_point_of_the_scale_is_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.scale._BUDGET", 0.01)
    monkeypatch.setattr("benchmarks.scale._RUN", 0.001)
    measured = measure(Point("width", width=8, batch=16))
    assert min(measured.torchnet_ms, measured.autograd_ms, measured.products_ms) > 0
    assert measured.flops == 16 * (4 * 784 * 8 + 6 * 8 * 8 + 6 * 8 * 10)


def test_depth_shows_where_gradients_vanish(tmp_path):
    runs = []
    for name in ("deep_sigmoid", "deep_residual"):
        config = yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text())
        config["trainer"]["max_epochs"] = 1
        config["data"] = {"source": "digits", "batch_size": 50}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(config))
        runs.append(measure_depth(tmp_path / f"{name}.yaml", tmp_path))
    sigmoid, residual = runs
    assert [len(norms) for run in runs for norms in run.norms] == [20] * 4
    assert sigmoid.norms[0][0] < 1e-6 * sigmoid.norms[0][-1]
    assert residual.norms[0][0] > 0.1 * residual.norms[0][-1]
    assert residual.accuracy > 0.7 > sigmoid.accuracy
    plot_depth(runs, tmp_path / "depth.png")
    assert (tmp_path / "depth.png").stat().st_size > 10_000
