"""When a run is saved, which checkpoints are kept, and which one `last` is."""

import errno
import itertools
import os
import resource
import shutil
import time
from pathlib import Path

import pytest
import torch
from pytorch_lightning import Callback, Trainer

from torchnet.runs.errors import UNEXPECTED
from torchnet.runs.folders import step_checkpoints
from torchnet.storage import read_checkpoint, safe_files, write_checkpoint
from torchnet.training.callbacks import checkpoints

from ...run_folders import DIGITS, expect_same_bits, last_of, newest, state
from ...training.test_blocks import the_run

SHORT = (DIGITS, "--data.batch_size=100", "--trainer.max_epochs=3")  # of 15 steps
NEVER = "--checkpoints.every_n_seconds=null"


def saved(run: Path) -> list[int]:
    return [int(path.stem.removeprefix("step=")) for path in step_checkpoints(run / "checkpoints")]


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ([NEVER], [45]),
        ([NEVER, "--checkpoints.every_n_steps=20"], [45, 40]),
        ([NEVER, "--checkpoints.every_n_steps=20", "--checkpoints.keep=1"], [45]),
        ([NEVER, "--checkpoints.every_n_steps=15", "--checkpoints.keep=9"], [45, 30, 15]),
        ([NEVER, "--checkpoints.every_n_epochs=2", "--checkpoints.keep=9"], [45, 30]),
        (["--checkpoints.every_n_seconds=0", "--data.block_size=10", "--checkpoints.keep=9"], [45, 40, 30, 25, 15, 10]),
        ([], [45]),  # every 10 seconds
    ],
)
def test_a_run_is_saved_when_it_is_asked_to_be(options, steps, cli):
    assert cli(*SHORT, "--trainer.log_every_n_steps=1000", "--gradient_health.every_n_steps=0", *options) == 0
    assert saved(the_run()) == steps


def test_the_clock_counts_from_the_last_save(cli, monkeypatch):
    """A clock that goes on by a second a step; saved every 12 seconds, and by the number of steps at 20 and 40."""
    clock = iter(range(1000))
    monkeypatch.setattr(checkpoints, "time", type("", (), {"monotonic": lambda: next(clock)}))
    monkeypatch.setattr(checkpoints.Checkpoints, "_copy", _without_a_look_at_the_clock)
    options = ("--checkpoints.every_n_seconds=12", "--checkpoints.keep=99", "--data.block_size=1")
    assert cli(*SHORT, *options) == 0
    steps = saved(the_run())
    assert steps[0] == 45
    assert len(steps) > 3
    between = {later - earlier for later, earlier in itertools.pairwise(steps[1:])}
    assert len(between) == 1


_copy = checkpoints.Checkpoints._copy


def _without_a_look_at_the_clock(self: checkpoints.Checkpoints, trainer: Trainer) -> None:
    monotonic, checkpoints.time.monotonic = checkpoints.time.monotonic, lambda: 0.0
    _copy(self, trainer)
    checkpoints.time.monotonic = monotonic


@pytest.mark.parametrize("name", ["every_n_steps=0", "every_n_epochs=-1", "every_n_seconds=-0.5", "keep=0", "keep=x"])
def test_what_cannot_be_is_refused(name, cli, capsys):
    assert cli(*SHORT, f"--checkpoints.{name}") == 2
    err = capsys.readouterr().err
    assert name.split("=")[0] in err
    assert err.count("\n") == 1


def test_lightnings_own_checkpoints_are_refused(cli, capsys):
    assert cli(*SHORT, "--trainer.callbacks+=ModelCheckpoint") == 2
    assert "ModelCheckpoint saves before a step is complete" in capsys.readouterr().err


class Fails(Callback):
    def on_train_batch_end(self, trainer: Trainer, *args: object) -> None:
        if trainer.global_step == 31:
            raise RuntimeError("a callback has failed")


def test_an_error_leaves_the_newest_state_and_a_resume_from_it_is_exact(cli, monkeypatch, capsys):
    monkeypatch.setattr(checkpoints, "_COPY_SHARE", 1e9)  # copy before every block
    assert cli(*SHORT, NEVER) == 0
    straight = the_run()
    assert cli(*SHORT, NEVER, "--trainer.callbacks+=tests.training.callbacks.test_checkpoints.Fails") == UNEXPECTED
    assert "a callback has failed" in capsys.readouterr().err
    assert saved(the_run()) == [30]
    assert cli("--ckpt_path=last", "--trust-run", "--trainer.callbacks=null") == 0
    expect_same_bits(read_checkpoint(newest()), read_checkpoint(last_of(straight)))
    assert (the_run() / "metrics.csv").read_text() == (straight / "metrics.csv").read_text()


class TestLast:
    """`last` is the newest checkpoint that is whole."""

    @pytest.fixture(autouse=True)
    def runs(self, cli, capsys):
        assert cli(*SHORT, NEVER, "--checkpoints.every_n_steps=20", "--name=other") == 0
        time.sleep(0.002)
        assert cli(*SHORT, NEVER, "--checkpoints.every_n_steps=20") == 0
        assert cli("--ckpt_path=last", "--trainer.max_epochs=4") == 0
        capsys.readouterr()

    def damage(self, count: int) -> None:
        first, second = sorted(Path("runs/digits").iterdir())
        paths = [*step_checkpoints(second / "checkpoints"), *step_checkpoints(first / "checkpoints")]
        assert [path.stem for path in paths] == ["step=60", "step=45", "step=40"]
        for path in paths[:count]:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 4
            path.write_bytes(content)

    @pytest.mark.parametrize(("damaged", "steps"), [(0, 60), (1, 45), (2, 40)])
    def test_damaged_ones_are_passed_over_and_named(self, damaged, steps, cli, capsys):
        self.damage(damaged)
        assert cli("test", "--ckpt_path=last") == 0
        out, err = capsys.readouterr()
        assert f"step={steps}.ckpt, after {steps} steps" in out
        assert err.count("skipped: runs/digits/") == err.count("\n") == damaged

    def test_only_damaged_ones_are_an_error_and_no_fresh_start(self, cli, capsys):
        self.damage(3)
        before = sorted(Path("runs").glob("*/*"))
        for arguments in (["--ckpt_path=last"], ["test", "--ckpt_path=last"]):
            assert cli(*arguments) == 66
            err = capsys.readouterr().err
            assert err.count("skipped: ") == 3
            assert "error: last: expected a readable checkpoint" in err
        assert sorted(Path("runs").glob("*/*")) == before

    def test_a_named_one_that_is_damaged_is_an_error(self, cli, capsys):
        self.damage(1)
        assert cli("--ckpt_path", newest(), "--trainer.max_epochs=5") == 66
        assert capsys.readouterr().err.count("\n") == 1

    def test_half_written_and_foreign_files_are_not_looked_at(self, cli, capsys):
        folder = newest().parent
        (folder / ".step=99.ckpt.abc.part").write_bytes(newest().read_bytes())
        (folder / "step=x.ckpt").write_bytes(newest().read_bytes())
        (folder / "step=98.ckpt").mkdir()
        assert cli("test", "--ckpt_path=last") == 0
        out, err = capsys.readouterr()
        assert "after 60 steps" in out
        assert "step=98.ckpt" in err

    def test_a_moved_run_is_resumed_with_its_history_and_its_best(self, cli, tmp_path):
        validated = ("--data.validation_fraction=0.2", "--name=z", "--trainer.max_epochs=2")
        assert cli(*SHORT, *validated) == 0
        run = the_run()
        shutil.move("runs/z", tmp_path / "elsewhere")
        moved = tmp_path / "elsewhere" / run.name
        assert cli("--ckpt_path", last_of(moved), "--trainer.max_epochs=4") == 0
        history, rows = ((each / "metrics.csv").read_text().splitlines() for each in (moved, the_run()))
        assert rows[: len(history)] == history
        assert (the_run() / "checkpoints" / "best.ckpt").is_file()


class TestFullDisk:
    """Exit code 74 with the path and the cause; what was saved stays as it is, and nothing half-written is left."""

    @pytest.fixture
    def expect_74(self, cli, capsys):
        assert cli(*SHORT) == 0
        before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
        capsys.readouterr()

        def expect_74(cause: str, *options: str) -> None:
            assert cli("--ckpt_path=last", "--trainer.max_epochs=5", "--trainer.logger=false", *options) == 74
            err = capsys.readouterr().err
            assert err.count("\n") == 1
            assert f"{cause}: 'runs/" in err
            assert {path: path.read_bytes() for path in before} == before
            assert not list(Path("runs").rglob("*.part"))
            assert cli("test", "--ckpt_path=last") == 0

        return expect_74

    @pytest.mark.parametrize("size", [0, 1, 500, 4096, 20_000, 40_000, 65_536, 77_000])  # a checkpoint has 77 kB
    def test_files_may_have_so_many_bytes(self, size, expect_74, monkeypatch):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        write, limited = safe_files._write, []

        def write_within_limits(path: Path, content: bytes) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # for the run's own files alone
            try:
                write(path, content)
            except OSError:
                limited.append(path.name)
                raise
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

        with monkeypatch.context() as patch:
            patch.setattr(safe_files, "_write", write_within_limits)
            expect_74("File too large")
        assert limited

    @pytest.mark.parametrize(
        ("call", "cause"), [("fsync", errno.EIO), ("fsync", errno.ENOSPC), ("replace", errno.EROFS)]
    )
    def test_a_call_fails(self, call, cause, expect_74, monkeypatch):
        def fails(target: object, *others: object) -> None:
            name = os.readlink(f"/proc/self/fd/{target}") if isinstance(target, int) else str(target)
            if ".ckpt." in name:
                raise OSError(cause, os.strerror(cause))
            real(target, *others)

        real = getattr(os, call)
        monkeypatch.setattr(os, call, fails)
        expect_74(os.strerror(cause))

    def test_there_is_no_folder_to_write_into(self, expect_74, cli, capsys):
        Path("runs/blocked").write_text("a file where the folder of the runs should be")
        assert cli(*SHORT, "--name=blocked") == 74
        assert "runs/blocked" in capsys.readouterr().err


def test_a_run_that_cannot_be_resumed_leaves_everything_as_it_was(cli, capsys):
    assert cli(*SHORT, "--data.validation_fraction=0.2") == 0
    before = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    changed = read_checkpoint(newest())
    changed["state_dict"]["net.0.bias"] = torch.zeros(3)
    write_checkpoint(Path("changed.ckpt"), changed)
    for arguments in (["--data.batch_size=99", "--ckpt_path=last"], [DIGITS, "--ckpt_path=changed.ckpt"]):
        assert cli(*arguments, "--trainer.max_epochs=9") == 66
        assert capsys.readouterr().err.count("\n") == 1
    assert {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()} == before


class TestStopWithinAnEpoch:
    EARLY = (
        *(DIGITS, "--data.validation_fraction=0.2", "--trainer.val_check_interval=10", "--trainer.max_epochs=5"),
        *("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/loss"),
        *("--trainer.callbacks.min_delta=9", "--trainer.callbacks.patience=4"),
    )
    STOP = ("--trainer.callbacks+=tests.training.callbacks.stop_at.StopAt", "--trainer.callbacks.step=15")

    def test_a_validation_that_only_the_stop_caused_is_not_saved(self, cli):
        assert cli(*self.EARLY) == 0
        (whole,) = Path("runs/digits").iterdir()
        assert cli(*self.EARLY, *self.STOP, "--name=stopped") == 0
        assert state(newest())["steps"] == 15
        assert cli("--ckpt_path=last", "--name=stopped", "--trust-run") == 0
        resumed = max(Path("runs/stopped").iterdir())
        expect_same_bits(state(last_of(resumed)), state(last_of(whole)))
        assert (resumed / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
        best = [torch.load(run / "checkpoints" / "best.ckpt", weights_only=True) for run in (resumed, whole)]
        expect_same_bits(best[0]["callbacks"], best[1]["callbacks"])

    def test_an_early_stop_is_the_end_of_the_run(self, cli, capsys):
        assert cli(*self.EARLY, "--trainer.callbacks.patience=3") == 0
        (run,) = Path("runs/digits").iterdir()
        steps = state(last_of(run))["steps"]
        assert steps % 23 != 0, "the run must end within an epoch"
        capsys.readouterr()
        assert cli("--ckpt_path=last") == 0
        assert f"finished: the run is at its end, after {steps} steps" in capsys.readouterr().out

    def test_a_resumed_run_has_the_patience_that_is_asked_for(self, cli):
        assert cli(*self.EARLY, "--trainer.callbacks.patience=2") == 0
        first = state(newest())["steps"]
        assert cli("--ckpt_path=last", "--trainer.callbacks=EarlyStopping", *self.EARLY[5:]) == 0
        assert state(newest())["steps"] > first
        whole = ("--name=whole", *self.EARLY)
        assert cli(*whole) == 0
        expect_same_bits(state(last_of(max(Path("runs/digits").iterdir()))), state(newest()))


@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_a_schedule_that_does_not_count_its_steps_is_resumed(interval, cli):
    options = (
        *(DIGITS, "--model.scheduler=CosineAnnealingWarmRestarts", "--model.scheduler.T_0=9"),
        *(f"--model.scheduler_interval={interval}", "--trainer.max_epochs=3"),
    )
    assert cli(*options) == 0
    expected = state(newest())
    assert cli(*options, "--trainer.max_steps=37") == 0
    assert cli("--ckpt_path=last", "--trainer.max_steps=-1") == 0
    expect_same_bits(state(newest()), expected)
