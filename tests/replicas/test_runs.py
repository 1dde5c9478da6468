"""`train.py` in several processes: the same training, logs and checkpoints as in one, and an orderly end of all."""

import csv
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from torchnet.storage import read_checkpoint

from .runs import ROOT, Run, same_bits, start, start_here, train, worst_difference

# Everything that looks at more than its own samples, or at the place of one: statistics, masks, places, norms, weights.
ALL = (
    f"--config={ROOT / 'configs' / 'digits.yaml'}",
    "--model.hidden_sizes=[24,24]",
    "--model.normalization=batch_norm",
    "--model.dropout=0.2",
    "--model.clip_norm=0.5",
    "--model.ema_decay=0.9",
    "--model.class_weights=[1,2,1,2,1,2,1,2,1,3]",
    "--model.label_smoothing=0.1",
    "--model.lr=0.1",
    "--data.validation_fraction=0.1",
    "--data.deformation.rotation=8",
    "--data.batch_size=52",  # 1,293 images: mini-batches that are even in two processes, and a last one of 45
    "--gradient_check.every_n_steps=40",
    "--together.check_every_n_steps=7",
    "--checkpoints.every_n_steps=10",
    "--checkpoints.keep=100",
)
EPOCHS = ("--trainer.max_epochs=4",)  # of 25 steps
LOST = "another process that trains this network has ended, or does not answer; to resume"


def rows_of(folder: Path) -> list[dict[str, str]]:
    (path,) = folder.glob("runs/*/*/metrics.csv")
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def alone(folder: Path) -> dict[str, Any]:
    code, checkpoints = start_here(folder / "alone", *ALL, *EPOCHS)
    assert code == 0
    return read_checkpoint(checkpoints[0])


@pytest.fixture(scope="module")
def together(folder: Path) -> dict[str, Any]:
    return train(folder / "together", *ALL, *EPOCHS, processes=2)


def test_processes_train_what_one_trains(alone: Any, together: Any, folder: Path) -> None:
    error, where = worst_difference(together, alone)
    assert error <= 1e-12, where
    assert together["global_step"] == alone["global_step"] == 100
    # one folder, written by one process, with the same rows
    rows, expected = rows_of(folder / "together"), rows_of(folder / "alone")
    assert [row.keys() for row in rows] == [row.keys() for row in expected]
    for row, wanted in zip(rows, expected, strict=True):
        for name, text in wanted.items():
            assert (row[name] == "") == (text == "")
            if text:
                assert float(row[name]) == pytest.approx(float(text), rel=1e-9, abs=1e-12), name


@pytest.mark.sweep
@pytest.mark.parametrize("who", ["first", "second"])
def test_process_that_is_killed_takes_the_other_down(
    who: str, folder: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    run = start(folder / who, *ALL, *EPOCHS, processes=2)
    run.first_weights()
    os.kill(run.command.pid if who == "first" else run.child(), signal.SIGKILL)
    code, _, err = run.end()  # of both: the pipes are open as long as one of them lives
    assert code == (-signal.SIGKILL if who == "first" else 75)
    assert err.startswith(f"error: {'process 1: ' if who == 'first' else ''}{LOST}")
    assert err.count("\n") == 1
    for checkpoint in run.checkpoints():
        read_checkpoint(checkpoint)
    if who == "first":
        resumed = train(folder / who, *EPOCHS, "--ckpt_path=last", processes=2)
        assert same_bits(resumed, request.getfixturevalue("together"))
    else:
        code, _ = resume_in_one_process(run)
        err = capsys.readouterr().err
        assert code == 66
        assert "environment, number of threads: expected 1, got '1 in each of 2 processes'" in err
        code, checkpoints = resume_in_one_process(run, "--allow-environment-change")
        assert code == 0
        error, where = worst_difference(read_checkpoint(checkpoints[0]), request.getfixturevalue("alone"))
        assert error <= 1e-12, where


def resume_in_one_process(run: Run, *options: str) -> tuple[int, list[Path]]:
    return start_here(run.folder, *EPOCHS, "--ckpt_path=last", *options)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        pytest.param(
            ("--trainer.callbacks=tests.replicas.odd.BitFlip", "--trainer.callbacks.step=9"),
            70,
            "step 14: 4.weight of process 1 differs from that of process 0: the replicas have drifted apart",
            id="drift",
            marks=pytest.mark.sweep,
        ),
        pytest.param(
            ("--model.lr=1e38", "--model.weight_decay=1e38"),
            70,
            " is Inf; earlier checkpoints",
            id="infinite numbers",
            marks=pytest.mark.sweep,
        ),
        pytest.param(
            ("--trainer.callbacks=tests.replicas.odd.EndInSetup",),
            75,
            "has ended, or does not answer; nothing is saved yet",
            id="an end before the start",
            marks=pytest.mark.sweep,
        ),
    ],
)
def test_one_process_says_what_ends_all(options: tuple[str, ...], code: int, message: str, folder: Path) -> None:
    found, _, err = start(folder / str(len(message)), *ALL, *EPOCHS, *options, processes=2).end()
    assert found == code
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGINT, "interrupted"), pytest.param(signal.SIGHUP, "terminal closed", marks=pytest.mark.sweep)],
)
def test_a_signal_reaches_all_and_one_answers(number: int, words: str, folder: Path) -> None:
    run = start(folder / words.replace(" ", "_"), *ALL, "--trainer.max_epochs=1000", processes=2)
    run.first_weights()
    os.killpg(run.command.pid, number)
    code, _, err = run.end()
    assert code == 128 + number
    assert err.startswith(f"{words}; to resume: --ckpt_path runs/digits/")
    assert err.count("\n") == 1


@pytest.mark.sweep
def test_a_stop_that_one_process_wants_stops_all(folder: Path) -> None:
    stopped = train(folder / "one", *ALL, *EPOCHS, "--trainer.callbacks=tests.replicas.odd.StopInOne", processes=2)
    assert stopped["global_step"] < 25


@pytest.mark.sweep
def test_ctrl_c_ends_a_process_that_waits_for_one_that_is_silent(folder: Path) -> None:
    run = start(folder / "silent", *ALL, "--trainer.max_epochs=1000", processes=2)
    run.first_weights()
    os.kill(run.child(), signal.SIGSTOP)
    time.sleep(1)
    run.command.send_signal(signal.SIGINT)
    code, _, err = run.end()
    assert code == 130
    assert err.startswith("interrupted; to resume: --ckpt_path runs/digits/")


@pytest.mark.sweep
def test_processes_with_other_options_are_refused(folder: Path) -> None:
    """They are started as torchrun does it, so that each can be given options of its own."""
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "1", "MASTER_PORT": free_port()}
    runs = [
        start(
            folder / f"rank{rank}",
            *ALL,
            f"--seed_everything={rank}",
            processes=2,
            environment=meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    ends = [run.end() for run in runs]
    assert [code for code, _, _ in ends] == [2, 2]
    assert "process 1 has a different configuration than process 0" in "".join(err for _, _, err in ends)
    assert not list((folder / "rank0").glob("runs/*/*")), "a run that cannot begin leaves a folder"


def test_processes_that_would_train_alone_are_refused(folder: Path) -> None:
    meeting = {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "TORCHELASTIC_RUN_ID": "1"}
    code, _, err = start(folder / "lone", *ALL, environment=meeting).end()
    assert code == 2
    assert err.startswith(
        "error: process 1: trainer.devices: torchrun has started 2 processes, but 1 would work together"
    )


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])
