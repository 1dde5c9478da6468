"""`python -m torchnet sweep`: the grid of options is trained, once, whatever interrupts it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from torchnet.commands import main
from torchnet.commands.sweep import split_at_commas
from torchnet.runs.config import read_config

from ..conftest import ROOT
from ..run_folders import DIGITS, expect_same_bits, last_of, state

EPOCH = (DIGITS, "--trainer.max_epochs=1", "--report=false")


def all_runs() -> list[Path]:
    return sorted(Path("runs").glob("*/*"), key=lambda run: run.name)


def options_of(run: Path) -> tuple[float, list[int]]:
    model = read_config(run / "config.yaml")["model"]
    return model["lr"], model["hidden_sizes"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0.1", ["0.1"]),
        ("0.03,0.1, 0.3", ["0.03", "0.1", "0.3"]),
        ("[64],[32, 32]", ["[64]", "[32, 32]"]),
        ("{a: [1,2], b: 3},null", ["{a: [1,2], b: 3}", "null"]),
        ("torch.optim.SGD,torch.optim.AdamW", ["torch.optim.SGD", "torch.optim.AdamW"]),
        ("[64,[32", ["[64,[32"]),
        ("", [""]),
        ("1,", ["1", ""]),
    ],
)
def test_commas_outside_of_brackets_separate_values(text, parts):
    assert split_at_commas(text) == parts


def test_the_grid_is_trained_and_compared(cli, capsys):
    for sizes in ("[64]", "[32,32]"):
        assert cli(DIGITS, "--trainer.max_epochs=1", "--model.lr=0.3", f"--model.hidden_sizes={sizes}") == 0
    by_hand = all_runs()
    capsys.readouterr()
    grid = ("--model.lr", "0.03,0.3", "--model.hidden_sizes=[64],[32,32]")
    assert main(["sweep", *grid[:1], "--jobs=2", *grid[1:], *EPOCH]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0] == "4 runs, 2 finished before"
    assert [line.split()[0] for line in lines[1:3]] == ["3/4", "4/4"]
    assert all(": test accuracy " in line for line in lines[1:3])
    runs = all_runs()
    wanted = [(lr, sizes) for lr in (0.03, 0.3) for sizes in ([64], [32, 32])]
    assert sorted(map(options_of, runs)) == sorted(wanted)
    assert runs[:2] == by_hand
    assert all((run / "report.json").is_file() for run in runs)
    rows = [line for line in lines[3:] if "hidden_sizes" in line]
    assert len(rows) == 4
    scores = [float(row.partition("%")[0].split()[-1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert ["(best)" in row for row in rows] == [score == scores[0] for score in scores]
    assert lines[-1] == "comparison in comparison.html"
    assert "4 runs" in Path("comparison.html").read_text()
    before = {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*")}
    assert main(["sweep", *grid, *EPOCH, "--report=true", "--output=again.html"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("4 runs, 4 finished before\n\n")
    assert {path: path.stat().st_mtime_ns for path in Path("runs").rglob("*")} == before
    assert Path("again.html").read_bytes() == Path("comparison.html").read_bytes()


@pytest.mark.sweep
def test_ctrl_c_saves_and_the_same_command_goes_on(cli, capsys):
    options = (DIGITS, "--report=false", "--checkpoints.every_n_seconds=null", "--trainer.max_epochs=150")
    assert cli(*options, "--model.momentum=0.9") == 0
    assert cli(*options, "--model.momentum=0.8", "--name=elsewhere") == 0
    finished, uninterrupted = all_runs()
    logs = set(Path("runs").glob("*/*/metrics.csv"))
    words = ["sweep", *options, "--model.momentum=0.8,0.9"]
    process = subprocess.Popen(
        [sys.executable, "-m", "torchnet", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120
    while not any(path.read_text().count("\n") > 20 for path in set(Path("runs").glob("*/*/metrics.csv")) - logs):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "2 runs, 1 finished before\n")
    assert err == "interrupted; to go on: give the same command again\n"
    *_, interrupted = all_runs()
    steps = state(last_of(interrupted))["steps"]
    assert 0 < steps < 150 * 29, "it was not stopped, or not saved"
    assert not (interrupted / "report.json").exists()
    capsys.readouterr()
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 runs, 1 finished before, 1 to go on from a checkpoint"
    assert lines[1].startswith("2/2  momentum 0.8: test accuracy ")
    *others, resumed = all_runs()
    assert others == [finished, uninterrupted, interrupted]
    assert f"--ckpt_path={interrupted}" in (resumed / "facts.json").read_text()
    expect_same_bits(state(last_of(resumed)), state(last_of(uninterrupted)))


@pytest.mark.sweep
def test_a_run_that_fails_does_not_stop_the_others(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs=1", "--model.lr=0.1") == 0
    capsys.readouterr()
    assert main(["sweep", *EPOCH, "--model.lr=1e37,0.1"]) == 70
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[1].startswith("2/2  lr 1.0e+37: failed: error: step ")
    assert [line.split()[:3] for line in lines if "%" in line] == [["lr", "0.1", "(best)"]]
    assert err == "1 of 2 runs failed\n"
    assert Path("comparison.html").is_file()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--model.lr", "1"], 2, "expected an option with several values, such as --model.lr 0.03,0.1,0.3"),
        ([], 2, "expected an option with several values"),
        (["--model.lr", "1,,2"], 2, "--model.lr: expected a value before and after each comma, got '1,,2'"),
        (["--model.lr=1,2", "--model.momentum"], 2, "--model.momentum: expected a value, or several with commas"),
        (["--model.lr", "--jobs=2"], 2, "--model.lr: expected a value, or several with commas between them"),
        (["digits", "--model.lr=1,2"], 2, "expected options of train.py, such as --model.lr 0.03,0.1, got 'digits'"),
        (["--model.lrr=1,2"], 2, "unrecognized arguments: --model.lrr=1: did you mean --model.lr?"),
        (["--model.lr=1,x"], 2, "--model.lr: Expected a float. Got value: x"),
        (["--model.lr=0.1,-1"], 2, "lr: expected a number from 0 to the largest of float32, got -1.0"),
        (["--model.activation=relu,gelux"], 2, "got 'gelux': did you mean gelu?"),
        (["--model.hidden_sizes=[64],[32"], 2, "--model.hidden_sizes: Expected a int or a list. Got value: [32"),
        (["--config=nowhere.yaml", "--model.lr=1,2"], 2, "nowhere.yaml: there is no such file"),
        (["--ckpt_path=last", "--model.lr=1,2"], 2, "--ckpt_path: a sweep starts its runs from the beginning"),
        (["--trainer.fast_dev_run=true", "--model.lr=1,2"], 2, "--trainer.fast_dev_run: a sweep compares the results"),
        (["--jobs=0", "--model.lr=1,2"], 2, "--jobs: expected a number from 1 up, got 0"),
        (["--output=page.png", "--model.lr=1,2"], 2, "page.png: expected a file name that ends with .html or .htm"),
        (
            [f"--seed_everything={','.join(map(str, range(1001)))}"],
            2,
            "expected a sweep of at most 1000 runs, got 1001",
        ),
        (["--data.source=digits,nowhere.npz"], 65, "nowhere.npz: no such file or folder"),
    ],
)
def test_wrong_usage_is_refused_before_anything_trains(words, code, message, capsys):
    config = [] if any(word.startswith("--config") for word in words) else [DIGITS]
    assert main(["sweep", *config, *words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not Path("runs").exists()
