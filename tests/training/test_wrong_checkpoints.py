"""Wrong checkpoints are refused, each by its name; and what may change between two runs is not."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from torchnet.cli.session import Session
from torchnet.runs.environment import environment
from torchnet.runs.folders import FoundCheckpoint
from torchnet.storage import CheckpointError, read_checkpoint, write_checkpoint
from torchnet.training import resume_checks

from .wrong_checkpoints import BY_HAND, RUNS, all_cases, by_rule, make_runs, misses, write_wrong

SPREAD = 6  # cases for which the whole command line is started; the module's command does it for all
SHARE = 12  # one case by rule of so many is asked about directly, 3 in the sweep


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_runs(tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("share", [SHARE, pytest.param(3, marks=pytest.mark.sweep)], ids="one of {}".format)
def test_each_edit_is_refused_by_its_name(run, share, made):
    asked = Session(["fit", f"--config={made[run].parent.parent / 'config.yaml'}", "--trainer.max_steps=45"])
    asked.check_checkpoint(FoundCheckpoint(made[run], read_checkpoint(made[run])))
    by_hand = [case for case in BY_HAND if case.run == run and not case.options]
    cases = by_hand + [*by_rule(run, read_checkpoint(made[run]))][::share]
    assert len(cases) >= {"plain": 200, "rich": 300}[run] * 3 // share
    missed = []
    for case in cases:
        path = write_wrong(case, made)
        try:
            asked.check_checkpoint(FoundCheckpoint(path, read_checkpoint(path)))
            missed.append(f"{case}: accepted")
        except CheckpointError as error:
            if not str(error).startswith(f"{path}: ") or not any(word in str(error) for word in case.words):
                missed.append(f"{case}: {error}")
    made[run].with_name("wrong.ckpt").unlink()
    assert not missed, f"{len(missed)} of {len(cases)}:\n" + "\n".join(missed)


def test_the_command_line_refuses_them_in_one_sentence_and_leaves_nothing_behind(made):
    cases = all_cases(made)
    assert len(cases) >= 1000
    chosen = [*cases[:: len(cases) // SPREAD], *[case for case in BY_HAND if case.options][::2]]
    missed = [f"{case}: {faults}" for case in chosen if (faults := misses(case, made))]
    assert not missed, f"{len(missed)} of {len(chosen)}:\n" + "\n".join(missed)


def resume(cli, made, run: str, *options: str) -> Path:
    """Go on from the checkpoint of a run, in a copy of its folder elsewhere; return the folder of the new run."""
    shutil.copytree(made[run].parents[3], "moved")
    (checkpoint,) = Path("moved").glob(f"{run}/*/checkpoints/step=40.ckpt")
    root = ("--trainer.default_root_dir=new", "--trainer.max_steps=45")
    assert cli(f"--ckpt_path={checkpoint}", *root, *options) == 0  # by the configuration of its run
    (folder,) = Path("new").glob("*/*")
    return folder


@pytest.mark.parametrize(
    ("run", "options"),
    [
        ("plain", ()),
        ("plain", ("--trainer.max_epochs=90",)),
        ("plain", ("--model.lr=1", "--model.weight_decay=0.01", "--data.block_size=1")),
        ("plain", ("--model.momentum=0",)),
        ("plain", ("--model.activation=relu", "--gradient_check.every_n_steps=0", "--trainer.logger=false")),
        ("plain", ("--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=train/loss")),
        ("rich", ("--model.optimizer.weight_decay=0", "--model.optimizer.foreach=true")),
        ("rich", ("--trainer.callbacks=null",)),
    ],
    ids=str,
)
def test_what_may_change_is_not_refused(run, options, cli, made, capsys):
    folder = resume(cli, made, run, *options)
    assert capsys.readouterr().err == ""
    assert read_checkpoint(folder / "checkpoints" / "step=45.ckpt")["global_step"] == 45


def test_a_moved_run_keeps_its_history_and_its_best(cli, made):
    folder = resume(cli, made, "rich", "--trainer.callbacks=null")
    old = made["rich"].parent
    kept = 1 + read_checkpoint(made["rich"])["torchnet"]["metrics_rows"]  # the names of the columns, and the rows
    rows, took_over = ((run / "metrics.csv").read_text().splitlines() for run in (old.parent, folder))
    assert kept > 5
    assert took_over[:kept] == rows[:kept]
    assert (folder / "checkpoints" / "best.ckpt").read_bytes() == (old / "best.ckpt").read_bytes()


def test_another_momentum_is_kept_on_from_none(cli):
    run = (*RUNS["plain"], "--model.momentum=0", "--model.lr=0.1")
    assert cli(*run) == 0
    (checkpoint,) = Path("runs").glob("*/*/checkpoints/step=40.ckpt")
    assert cli(f"--ckpt_path={checkpoint}", "--trainer.max_steps=45", "--model.momentum=0.9") == 0
    assert cli("--ckpt_path=last", "--trainer.max_steps=50") == 0


def test_early_stopping_in_float64_is_not_refused(cli):
    early = ("--data.validation_fraction=0.2", "--trainer.callbacks+=EarlyStopping")
    assert cli(*RUNS["plain"], *early, "--trainer.callbacks.monitor=val/loss", "--model.dtype=float64") == 0
    assert cli("--ckpt_path=last", "--trainer.max_steps=48") == 0


@pytest.mark.parametrize("name", ["processor", "torch", "number of threads", "device"])
def test_another_environment_is_allowed_on_request(name, cli, made, capsys, monkeypatch):
    def elsewhere(*where: Any) -> dict[str, str]:
        return environment(*where) | {name: "another"}

    monkeypatch.setattr(resume_checks, "environment", elsewhere)
    config = made["plain"].parent.parent / "config.yaml"
    again = (f"--ckpt_path={made['plain']}", "--trainer.max_steps=41", "--trainer.default_root_dir=new")
    assert cli(f"--config={config}", *again) == 66
    err = capsys.readouterr().err
    assert f"environment, {name}: expected another, got " in err
    assert "--allow-environment-change" in err
    Path("allows.yaml").write_text(yaml.safe_dump({"allow_environment_change": True}))
    for allowance in ("--allow-environment-change", "--allow_environment_change=true", "--config=allows.yaml"):
        assert cli(f"--config={config}", *again, allowance) == 0, allowance


@pytest.mark.parametrize("command", ["test", "validate", "predict"])
def test_an_evaluation_refuses_other_contents_too(command, cli, made, capsys):
    for key in read_checkpoint(made["rich"]):
        contents = read_checkpoint(made["rich"])
        del contents[key]
        write_checkpoint(Path("wrong.ckpt"), contents)
        config = made["rich"].parent.parent / "config.yaml"
        assert cli(command, f"--config={config}", "--ckpt_path=wrong.ckpt") == 66
        err = capsys.readouterr().err
        assert err.startswith(f"error: wrong.ckpt: contents: expected a checkpoint of a run, got one without {key}")
        assert err.count("\n") == 1


def test_a_log_that_is_shorter_than_it_was_is_said_and_no_obstacle(cli, made, capsys):
    shutil.copytree(made["plain"].parents[1], "short")
    log = Path("short/metrics.csv")
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:2]))
    again = ("--trainer.max_steps=41", "--trainer.default_root_dir=new")
    assert cli("--ckpt_path=short/checkpoints/step=40.ckpt", *again) == 0
    assert "the logs begin with 1 rows: expected 6 in" in capsys.readouterr().out
