"""`python -m benchmarks gpu`, on a CPU: everything but the numbers."""

import json
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command_line
from benchmarks.child_process import Child, ChildError, Terminal
from benchmarks.comparison.task import SIZES, Task
from benchmarks.gpu import IMPLEMENTATIONS, kernels, train_command
from benchmarks.gpu.record_step import measure_record
from benchmarks.gpu.run import Results, run_gpu
from benchmarks.gpu.tables import implementations_table, record_table, train_table
from benchmarks.gpu.torch_runs import build_autograd, build_torchnet
from benchmarks.gpu.train_command import time_train
from benchmarks.gpu.turns import GpuTimes, measure, number_of_shown
from benchmarks.gpu.worker import Kernels, Worker

from .conftest import ROOT

SMALL = ("--trainer.accelerator=cpu", "--data.source=digits", "--model.hidden_sizes=[9, 8]", "--data.batch_size=100")


@pytest.fixture
def task(mnist) -> Task:
    """Return a small task: 10 steps an epoch."""
    generator = np.random.default_rng(0)
    chosen = generator.permutation(len(mnist.train_labels))[:5000]
    tested = generator.permutation(len(mnist.test_labels))[:2000]
    weights = [(generator.normal(size=(o, i)) * (2 / i) ** 0.5, np.zeros(o)) for i, o in pairwise(SIZES)]
    return Task(
        train_images=mnist.train_images[chosen].reshape(-1, SIZES[0]),
        train_labels=mnist.train_labels[chosen],
        test_images=mnist.test_images[tested].reshape(-1, SIZES[0]).astype(np.float32) / 255,
        test_labels=mnist.test_labels[tested],
        orders=np.stack([generator.permutation(5000) for _ in range(5)]),
        initial_weights=np.concatenate([array.ravel() for layer in weights for array in layer]).astype(np.float32),
        seed=np.array(0),
    )


class InThisProcess:
    """A child whose worker runs in this process."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def receive(self, limit: float | None = None) -> None:
        pass

    def ask(self, request: tuple, limit: float | None = None) -> object:
        return getattr(self.worker, request[0])(*request[1:])


def test_without_a_gpu_is_an_error_of_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(command_line, "_set_environment", lambda *_: None)  # that of a process of its own
    assert command_line.main(["--out", str(tmp_path), "gpu"]) == 1
    assert capsys.readouterr().err == "error: no NVIDIA GPU found, or this build of torch does not support it\n"


def test_all_implementations_take_the_same_steps(task):
    labels = [label for label in IMPLEMENTATIONS if not label.startswith("JAX") and "compile" not in label]
    builders = {"build_torchnet": build_torchnet, "build_autograd": build_autograd}
    workers, shown = {}, []

    def start(label: str) -> InThisProcess:
        builder, options = IMPLEMENTATIONS[label]
        workers[label] = Worker(builders[builder.partition(":")[2]], task, "cpu", options)
        return InThisProcess(workers[label])

    rows = measure(labels, start, task, 5, shown.append)
    assert len(shown) == number_of_shown(len(labels), 5)
    assert [row.fault for row in rows if "bfloat16" not in row.label] == [""] * (len(labels) - 1)
    rows = [row for row in rows if not row.fault]  # not every processor multiplies bfloat16
    assert [row.accuracy for row in rows] == pytest.approx([rows[0].accuracy] * len(rows), abs=5e-3)
    assert rows[0].accuracy > 0.6
    weights = {row.label: workers[row.label].weights() for row in rows if "bfloat16" not in row.label}
    for label, layers in weights.items():
        for layer, expected in zip(layers, weights["autograd, eager"], strict=True):
            for array, other in zip(layer, expected, strict=True):
                np.testing.assert_allclose(array, other, rtol=1e-3, atol=1e-4, err_msg=label)
    assert [len(row.seconds) for row in rows] == [5] * len(rows)
    assert all(row.kernels.number > 20 for row in rows if "eager" in row.label)


@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_jax_takes_the_same_steps_in_a_process_of_its_own(task, tmp_path, monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    task.save(tmp_path)
    child = Child(Terminal(), "benchmarks.gpu.worker:serve", "JAX, jit and scan, float32", tmp_path, "cpu")
    twin = InThisProcess(Worker(build_autograd, task, "cpu", {"how": "eager"}))
    try:
        assert child.receive(100) is None
        assert child.ask(("build",), 100) > 0
        twin.ask(("build",))
        assert len(child.ask(("epochs", 0, 2), 100)) == len(twin.ask(("epochs", 0, 2))) == 2
        for layer, expected in zip(child.ask(("weights",), 100), twin.ask(("weights",)), strict=True):
            for array, other in zip(layer, expected, strict=True):
                np.testing.assert_allclose(array, other, rtol=1e-3, atol=1e-4)
        assert child.ask(("kernels",), 100) is None
    finally:
        child.kill()


def test_one_that_fails_says_why_and_the_others_go_on(task):
    class Fake:
        def __init__(self, fails: str) -> None:
            self.fails = fails

        def receive(self, limit: float | None = None) -> None:
            self.ask(("import",))

        def ask(self, request: tuple, limit: float | None = None) -> object:
            if request[0] == self.fails:
                raise ChildError(f"no {self.fails}")
            answers = {"build": 1.5, "epochs": [0.5] * 4, "weights": task.weights(), "kernels": Kernels(57, 131)}
            return answers.get(request[0])

    labels = ["import", "build", "epochs", "kernels", "nothing"]
    rows = measure(labels, Fake, task, 4, lambda _: None)
    assert [row.fault for row in rows] == ["no import", "no build", "no epochs", "", ""]
    assert [row.kernels_fault for row in rows] == ["", "", "", "no kernels", ""]
    assert [(row.ms, row.step_us, row.build) for row in rows[3:]] == [(500, 50_000, 1.5)] * 2
    cells = [list(column.cells) for column in implementations_table(rows).columns]
    assert ["-", "-", "-", "-", "57"] in cells
    assert ["-", "-", "-", "-", "131.0"] in cells
    assert [str(cell) for cell in cells[0][:4]] == [
        "import:\nno import",
        "build:\nno build",
        "epochs:\nno epochs",
        "kernels:\nno kernels (no kernels)",
    ]


def test_the_ratio_is_to_the_fused_step():
    rows = [GpuTimes("torchnet, fused", seconds=[0.1], ms=4), GpuTimes("autograd, eager", seconds=[0.1], ms=120)]
    assert ["1.00", "30.00"] in [list(column.cells) for column in implementations_table(rows).columns]


def test_a_child_that_does_not_answer_is_killed():
    child = Child(Terminal(), "time:sleep", 600)  # sleep(connection, 600) fails, after Python has started
    with pytest.raises(ChildError, match=r"^its process did not answer within 0 s$"):
        child.receive(0)
    assert not child.process.is_alive()


def test_kernels_copies_and_fills_of_a_trace_are_counted():
    events = [
        {"cat": "kernel", "name": "gemm", "dur": 2.5},
        {"cat": "gpu_memcpy", "name": "Memcpy DtoD", "dur": 1},
        {"cat": "gpu_memset", "name": "Memset", "dur": 0.5},
        {"cat": "cuda_runtime", "name": "cudaGraphLaunch", "dur": 9},
        {"cat": "gpu_user_annotation", "name": "Optimizer.step", "dur": 9},
        {"name": "process_name"},
    ]
    assert kernels.count(events, kernels._GPU_EVENTS) == (3, 4)


def test_what_a_run_does_once_does_not_count_as_kernels_of_a_step(monkeypatch):
    monkeypatch.setattr(kernels, "_profiled", lambda run, order: (run(order), 2.0 * run(order)))
    assert kernels.kernels_per_step(lambda order: 10 + 7 * len(order), np.zeros((8, 1))) == Kernels(7, 14)


def test_the_parts_of_train_py(tmp_path, monkeypatch, cli, capsys):
    def timed(*command: str) -> tuple[float, list[tuple[float, str]]]:
        if command[1] == "-c":
            return 2.5, []
        assert cli(*command[2:], "--trainer.max_epochs=1") == 0
        return 100.0, [(at / 10, line) for at, line in enumerate(capsys.readouterr().out.splitlines(), 30)]

    monkeypatch.setattr(train_command, "_timed", timed)
    times = time_train("first", tmp_path / "first start", *SMALL)
    assert (times.start, times.libraries, times.total, times.before, times.device) == ("first", 2.5, 100, 3, "cpu")
    assert 0 < times.training < 60
    assert times.before + times.training + times.after == pytest.approx(100)
    assert times.way == "fused"
    assert 0 < times.accuracy < 1
    (cells,) = zip(*(column.cells for column in train_table([times]).columns), strict=True)
    assert cells[:3] == ("first start", "2.5", "0.5")


def test_a_command_that_fails_is_reported_with_its_last_line():
    with pytest.raises(ChildError, match=r"train.py no-such ended with exit code 2: error: no-such: expected a comm"):
        train_command._timed(train_command.sys.executable, "train.py", "no-such")


def test_the_step_of_record_yaml_is_measured(capsys):
    measured = measure_record(*SMALL)
    assert (measured.way, measured.sizes, measured.batch) == ("captured", (64, 9, 8, 10), 100)
    assert measured.ms > 0
    assert measured.kernels.number > 100, measured.kernels_fault
    assert [*record_table([measured]).columns[2].cells] == ["captured"]


def test_a_part_that_fails_prints_a_line_and_the_others_run(tmp_path, capsys):
    def fails() -> list[GpuTimes]:
        raise ChildError("a reason")

    row = GpuTimes("torchnet, fused", seconds=[0.1], ms=4)
    results = Results(["the machine"], tmp_path)
    results.add("record", fails, record_table)
    assert json.loads((tmp_path / "gpu.json").read_text())["record"] == []
    results.add("implementations", lambda: [row], implementations_table)
    printed = capsys.readouterr().out
    assert "record: ChildError: a reason" in printed
    assert "torchnet, fused" in printed
    numbers = json.loads((tmp_path / "gpu.json").read_text())
    assert numbers["faults"] == [{"part": "record", "reason": "ChildError: a reason"}]
    assert numbers["implementations"][0]["ms"] == 4
    assert (tmp_path / "gpu.txt").read_text() in printed.replace("the machine\n", "the machine\n\n", 1)


@pytest.mark.sweep
def test_the_whole_command_on_a_cpu(mnist_place, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TORCHNET_DATA", str(mnist_place))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.chdir(ROOT)
    (tmp_path / "out").mkdir()
    labels = ["torchnet, fused", "autograd, CUDA graph of the step", "autograd, eager"]
    options = [*SMALL, "--trainer.max_epochs=1"]
    run_gpu(2, 10, tmp_path, Path(tmp_path / "out"), "cpu", labels, options)
    numbers = json.loads((tmp_path / "out" / "gpu.json").read_text())
    assert numbers["faults"] == []
    assert [row["fault"] for row in numbers["implementations"]] == [""] * 3
    assert [row["start"] for row in numbers["train"]] == ["first", "second"]
    assert numbers["record"][0]["way"] == "captured"
