"""What happens in everyday use: closed terminals, clocks that jump, runs that are killed at their end, full memory."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from torchnet.cli import session
from torchnet.commands import main as commands
from torchnet.runs import folders
from torchnet.runs.errors import UsageError
from torchnet.runs.folders import find_checkpoint, new_run_folder
from torchnet.storage import CheckpointError
from torchnet.training.callbacks.run_stats import RunStats
from torchnet.training.module import Classifier

from ..conftest import ROOT
from ..run_folders import DIGITS, last_of, newest, state

PROGRAM = [sys.executable, str(ROOT / "train.py"), DIGITS]


class TestClosedTerminal:
    @pytest.mark.parametrize("devices", [1, pytest.param(2, marks=pytest.mark.sweep)])
    def test_the_run_is_saved_and_resumed(self, devices, tmp_path):
        """Closing a terminal sends SIGHUP to all processes in it, and makes every write to it fail."""
        terminal, inside = pty.openpty()
        options = ["--trainer.max_epochs=100000", "--report=false", f"--trainer.devices={devices}"]
        process = subprocess.Popen(
            [*PROGRAM, *options, "--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu"],
            cwd=tmp_path,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(1), os.O_RDWR)),  # it becomes the terminal of the session
        )
        os.close(inside)
        printed = b""
        while b" 6/100000:" not in printed:
            printed += os.read(terminal, 1000)
        os.close(terminal)
        assert process.wait(timeout=120) == 129
        os.chdir(tmp_path)
        saved = last_of(next(Path("runs/digits").iterdir()))
        assert torch.load(saved, weights_only=True)["global_step"] >= 29

    def test_a_hangup_is_one_sentence(self, cli, capsys, monkeypatch):
        monkeypatch.setattr(Classifier, "training_step", lambda *args: signal.raise_signal(signal.SIGHUP))
        assert cli(DIGITS) == 129
        assert capsys.readouterr().err == "terminal closed; nothing is saved yet\n"
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


class TestLast:
    def make(self, name: str, steps: int = 1) -> Path:
        folder = Path("runs/a") / name / "checkpoints"
        folder.mkdir(parents=True)
        shutil.copy("made.ckpt", folder / f"step={steps}.ckpt")
        return folder / f"step={steps}.ckpt"

    @pytest.fixture(autouse=True)
    def checkpoint(self, cli):
        assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
        shutil.copy(newest(), "made.ckpt")
        shutil.rmtree("runs")

    def test_is_the_run_that_was_started_last_whatever_the_clock_says(self):
        ahead = self.make("2099-12-31_23-59-59.999Z").parent.parent
        local = self.make("2100-01-01_00-00-00.500").parent.parent  # as version 0.1.0 named it
        run = new_run_folder(Path("runs"), "a", ahead)
        assert run.name == "2100-01-01_00-00-00.501Z"
        assert new_run_folder(Path("runs"), "b").name == "2100-01-01_00-00-00.502Z"
        assert find_checkpoint("last", Path("runs"), "a").path.parent.parent == local  # the newest with a checkpoint

    def test_of_a_run_elsewhere_that_is_resumed_is_later(self):
        assert new_run_folder(Path("runs"), "a", Path("x/2099-01-01_00-00-00.000Z")).name == "2099-01-01_00-00-00.001Z"

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
    def test_does_not_depend_on_the_time_zone(self, zone, monkeypatch):
        first = new_run_folder(Path("runs"), "a")
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        second = new_run_folder(Path("elsewhere"), "a")
        monkeypatch.undo()
        time.tzset()
        names = [first.name, second.name, new_run_folder(Path("somewhere"), "a").name]
        assert names == sorted(names)

    def test_is_not_a_copy(self):
        run = self.make("2026-01-01_00-00-00.000Z")
        for copy in ("zzzz.bak", "2026-01-01_00-00-00.000Z.bak", "2026-01-01_00-00-00.000Z copy", "~"):
            self.make(copy, steps=99)
        assert find_checkpoint("last", Path("runs")).path == run
        shutil.rmtree(run.parent.parent)
        assert find_checkpoint("last", Path("runs")).path.name == "step=99.ckpt"  # better than none

    def test_is_looked_for_again_if_it_is_deleted_meanwhile(self, monkeypatch, capsys):
        self.make("2026-01-01_00-00-00.000Z", steps=1)
        read, calls = folders.read_checkpoint, []

        def read_while_pruning(path: Path):
            calls.append(path.name)
            if len(calls) <= 2:  # the run saves a newer one and deletes this one
                os.rename(path, path.with_name(f"step={int(path.stem[5:]) + 1}.ckpt"))
            return read(path)

        monkeypatch.setattr(folders, "read_checkpoint", read_while_pruning)
        assert find_checkpoint("last", Path("runs")).path.name == "step=3.ckpt"
        assert capsys.readouterr().err == ""

    def test_is_not_hidden_by_a_broken_link(self, capsys):
        path = self.make("2026-01-01_00-00-00.000Z")
        path.with_name("step=9.ckpt").symlink_to("nowhere")
        assert find_checkpoint("last", Path("runs")).path == path
        assert capsys.readouterr().err.startswith("skipped: ")

    def test_that_all_have_vanished_is_not_called_corrupt(self, monkeypatch):
        path = self.make("2026-01-01_00-00-00.000Z")

        def gone(path: Path):
            path.unlink(missing_ok=True)
            raise CheckpointError("no such file")

        monkeypatch.setattr(folders, "read_checkpoint", gone)
        with pytest.raises(CheckpointError, match="there is no checkpoint under"):
            find_checkpoint(str(path.parent.parent), Path("runs"))

    def test_is_read_once(self, cli, monkeypatch):
        assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
        read, calls = folders.read_checkpoint, []

        def read_and_delete(path: Path):
            calls.append(path)
            contents = read(path)
            path.unlink()  # as a run does that goes on
            return contents

        monkeypatch.setattr(folders, "read_checkpoint", read_and_delete)
        assert cli("--ckpt_path", "last", "--trainer.max_epochs", 2) == 0
        assert len(calls) == 1
        assert commands(["demo", "last"]) == 0
        assert len(calls) == 2

    @pytest.mark.parametrize("name", ["", "/etc", "../runs", "*a", "a/b", "[a]", "x" * 65])
    def test_of_a_name_that_no_run_can_have(self, name, cli, capsys):
        assert cli("--ckpt_path", "last", f"--name={name}") == 2
        assert capsys.readouterr().err.startswith("error: name: expected up to 64 letters")
        with pytest.raises(UsageError, match="name: expected up to 64 letters"):
            new_run_folder(Path("runs"), name)


class TestFinishedRun:
    """Whoever restarts a job until it succeeds comes to an end."""

    @pytest.fixture(autouse=True)
    def run(self, cli, capsys) -> Path:
        assert cli(DIGITS, "--trainer.max_epochs", 2) == 0
        capsys.readouterr()
        (run,) = Path("runs/digits").iterdir()
        return run

    def test_says_so_and_exits_with_0(self, run, cli, capsys):
        before = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
        assert cli("--ckpt_path", "last") == 0
        out, err = capsys.readouterr()
        assert out == f"finished: the run is at its end, after 58 steps; results in {run}\n"
        assert err == ""
        assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == before
        assert list(Path("runs/digits").iterdir()) == [run]

    @pytest.mark.parametrize("killed", ["before report.json", "before facts.json", "before report.html"])
    def test_gets_the_results_that_it_lacks(self, killed, run, cli, capsys):
        whole = json.loads((run / "report.json").read_text())
        if killed == "before report.json":
            (run / "report.json").unlink()
        if killed != "before report.html":
            (run / "facts.json").unlink()
        assert cli("--ckpt_path", "last", "--report=true") == 0
        assert "finished: " in capsys.readouterr().out
        assert json.loads((run / "report.json").read_text()) == whole
        assert "digits" in (run / "report.html").read_text()
        assert (run / "figures" / "loss.png").is_file()
        assert list(Path("runs/digits").iterdir()) == [run]

    @pytest.mark.parametrize("content", ["", "{", '{"accuracy": {}}'])
    def test_gets_a_report_in_place_of_one_that_is_damaged(self, content, run, cli):
        whole = (run / "report.json").read_bytes()
        (run / "report.json").write_text(content)
        assert cli("--ckpt_path", "last", "--report=true") == 0
        assert (run / "report.json").read_bytes() == whole

    def test_killed_while_it_wrote_its_page(self, cli, monkeypatch, capsys):
        write = session.write_page
        monkeypatch.setattr(session, "write_page", lambda *args: os.kill(os.getpid(), signal.SIGTERM))
        assert cli("--ckpt_path", "last", "--trainer.max_epochs", 4, "--report=true") == 143
        lines = capsys.readouterr().out.splitlines()  # the results are announced before the page is drawn
        assert any(line.startswith("test accuracy = ") for line in lines)
        assert lines[-1] == f"results in {max(Path('runs/digits').iterdir())}"
        monkeypatch.setattr(session, "write_page", write)
        for _ in range(2):
            assert cli("--ckpt_path", "last", "--report=true") == 0
        run = max(Path("runs/digits").iterdir())
        assert (run / "report.html").is_file()
        assert state(last_of(run))["steps"] == 4 * 29

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            (["--trainer.max_epochs=1"], "is after 2 epochs: expected more as --trainer.max_epochs"),
            (["--trainer.max_steps=58", "--model.lr=0.1"], "which had model.lr 0.3, not 0.1"),
            (["--model.hidden_sizes=[64,64]", "--model.lr=0.5"], "train longer with --trainer.max_epochs"),
            (["--trainer.max_steps=7"], "is after 58 steps: expected more as --trainer.max_steps"),
        ],
    )
    def test_is_refused_if_the_command_asks_for_something_else(self, asked, words, run, cli, capsys):
        assert cli("--ckpt_path", "last", *asked) == 2
        assert words in capsys.readouterr().err
        assert list(Path("runs/digits").iterdir()) == [run]

    def test_that_stopped_early_is_not_trained_again(self, cli, capsys):
        early = ("--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=train/loss")
        never = ("--trainer.callbacks.min_delta=1000", "--trainer.callbacks.patience=2")
        assert cli(DIGITS, *early, *never, "--trainer.callbacks.check_on_train_epoch_end=true") == 0
        run = max(Path("runs/digits").iterdir())
        before, report = state(last_of(run)), (run / "report.json").read_bytes()
        assert before["epoch"] == 3
        (run / "report.json").unlink()
        capsys.readouterr()
        assert cli("--ckpt_path", "last") == 0
        assert "finished: " in capsys.readouterr().out
        assert (run / "report.json").read_bytes() == report
        assert max(Path("runs/digits").iterdir()) == run
        assert cli("--ckpt_path", "last", *early, "--trainer.callbacks.patience=4", "--trainer.max_epochs=5") == 0
        assert state(newest())["epoch"] == 5

    def test_is_resumed_for_longer(self, cli):
        assert cli("--ckpt_path", "last", "--trainer.max_epochs", 3) == 0
        assert state(newest())["epoch"] == 3


@pytest.mark.parametrize("option", ["max_epochs", "max_steps", "limit_train_batches"])
def test_a_limit_of_zero_trains_nothing(option, cli, capsys):
    assert cli(DIGITS, f"--trainer.{option}", 0) == 0
    assert capsys.readouterr() == (f"nothing to train: --trainer.{option} is 0\n", "")
    assert not Path("runs").exists()
    assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    before = sorted(Path("runs").rglob("*"))
    capsys.readouterr()
    assert cli("--ckpt_path", "last", f"--trainer.{option}", 0) == 0
    assert capsys.readouterr() == (f"nothing to train: --trainer.{option} is 0\n", "")
    assert sorted(Path("runs").rglob("*")) == before


class TestMemory:
    @pytest.mark.parametrize(
        "options",
        [
            ["--model.hidden_sizes=[100000000000]"],
            ["--model.hidden_sizes=[4611686018427387904]"],
            ["--model.hidden_sizes=[999999999999999999999999]"],
            ["--model.network=convnet", "--model.hidden_sizes=null", "--model.widths=[1000000000]"],
        ],
    )
    def test_a_network_that_is_too_large_is_exit_code_71(self, options, cli, capsys):
        assert cli(DIGITS, *options) == 71
        err = capsys.readouterr().err
        assert err.startswith("error: out of memory (")
        assert "choose a smaller network (--model.hidden_sizes or --model.widths)" in err
        assert err.count("\n") == 1
        assert not Path("runs").exists()

    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has ..."),
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        ],
    )
    def test_that_is_full_in_the_middle_of_a_run_leaves_what_was_saved(self, error, cli, capsys, monkeypatch):
        step, calls = Classifier.training_step, []

        def fail(self, *args):
            calls.append(1)
            if len(calls) == 3:
                raise error
            return step(self, *args)

        monkeypatch.setattr(Classifier, "training_step", fail)
        assert cli(DIGITS, "--checkpoints.every_n_epochs=1") == 71
        err = capsys.readouterr().err
        assert err.startswith("error: out of memory (")
        assert err.count("\n") == 1
        assert state(newest())["steps"] == 29

    def test_a_block_larger_than_an_epoch_is_an_epoch(self, cli):
        assert cli(DIGITS, "--trainer.max_epochs", 2) == 0
        assert cli(DIGITS, "--trainer.max_epochs", 2, "--data.block_size", 2**63 - 1) == 0
        first, second = (state(last_of(run))["weights"] for run in sorted(Path("runs/digits").iterdir()))
        assert all(torch.equal(first[key], second[key]) for key in first)


class TestStreams:
    @pytest.mark.parametrize(
        ("command", "redirection", "reason"),
        [
            (" ".join(PROGRAM), ">&-", "stdout is closed"),
            (f"{sys.executable} -m torchnet report last", ">&-", "stdout is closed"),
            pytest.param(
                " ".join(PROGRAM),
                ">/dev/full",
                "stdout: cannot be written (No space left on device)",
                marks=pytest.mark.sweep,
            ),
        ],
    )
    def test_a_stdout_that_cannot_be_written_is_named(self, command, redirection, reason, tmp_path):
        done = subprocess.run(
            ["sh", "-c", f"{command} {redirection}"],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        assert done.returncode == 74
        assert done.stderr.startswith(f"error: {reason}: redirect it")
        assert done.stderr.count("\n") == 1

    @pytest.mark.sweep
    def test_a_reader_that_goes_away_does_not_cost_the_run(self, tmp_path):
        with subprocess.Popen(
            [*PROGRAM, "--trainer.max_epochs=100000", "--report=false"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            next(line for line in process.stdout if " 6/100000:" in line)
            process.stdout.close()
            err = process.stderr.read()
        assert process.returncode == 74
        assert err.startswith("error: stdout: cannot be written (Broken pipe)")
        assert err.count("\n") == 1
        os.chdir(tmp_path)
        assert state(newest())["steps"] >= 29

    def test_help_that_cannot_be_written_is_a_sentence(self, tmp_path):
        command = f"{sys.executable} {ROOT / 'train.py'} --help > /dev/full"
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, stderr=subprocess.PIPE, text=True, timeout=120)
        assert done.returncode == 74
        assert done.stderr.count("\n") == 1

    def test_ctrl_c_while_the_libraries_load_prints_nothing(self, tmp_path):
        with subprocess.Popen(PROGRAM, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            time.sleep(0.7)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=120)
        assert process.returncode in (-signal.SIGINT, 130)
        assert len(err.splitlines()) <= 1, err
        assert out == b"" or process.returncode == 130

    def test_a_path_that_is_no_text_is_named(self, cli, capsys):
        assert cli(DIGITS, "--trainer.default_root_dir", "runs\udcff") == 2
        assert "--trainer.default_root_dir: expected text in UTF-8" in capsys.readouterr().err


class TestUnexpectedError:
    def test_is_a_sentence_and_a_file_with_the_traceback(self, cli, capsys, monkeypatch):
        def fail(*args):
            raise KeyError("of\x1b[2J a fault\nin torchnet")

        monkeypatch.setattr(Classifier, "training_step", fail)
        assert cli(DIGITS) == 99
        err = capsys.readouterr().err
        assert err.startswith("error: unexpected KeyError (")
        assert err.count("\n") == 1
        assert "\x1b" not in err
        (path,) = re.findall(r"traceback is in (\S+)\n", err)
        assert "in fail" in Path(path).read_text()
        Path(path).unlink()

    @pytest.mark.parametrize("error", [KeyError("thing"), ValueError(), ZeroDivisionError("division by zero")])
    def test_before_the_first_step_is_not_blamed_on_the_options(self, error, cli, capsys, monkeypatch):
        def fail(*args):
            raise error

        monkeypatch.setattr(RunStats, "on_train_start", fail)
        assert cli(DIGITS) == 99
        err = capsys.readouterr().err
        assert err.startswith(f"error: unexpected {type(error).__name__} (")
        Path(re.findall(r"traceback is in (\S+)\n", err)[0]).unlink()
        assert list(Path("runs/digits").iterdir()) == []

    def test_of_the_other_command_line(self, cli, capsys, monkeypatch):
        monkeypatch.setattr(folders, "read_checkpoint", lambda path: 1 / 0)
        assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
        assert commands(["demo", "last"]) == 99
        (path,) = re.findall(r"traceback is in (\S+)\n", capsys.readouterr().err)
        Path(path).unlink()


@pytest.mark.parametrize(
    ("name", "value"),
    [("NODE_RANK", "x"), ("MASTER_PORT", "abc"), ("LOCAL_RANK", "-"), ("WORLD_SIZE", ""), ("MASTER_PORT", "99999999")],
)
def test_a_wrong_variable_of_the_environment_is_named(name, value, cli, capsys, monkeypatch):
    monkeypatch.setenv(name, value)
    assert cli(DIGITS, "--trainer.devices=2", "--trainer.accelerator=cpu") == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {name}: expected a ")
    assert repr(value) in err
