"""The benchmarks run, and all implementations in them take the same steps. Measured times are not asserted."""

import json
import subprocess
import sys
from dataclasses import astuple, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml

import torchnet
from benchmarks import commands, depth, overhead
from benchmarks.autograd_loop import autograd_loop, build_network
from benchmarks.child_process import ChildError
from benchmarks.comparison.compare import Result
from benchmarks.comparison.epoch_timing import EpochTiming
from benchmarks.comparison.summary import ratios
from benchmarks.depth import measure_depth
from benchmarks.plots import plot_depth
from benchmarks.processes.gpu_estimate import GpuConstants, gpu_estimates
from benchmarks.processes.model import Cluster, Link, Workload, fit, message, predict, speedup
from benchmarks.processes.networks import Network
from benchmarks.scale.measure import measure
from benchmarks.scale.points import Measured, Point, points
from benchmarks.tables import scale_table
from benchmarks.torchnet_loop import torchnet_loop
from torchnet.cli.start import main
from torchnet.training.nonfinite import WatchedSteps

from .conftest import ROOT


def benchmarks(out: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", "--out", str(out), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.sweep
@pytest.mark.parametrize(
    "peers", ["torchnet,torchnet_captured,torchnet_eager,products,train_py,autograd,numpy_reference"]
)
def test_peers_race_and_end_with_the_same_accuracy(peers, mnist_place, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHNET_DATA", str(mnist_place))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # threads that wait for each other on a busy machine take long
    done = benchmarks(tmp_path, "--peers", peers, "--epochs", "2")
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    rows = {row["peer"]: row for row in results["summary"]}
    assert [row["fault"] for row in rows.values()] == [""] * len(peers.split(","))
    assert rows["products"]["accuracy"] is None  # nothing is trained
    accuracies = [row["accuracy"] for name, row in rows.items() if name != "products"]
    assert accuracies == pytest.approx([accuracies[0]] * len(accuracies), abs=5e-4)  # rounding may flip some images
    assert accuracies[0] > 0.9
    assert {"autograd, matched / torchnet, fused", "torchnet, fused / products alone"} <= {
        row["name"] for row in results["ratios"]
    }
    assert "torchnet, fused / products alone" in done.stdout


def test_the_memory_of_the_parent_does_not_count_as_that_of_a_peer():
    code = "import sys, benchmarks.__main__, benchmarks.plots; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_ratios_are_those_of_medians_without_the_first_epoch():
    seconds = {"torchnet": (9, 2, 4, 3), "products": (7, 1, 2, 6), "jax_scan": (1, 1, 1, 1), "autograd": (1, 1, 1, 1)}
    results = [
        Result(peer, epochs=[EpochTiming(value, 0, 0, []) for value in values]) for peer, values in seconds.items()
    ]
    results[-1].fault = "it failed"
    jax, products = ratios(results)
    assert (jax.name, jax.value) == ("JAX, jit and scan / torchnet, fused", pytest.approx(1 / 3))
    assert (products.name, products.value) == ("torchnet, fused / products alone", 3 / 2)
    assert products.quartiles == (1.25, 2)  # of 2 / 1, 4 / 2 and 3 / 6


@pytest.mark.parametrize("way", ["eager", "captured", "fused"])
def test_the_baseline_takes_the_steps_of_torchnet(way):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (60, 5), dtype=torch.uint8, generator=generator)
    labels = torch.randint(3, (60,), generator=generator)
    net, twin = torchnet.MLP((5, 4, 4, 3), generator=generator), build_network((5, 4, 4, 3))
    twin.load_state_dict(net.state_dict())
    order = torch.randperm(60, generator=generator).view(6, 10)
    loops = torchnet_loop(net, images, labels, 0.5, way), autograd_loop(twin, images, labels, 0.5)
    torch.testing.assert_close(*(loop(order) for loop in loops), rtol=1e-5, atol=1e-6)
    for weight, expected in zip(net.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, rtol=1e-5, atol=1e-6)


def test_a_loop_is_not_measured_under_the_name_of_another_one():
    net = torchnet.MLP((5, 4, 3), normalization="batch_norm")
    images, labels = torch.zeros((4, 5), dtype=torch.uint8), torch.zeros(4, dtype=torch.int64)
    with pytest.raises(ChildError, match=r"^not fused: "):
        torchnet_loop(net, images, labels, 0.5, "fused")


def test_a_point_of_scale_is_measured(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.scale.measure._BUDGET", 0.01)
    monkeypatch.setattr("benchmarks.scale.measure._RUN", 0.001)
    measured = measure(Point("width", width=8, batch=16))
    assert {*measured.ms} == {"fused", "captured", "autograd", "products"}
    assert min(measured.ms.values()) > 0
    assert measured.default == "fused"
    assert measured.flops == 16 * (4 * 784 * 8 + 6 * 8 * 8 + 6 * 8 * 10)


def test_scale_compares_both_ways_with_the_products():
    wide = {(point.width, point.batch) for point in points() if point.depth == 3}
    assert {(1024, 256), (1024, 500)} <= wide
    ms = {"fused": 3.0, "captured": 2.0, "autograd": 6.0, "products": 1.5}
    without = {"captured": 2.0, "autograd": 6.0, "products": 1.5}
    rows = [Measured(Point("width"), ms, "fused", 9), Measured(Point("width"), without, "captured", 9)]
    cells = [list(column.cells) for column in scale_table(rows, 1).columns]
    assert ["2.00", "-"] in cells  # fused / products
    assert ["1.33", "1.33"] in cells  # captured / products
    assert ["fused", "captured"] in cells  # the default
    assert ["2.00", "3.00"] in cells  # autograd / default


def test_the_nan_check_is_left_out_of_a_timed_run(monkeypatch):
    monkeypatch.setattr(WatchedSteps, "run", WatchedSteps.run)  # restored after the test
    options = ("--data.source=digits", "--report=false")
    command, run = overhead.seconds_of_run("checkpoints, no NaN check", options, epochs=1)
    assert command >= run > 0
    assert WatchedSteps.run is overhead._unwatched


def test_depth_shows_where_gradients_vanish(tmp_path, monkeypatch):
    def train_here(command: list[str], **_: object) -> SimpleNamespace:
        return SimpleNamespace(returncode=main(ROOT / "configs", [*command[2:], "--report=false"]), stderr="")

    # Two new processes would need longer for their imports than for the training.
    monkeypatch.setattr(depth, "subprocess", SimpleNamespace(run=train_here))
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


@pytest.mark.sweep
def test_two_processes_train_in_every_variant(tmp_path, monkeypatch, capsys):
    notebook, record = Network((12, 8, 3), batch=9), Network((12, 400, 800, 3), batch=8, normalization="batch_norm")
    monkeypatch.setattr(commands, "call", lambda *_: (1, {}))  # the speed of matrix products is only in the header
    monkeypatch.setattr(commands, "NETWORKS", (notebook, record))
    monkeypatch.setattr(commands, "NOTEBOOK", notebook)
    monkeypatch.setattr(commands, "RECORD", record)
    commands.run_processes(turns=1, folder=tmp_path, out=tmp_path)
    numbers = json.loads((tmp_path / "processes.json").read_text())
    assert [len(numbers[name]) for name in ("messages", "networks", "gpu_estimates")] == [8, 2, 8]
    plain, normalized = numbers["networks"]
    for row in (plain, normalized):
        assert min(row[variant] for variant in ("alone", "few", "compute", "overlapped", "afterwards")) > 0
    assert plain["work"]["flops"] == 4 * 12 * 8 + 6 * 8 * 3
    assert plain["work"]["buckets"] == [4 * (12 * 8 + 8 + 8 * 3 + 3)]
    large = 4 * 400 * 800  # larger than a bucket: sent alone, while the small ones are collected
    small = 4 * (3 + 3 * 800 + 2 * 800 + 2 * 400 + 12 * 400)
    assert normalized["work"]["buckets"] == [large, small]
    assert normalized["work"]["batch_norms"] == 2
    assert normalized["work"]["operations"] > plain["work"]["operations"] > 20
    assert "12-400-800-3, batch norm" in capsys.readouterr().out


WORK = Workload(batch=8, flops=100, buckets=(600, 200), batch_norms=0, operations=10)
CLUSTER = Cluster(100, 1, launch=0.01, replay=0, near=Link(0.5, 100), far=Link(1, 50), machine=2, in_order=False)


def test_the_model_matches_its_equation():
    assert predict(WORK, CLUSTER, 1).seconds == 1 + 8
    near = predict(WORK, CLUSTER, 2)
    assert (near.compute, near.messages, near.small) == (1 + 4, 6.5 + 2.5, 0)
    assert near.exposed == pytest.approx(9 - 2 / 3 * 5 / 4)
    far = predict(WORK, CLUSTER, 4)
    assert (far.compute, far.messages) == (1 + 2, (2 + 1.5 * 12) + (2 + 1.5 * 4))
    assert far.exposed == pytest.approx(28 - 2 / 3 * 3 / 4)
    assert predict(WORK, replace(CLUSTER, near=Link(0.1, 1e12)), 2).exposed == pytest.approx(0.1)  # the last message
    slow = replace(CLUSTER, launch=1, replay=0.2)
    assert (predict(WORK, slow, 1).compute, predict(WORK, slow, 2).compute) == (9, 10)


def test_batch_normalization_in_the_model():
    work, in_order = replace(WORK, batch_norms=3), replace(CLUSTER, in_order=True)
    assert predict(work, CLUSTER, 2).small == 2 * 3 * 0.5
    assert predict(work, CLUSTER, 2).exposed == predict(WORK, in_order, 2).exposed == predict(WORK, CLUSTER, 2).exposed
    assert predict(work, in_order, 2).exposed == 9
    crowd = predict(work, in_order, 16)  # more processes than samples: each takes the whole batch, without messages
    assert (crowd.compute, crowd.small) == (9, 0)


def test_strong_and_weak_scaling_in_the_model():
    assert speedup(WORK, CLUSTER, 2) == pytest.approx(9 / (5 + 9 - 5 / 6))
    assert speedup(WORK, CLUSTER, 2, weak=True) == pytest.approx(2 * 9 / (9 + 9 - 9 / 6))


def test_the_estimate_finds_the_shortest_step():
    gpus = GpuConstants(rate=1, memory=1e30, launch=0, replay=0, latency=3, near=1e30, far=1e30)
    work = Workload(batch=64, flops=1, buckets=(4,), batch_norms=0, operations=1)
    fixed, _, grows, _ = gpu_estimates("one layer", work, 12, gpus)  # t(P) = 64 / P + 3 log₂ P
    assert fixed.milliseconds == pytest.approx((64_000, 17_000, 19_000, 94_000))
    assert (fixed.best, fixed.halved) == (16, 8)
    assert (grows.best, grows.halved) == (1024, None)


def test_latency_and_bandwidth_are_fitted():
    link = Link(3e-5, 2e9)
    fitted = fit([(size, message(size, link, 2)) for size in (4, 2**10, 2**20, 2**26)])
    assert astuple(fitted) == pytest.approx(astuple(link))
