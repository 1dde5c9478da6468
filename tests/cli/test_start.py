"""The start of `python train.py`, before its libraries are imported, and its end."""

import gc
import os
import runpy
import shutil
import signal
import subprocess
import sys
import threading

import pytest
import torch

from torchnet.cli import ahead, start
from torchnet.data import DataError, load, sources
from torchnet.runs import fast_exit

from ..conftest import ROOT

CONFIGS = ROOT / "configs"


def text(*arguments: object) -> str:
    return ahead.text_of_options(CONFIGS, [str(argument) for argument in arguments])


@pytest.fixture
def folder(mnist_place, tmp_path):
    """Return a folder with the test images of MNIST as training images, too."""
    place = tmp_path / "idx"
    place.mkdir()
    for path in mnist_place.rglob("t10k-*"):
        for split in ("t10k", "train"):
            shutil.copy(path, place / path.name.replace("t10k", split))
    return place


@pytest.fixture(autouse=True)
def nothing_is_read_ahead(monkeypatch):
    monkeypatch.setattr(sources, "_ahead", {})


class TestReadingAhead:
    @pytest.mark.parametrize(
        ("arguments", "source"),
        [
            ([], "mnist"),
            (["fit", "--data.source", "digits"], "digits"),
            (["--data.source=a/folder", "--data.order", "notebook"], "a/folder"),
            (["--config", CONFIGS / "digits.yaml"], "digits"),
            ([f"--config={CONFIGS / 'digits.yaml'}", "--data", "{source: mnist, batch_size: 7}"], "mnist"),
            (["--ckpt_path", "last"], "mnist"),
            (["--config", "missing.yaml"], "mnist"),
        ],
        ids=str,
    )
    def test_guesses_the_source(self, arguments, source, monkeypatch):
        asked = []
        monkeypatch.setattr(ahead, "read_ahead", asked.append)
        ahead.read_data(text(*arguments))
        assert asked == [source]

    def test_leaves_a_pipe_to_who_reads_the_configuration(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.yaml")
        assert text("--config", tmp_path / "pipe.yaml") == f"--config {tmp_path / 'pipe.yaml'}"

    def test_gives_the_data_that_load_reads(self, folder, monkeypatch):
        expected, read = load(str(folder)), []
        inner = sources.read_idx_folder
        monkeypatch.setattr(
            sources, "read_idx_folder", lambda path: (read.append(threading.current_thread()), inner(path))[1]
        )
        monkeypatch.setenv("TORCHNET_DATA", str(folder))
        ahead.read_data(text())
        data = load("mnist")
        assert data.train_inputs.tobytes() == expected.train_inputs.tobytes()
        assert data.test_targets.tolist() == expected.test_targets.tolist()
        assert len(read) == 1
        assert read[0] is not threading.main_thread()
        load("mnist")  # and what was taken is not kept
        assert read[1:] == [threading.main_thread()]

    def test_downloads_nothing(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TORCHNET_DATA", str(tmp_path / "missing"))
        monkeypatch.setattr("torchnet.data.mnist._download", pytest.fail)
        ahead.read_data(text())
        assert sources._ahead == {}

    def test_leaves_an_error_to_the_code_that_needs_the_data(self, folder, cli, capsys):
        path = folder / "t10k-labels-idx1-ubyte.gz"
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(DataError) as expected:
            load(str(folder))
        ahead.read_data(text("--data.source", folder))
        assert cli("--data.source", folder, "--model.lr", "high") == 2  # the wrong option comes first, as always
        assert "--model.lr" in capsys.readouterr().err
        assert len(sources._ahead) == 1
        assert cli("--data.source", folder) == 65
        assert capsys.readouterr() == ("", f"error: {expected.value}\n")

    def test_does_not_delay_ctrl_c(self, folder, cli, capsys, monkeypatch):
        is_over = threading.Event()
        monkeypatch.setattr(sources, "read_idx_folder", lambda path: is_over.wait(60))
        ahead.read_data(text("--data.source", folder))
        handler = signal.getsignal(signal.SIGINT)

        def press() -> None:
            while signal.getsignal(signal.SIGINT) is handler and not is_over.wait(0.3):
                pass
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=press)
        thread.start()
        try:
            assert cli("--data.source", folder) == 130
            assert not is_over.is_set()
            assert capsys.readouterr().err.startswith("interrupted")
        finally:
            is_over.set()
            thread.join()


class TestCuda:
    @pytest.fixture
    def started(self, monkeypatch):
        """Pretend that there is a GPU; return the devices on which something is made."""
        devices = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch, "zeros", lambda *shape, device: devices.append(device))
        for name in start._NUMBERS:
            monkeypatch.delenv(name, raising=False)
        return devices

    @pytest.mark.parametrize("arguments", [[], ["fit", "--model.lr", "0.1"], ["--config", CONFIGS / "fast.yaml"]])
    def test_is_started(self, arguments, started):
        ahead.start_cuda(text(*arguments), start._NUMBERS).join()
        assert started == ["cuda"]

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--trainer.accelerator", "cpu"],
            ["--trainer.devices", "[1]"],
            ["--config", CONFIGS / "notebook.yaml"],  # has accelerator: cpu
            ["test", "--ckpt_path", "last"],
            ["fit", "--help"],
            ["--print_config"],
        ],
        ids=str,
    )
    def test_is_not_started_if_the_run_may_not_need_it(self, arguments, started):
        assert ahead.start_cuda(text(*arguments), start._NUMBERS) is None
        assert started == []

    @pytest.mark.parametrize("name", ["LOCAL_RANK", "SLURM_PROCID"])
    def test_is_not_started_in_one_of_several_processes(self, name, started, monkeypatch):
        monkeypatch.setenv(name, "1")
        assert ahead.start_cuda(text(), start._NUMBERS) is None
        assert started == []

    def test_that_does_not_work_is_left_to_who_needs_it(self, started, monkeypatch, capfd):
        def fail(*shape: int, device: str) -> None:
            raise RuntimeError("CUDA error: out of memory")

        monkeypatch.setattr(torch, "zeros", fail)
        ahead.start_cuda(text(), start._NUMBERS).join()
        assert capfd.readouterr() == ("", "")

    def test_without_a_gpu_nothing_is_made(self, started, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        ahead.start_cuda(text(), start._NUMBERS).join()
        assert started == []


def test_while_libraries_are_imported_no_garbage_is_collected(monkeypatch):
    during = []
    monkeypatch.setattr(ahead, "read_data", lambda text: during.append(gc.isenabled()))
    monkeypatch.setattr(ahead, "start_cuda", lambda *_: during.append(gc.isenabled()))
    monkeypatch.delitem(sys.modules, "pytorch_lightning", raising=False)
    try:
        start._import(CONFIGS, [])
        assert during == [False, False]
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def run_program(lines: str, **options: object) -> subprocess.CompletedProcess:
    program = f"from torchnet.runs.fast_exit import exit_with\n{lines}"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "30000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "passive"}, None),  # a count would override it
    ],
    ids=str,
)
def test_how_idle_threads_wait_is_the_users_choice(given, expected, monkeypatch):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "")  # restored at the end
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    found = []
    monkeypatch.setattr(start, "main", lambda configs: found.append(os.environ.get("GOMP_SPINCOUNT")) or 0)
    monkeypatch.setattr(fast_exit, "exit_with", lambda run: run())
    runpy.run_path(str(ROOT / "train.py"), run_name="__main__")
    assert found == [expected]


class TestTheEnd:
    def test_waits_for_threads_runs_what_atexit_has_and_writes_what_was_printed(self):
        done = run_program(
            "import atexit, sys, threading, time\n"
            "def run():\n"
            "    atexit.register(print, 'atexit')\n"
            "    threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n"
            "    print('main'); print('error', end='', file=sys.stderr)\n"
            "    return 65\n"
            "exit_with(run)"
        )
        assert (done.returncode, done.stdout, done.stderr) == (65, "main\nthread\natexit\n", "error")

    def test_takes_no_object_apart(self):
        lines = "class Large:\n    def __del__(self): print('freed')\nkept = Large()\n"
        assert run_program(f"{lines}exit_with(lambda: 0)").stdout == ""
        assert run_program(lines).stdout == "freed\n"  # as Python does

    def test_is_that_of_python_if_a_tool_waits_for_it(self):
        program = (
            "import atexit\natexit.register(print, 'tool')\nfrom torchnet.runs.fast_exit import exit_with\n"
            "exit_with(lambda: 65)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (65, "tool\n")

    def test_of_an_error_is_that_of_python(self):
        done = run_program("def run(): raise RuntimeError('a fault')\nexit_with(run)")
        assert done.returncode == 1
        assert done.stderr.endswith("RuntimeError: a fault\n")

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
    def test_reports_what_cannot_be_written(self, monkeypatch):
        monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
        program = "from torchnet.runs.fast_exit import exit_with\nexit_with(lambda: print(1) or 0)"
        with open("/dev/full", "w") as full:
            done = subprocess.run([sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 120  # Python's code for it
        assert b"No space left on device" in done.stderr
