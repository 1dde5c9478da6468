"""The command line: what it does with good arguments, and the sentence and exit code that bad ones end in."""

import csv
import gzip
import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
import yaml

from torchnet.data import Block, load
from torchnet.data.formats.idx import FILES
from torchnet.engine.matmul_precision import unsupported
from torchnet.storage import write_checkpoint
from torchnet.training.module import Classifier

from ..conftest import ROOT
from ..run_folders import DIGITS, newest

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))
SCHEDULERS = "torch.optim.lr_scheduler"
ON_CPU = ("--trainer.accelerator=cpu",)  # what is refused there may be right on a GPU
PLAIN = ("--model.lr=1.0", "--model.momentum=0")  # digits.yaml has others, which are torchnet.SGD's
ADAMW = (*PLAIN, "--model.optimizer=torch.optim.AdamW")


def the_run(root: Path = Path("runs")) -> Path:
    (folder,) = root.glob("*/*")
    return folder


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_fit_leaves_everything_in_its_run_folder(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 6, "--loss_line.every_n_epochs", 5) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line for line in out.splitlines() if line.startswith("notebook loss ")]
    run = the_run()
    report = json.loads((run / "report.json").read_text())
    assert lines == [
        f"notebook loss after epoch {line['epoch']}: test = {line['test_loss']:.12g}, train = {line['train_loss']:.12g}"
        for line in report["losses"]
    ]
    assert [line["epoch"] for line in report["losses"]] == [1, 6]
    assert report["title"] == "digits"
    assert report["accuracy"].keys() == report["classification_report"].keys() == {"train", "test"}
    assert f"test accuracy = {report['accuracy']['test']:.6g}" in out
    assert "64-64-64-10 network, 8,970 weights, on " in out
    assert f"results in {run}" in out
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step=174.ckpt"]
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["model"]["lr"] == 0.3
    assert config["trainer"]["max_epochs"] == 6
    rows = read_csv(run / "metrics.csv")
    assert sum(row["train/loss"] != "" for row in rows) == 6
    logged = [row for row in rows if row["test/notebook_loss"]]
    assert [float(row["test/notebook_loss"]) for row in logged] == [line["test_loss"] for line in report["losses"]]


def test_tensorboard_logs_where_it_is_installed(cli, monkeypatch):
    assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    (events,) = Path("runs").glob("digits/*/events.out.tfevents.*")
    assert b"train/loss" in events.read_bytes()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    without = max(Path("runs").glob("digits/*"))
    assert (without / "metrics.csv").is_file()
    assert not list(without.glob("events.*"))


def test_a_validation_split_chooses_the_best_checkpoint(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 8, "--data.validation_fraction", 0.2, "--model.lr", 1.5) == 0
    run = the_run()
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "step=184.ckpt"}
    rows = [row for row in read_csv(run / "metrics.csv") if row["val/loss"]]
    losses = [float(row["val/loss"]) for row in rows]
    best = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    assert best["epoch"] == losses.index(min(losses)) + 1 != 8, "the run must have its best epoch before its last"
    report = json.loads((run / "report.json").read_text())
    assert list(report["accuracy"]) == ["train", "val", "test"]
    assert report["classification_report"]["val"]["support"]["macro avg"] == 288
    capsys.readouterr()
    assert cli("validate", "--ckpt_path", "best") == 0
    (printed,) = re.findall(r"val loss = (\S+)", capsys.readouterr().out)
    assert float(printed) == pytest.approx(min(losses), rel=1e-5)


def test_test_and_predict_start_from_a_checkpoint_and_its_configuration(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 3, "--model.hidden_sizes", "[17]") == 0
    report = json.loads((the_run() / "report.json").read_text())
    capsys.readouterr()
    assert cli("test", "--ckpt_path", "last") == 0  # 64-17-10 is known from the configuration of the run
    assert f"test accuracy = {report['accuracy']['test']:.6g}" in capsys.readouterr().out
    assert cli("predict", "--ckpt_path", "last") == 0
    rows = read_csv(the_run() / "predictions.csv")
    assert [int(row["image"]) for row in rows] == list(range(360))
    accuracy = np.mean([int(row["label"]) for row in rows] == load("digits").test_targets)  # in the order of the file
    assert accuracy == pytest.approx(report["accuracy"]["test"])
    assert all(sum(float(row[f"p{label}"]) for label in range(10)) == pytest.approx(1, abs=1e-5) for row in rows)


def test_predictions_of_a_checkpoint_outside_of_a_run_stand_beside_it(cli, tmp_path, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(newest(), "elsewhere/mine.ckpt")
    assert cli("predict", DIGITS, "--ckpt_path", "elsewhere/mine.ckpt") == 0
    assert Path("elsewhere/predictions.csv").is_file()
    capsys.readouterr()
    assert cli("test", "--ckpt_path", "elsewhere/mine.ckpt", "--data.source", "digits") == 0
    assert "config.yaml: using " in capsys.readouterr().out


def test_last_of_a_name_brings_the_configuration_of_that_name(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 1, "--name", "a", "--model.hidden_sizes", "[17]") == 0
    assert cli(DIGITS, "--trainer.max_epochs", 1, "--name", "b") == 0
    capsys.readouterr()
    assert cli("--ckpt_path", "last", "--name", "a", "--trainer.max_epochs", 2) == 0
    assert "64-17-10 network" in capsys.readouterr().out


def test_a_run_without_loggers_keeps_its_configuration(cli):
    for _ in range(2):
        assert cli(DIGITS, "--trainer.max_epochs", 1, "--trainer.logger", "false") == 0
    assert [path.name for path in Path("runs").iterdir()] == ["digits"]
    assert len(list(Path("runs").glob("digits/*/config.yaml"))) == 2
    assert not list(Path("runs").glob("digits/*/metrics.csv"))


def test_the_configuration_of_a_resumed_run_trains_from_the_start(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    assert cli("--ckpt_path", "last", "--trainer.max_epochs", 2) == 0
    config = max(Path("runs").glob("digits/*/config.yaml"))
    capsys.readouterr()
    assert cli("--config", config, "--trainer.max_epochs", 1) == 0
    assert "epoch 1/1:" in capsys.readouterr().out


def test_validate_without_a_validation_set_is_exit_code_2(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    assert cli("validate", "--ckpt_path", "last") == 2
    assert "set one aside with --data.validation_fraction" in capsys.readouterr().err


def test_the_command_line_counts_on_whichever_side_of_the_configuration(cli):
    assert cli("--model.lr", 0.125, DIGITS, "--name", "x", "--trainer.max_epochs", 1) == 0
    assert yaml.safe_load((the_run() / "config.yaml").read_text())["model"]["lr"] == 0.125
    assert the_run().parent.name == "x"


def test_a_small_configuration_of_ones_own_has_the_defaults_of_default_yaml(cli, capsys, tmp_path):
    (tmp_path / "my.yaml").write_text("name: mine\nmodel: {activation: relu}\n")
    assert cli("--config", "my.yaml", "--print_config") == 0
    mine = yaml.safe_load(capsys.readouterr().out)
    assert cli("--print_config") == 0
    default = yaml.safe_load(capsys.readouterr().out)
    changed = {"name": "mine", "model": default["model"] | {"activation": "relu"}}
    assert mine == default | changed | {
        "loss_line": {"every_n_epochs": None}
    }  # default.yaml prints the notebook's loss


def test_runs_of_one_second_do_not_meet(cli):
    for _ in range(3):
        assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    runs = sorted(Path("runs/digits").iterdir())
    assert len(runs) == 3
    assert all((run / "report.json").is_file() for run in runs)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_trains(config, cli, request):
    source = [] if config.stem == "digits" else ["--data.source", request.getfixturevalue("some_of_mnist")]
    products = [] if unsupported("bfloat16", torch.device("cpu")) is None else ["--model.matmul_dtype", "null"]
    assert cli("--config", config, *source, *products, "--trainer.fast_dev_run", "true") == 0


def test_default_configuration_says_what_the_code_says(cli, capsys):
    assert cli("--print_config") == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["model"]["hidden_sizes"] == [64, 64]
    assert printed["model"]["lr"] == 1.0
    assert (printed["data"]["batch_size"], printed["trainer"]["max_epochs"]) == (500, 40)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model.lr", "banana"], "--model.lr: Expected a float. Got value: banana"),
        (["--model.lr", "-1"], "lr: expected a number from 0 to the largest of float32, got -1.0"),
        (["--model.lr", "nan"], "--model.lr: Expected a float. Got value: nan"),
        (["--model.nesterov", "true", "--model.momentum", "0"], "nesterov: expected momentum > 0 and dampening 0"),
        (
            ["--model.activation", "sigmod"],
            "activation: expected one of sigmoid, tanh, relu, leaky_relu, elu, ",
        ),
        (["--model.initializer", "he"], "initializer: expected one of he_normal"),
        (
            ["--model.loss", "mse"],
            "loss: expected one of cross_entropy, one_vs_rest_cross_entropy, mean_squared_error, got 'mse'",
        ),
        (["--model.dtype", "float16"], "dtype: expected one of float32, float64, got 'float16'"),
        (["--model.hidden_sizes", "64"], "depth: expected a whole number from 1 up, got None"),
        (["--model.hidden_sizes", "[64, 0]"], "layer_sizes: expected at least two whole numbers from 1 up"),
        (["--data.batch_size", "0"], "batch_size: expected a whole number from 1 up, got 0"),
        (["--data.batch_size", "2.5"], "--data.batch_size: Expected a int. Got value: 2.5"),
        (["--data.order", "sorted"], "order: expected one of shuffled, notebook, got 'sorted'"),
        (["--data.order", "notebook", "--data.batch_size", "9999"], "batch_size: expected at most 1437"),
        (["--data.validation_fraction", "1"], "validation_fraction: expected a number from 0 to below 1, got 1.0"),
        (["--data.validation_fraction", "0.9999"], "validation_fraction 0.9999"),
        (["--loss_line.every_n_epochs", "0"], "every_n_epochs: expected a whole number from 1 up, got 0"),
        (["--seed_everything", "-1"], "--seed_everything"),
        (["--seed_everything", str(2**32)], "--seed_everything"),
        (["--model.lr", "1e300"], "lr: expected a number from 0 to the largest of float32, got 1e+300"),
        (["--trainer.max_time", '{"foo": 1}'], ""),
        ([*ON_CPU, "--trainer.devices", "-1"], ""),
        (["--trainer.accelerator", "tpu"], ""),
        (["--trainer.val_check_interval", "500", "--data.validation_fraction", "0.2"], "the Trainer cannot start: "),
        (["--trainer.max_epoch", "3"], "unrecognized arguments: --trainer.max_epoch 3"),
        (["--ckpt", "last"], "unrecognized arguments: --ckpt last"),
        (["--model.learning_rate", "1"], "unrecognized arguments: --model.learning_rate 1"),
        (["--name", "../elsewhere"], "name: expected up to 64 letters, digits, dots"),
        (["--trainer.precision", "16-mixed"], "trainer.precision: expected 32-true"),
        ([*ON_CPU, "--model.matmul_dtype", "tf32"], "matmul_dtype: tf32 needs an NVIDIA GPU from Ampere (2020) on"),
        (["--model.matmul_dtype", "int8"], "matmul_dtype: expected one of tf32, bfloat16, auto, None, got 'int8'"),
        (["--model.matmul_dtype", "bfloat16", "--model.dtype", "float64"], "matmul_dtype: expected None with dtype"),
        (
            [f"--model.scheduler={SCHEDULERS}.ReduceLROnPlateau"],
            "scheduler_interval: expected epoch for ReduceLROnPlateau",
        ),
        (
            [f"--model.scheduler={SCHEDULERS}.ReduceLROnPlateau", "--model.scheduler_interval=epoch"],
            "scheduler_monitor: expected a metric among train/loss, got val/loss: for val/loss and val/accuracy set "
            "--data.validation_fraction 0.1",
        ),
        (["--model.scheduler_interval", "batch"], "scheduler_interval: expected one of step, epoch, got 'batch'"),
        (["--model.scheduler", "torch.optim.lr_scheduler.Nonsense"], "Nonsense"),
        (
            ["--model.optimizer=torch.optim.AdamW"],
            "lr: expected 1.0 with another optimizer, got 0.3: it is an option of SGD; set it back (--model.lr 1.0)",
        ),
        ([*ADAMW, "--model.optimizer.lr=-1"], "Invalid learning rate"),
        ([*PLAIN, "--model.optimizer=torch.optim.LBFGS"], "LBFGS fails"),
        ([*PLAIN, "--model.optimizer=torch.optim.SparseAdam"], "SparseAdam fails"),
        (["--model.activation", "[relu,tanh,relu]"], "activation: expected one, or one for each of 2 hidden layers"),
        (["--model.dropout", "1.5"], "p: expected a probability from 0 to 1, got 1.5"),
        (["--model.normalization", "group_norm"], "normalization: expected one of batch_norm, layer_norm, rms_norm"),
        (["--model.label_smoothing", "1.5"], "label_smoothing: expected"),
        (["--model.label_smoothing", "0.1", "--model.loss", "mean_squared_error"], "only cross_entropy has it"),
        (["--model.class_weights", "[1,2]"], "expected weight of shape (10,), got (2,)"),
        (["--model.clip_norm", "0"], "clip_norm: expected a number above 0, got 0"),
        (["--model.clip_norm", "1", "--model.clip_value", "1"], "clip_norm and clip_value: expected one of them"),
        (["--model.ema_decay", "1"], "decay: expected a number from 0 up and below 1, got 1"),
        (["--data.deformation.rotation", "-3"], "rotation: expected degrees in [0, 180], got -3"),
        (
            ["--trainer.callbacks+=EarlyStopping", "--trainer.callbacks.monitor=val/los"],
            "EarlyStopping: expected a metric",
        ),
        (["--model.normalization=batch_norm", "--data.batch_size=1"], "batch_size: expected a size that leaves no"),
        (["--model.normalization=batch_norm", "--data.batch_size=359"], "batch_size: expected a size that leaves no"),
        (
            [
                "--trainer.callbacks+=EarlyStopping",
                "--trainer.callbacks.monitor=train/loss",
                "--trainer.check_val_every_n_epoch=2",
            ],
            "EarlyStopping: train/loss is known at the end of an epoch",
        ),
        (
            [*ON_CPU, "--trainer.devices", "2", "--trainer.strategy", "ddp_spawn"],
            "trainer.strategy: expected auto, got ddp_spawn: torchnet itself sums hand-written gradients",
        ),
        (["--trainer.gradient_clip_val", "1"], "trainer.gradient_clip_val: expected null, got 1"),
        (
            ["--trainer.overfit_batches", "0.2", "--data.validation_fraction", "0.2"],
            "trainer.overfit_batches: expected a number of mini-batches, got the fraction 0.2",
        ),
        (["--trainer.max_epochs", "-3"], "max_epochs"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--ckpt_path"], "argument --ckpt_path: expected one argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_sentence_and_exit_code_2(arguments, message, cli, capsys):
    assert cli(DIGITS, *arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not list(Path().glob("runs/*/*")), "a run that never began leaves no folder"


def test_bfloat16_is_refused_where_the_processor_has_no_instructions_for_it(cli, capsys, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert cli(DIGITS, *ON_CPU, "--model.matmul_dtype", "bfloat16") == 2
    err = capsys.readouterr().err
    assert err.startswith("error: matmul_dtype: bfloat16 needs a processor with AVX512-BF16 or an NVIDIA GPU")
    assert err.count("\n") == 1


def test_a_schedule_that_runs_out_says_what_to_do(cli, capsys):
    schedule = (
        "--model.scheduler.max_lr=1",
        "--model.scheduler.total_steps=40",
        "--model.scheduler.cycle_momentum=false",
    )
    assert cli(DIGITS, f"--model.scheduler={SCHEDULERS}.OneCycleLR", *schedule) == 2
    err = capsys.readouterr().err
    assert "The specified number of total steps is 40. Give it as many steps as the run has" in err
    assert err.count("\n") == 1
    assert newest().is_file()  # from before the block that was one step too long


@pytest.mark.parametrize("arguments", [["fti"], ["test"], ["predict", DIGITS], ["validate", DIGITS]], ids=str)
def test_a_command_that_cannot_be_is_exit_code_2(arguments, cli, capsys):
    assert cli(*arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("content", [b"model: {lr: [1", b"\xff\xfe\x00m", b"name:\n", b"trainer: 3", b"nonsense: 1"])
def test_a_damaged_configuration_is_exit_code_2(cli, capsys, tmp_path, content):
    (tmp_path / "bad.yaml").write_bytes(content)
    assert cli("--config", "bad.yaml") == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def truncated_mat(folder: Path) -> Path:
    scipy.io.savemat(folder / "mnist_all.mat", {"train0": np.zeros((50, 784), np.uint8)})
    os.truncate(folder / "mnist_all.mat", 5000)
    return folder / "mnist_all.mat"


def idx_with_a_lying_header(folder: Path) -> Path:
    for name in FILES.values():
        header = struct.pack(">4I", 0x803, 60000, 28, 28) if "images" in name else struct.pack(">2I", 0x801, 10)
        (folder / f"{name}.gz").write_bytes(gzip.compress(header + bytes(100)))
    return folder


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (truncated_mat, "mnist_all.mat: not a readable .mat file"),
        (idx_with_a_lying_header, "train-images-idx3-ubyte.gz: the header says 47040000 bytes"),
        (lambda folder: folder / "nowhere", "nowhere: no such file or folder"),
    ],
    ids=["mat", "idx", "missing"],
)
def test_bad_data_is_one_sentence_and_exit_code_65(make, message, cli, capsys, tmp_path):
    assert cli("--data.source", make(tmp_path)) == 65
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_bad_data_where_mnist_should_be_does_not_fall_back(cli, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHNET_DATA", str(truncated_mat(tmp_path)))
    assert cli() == 65
    assert capsys.readouterr().err.count("\n") == 1


@pytest.fixture
def no_mnist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data on disk, and a network on which nothing answers."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    monkeypatch.setenv("TORCHNET_DATA", str(tmp_path / "nothing"))


@pytest.mark.usefixtures("no_mnist")
def test_a_configuration_that_names_mnist_never_falls_back(cli, capsys):
    for arguments in ([f"--config={ROOT / 'configs' / 'notebook.yaml'}"], ["--data.source", "mnist"]):
        assert cli(*arguments) == 65
        err = capsys.readouterr().err
        assert "could not be downloaded (3 mirrors tried): put mnist_all.mat or the four IDX files there" in err
        assert err.count("\n") == 1


@pytest.mark.usefixtures("no_mnist")
def test_without_data_and_network_it_trains_on_digits_and_says_so(tmp_path):
    done = run_train_py(tmp_path)
    assert done.returncode == 0, done.stderr
    assert "NOTICE: THIS IS NOT MNIST" in done.stderr
    assert "set TORCHNET_DATA to their folder or file" in " ".join(done.stderr.split())
    report = json.loads((the_run(tmp_path / "runs") / "report.json").read_text())
    assert report["title"].startswith("NOT MNIST")
    assert report["title"] in done.stdout
    assert report["accuracy"]["test"] >= 0.95


def run_train_py(cwd: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "train.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.sweep), (signal.SIGTERM, 143)],
)
def test_a_signal_ends_the_run_in_one_sentence(number, code, tmp_path):
    command = [sys.executable, str(ROOT / "train.py"), DIGITS, "--trainer.max_epochs", "100000"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        next(line for line in process.stdout if " 6/100000:" in line)
        process.send_signal(number)
        _, err = process.communicate(timeout=600)
    assert process.returncode == code, err
    assert err.count("\n") == 1
    (checkpoint,) = re.findall(r"--ckpt_path (\S+)", err)
    assert torch.load(tmp_path / checkpoint, weights_only=True)["global_step"] >= 29


def interrupted(self: Classifier, block: Block, batch_idx: int) -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_before_the_first_step_ends_says_that_nothing_is_saved(cli, capsys, monkeypatch):
    monkeypatch.setattr(Classifier, "training_step", interrupted)
    assert cli(DIGITS) == 130
    assert capsys.readouterr().err == "interrupted; nothing is saved yet\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_in_a_resumed_run_points_at_what_it_was_resumed_from(cli, capsys, monkeypatch):
    assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
    checkpoint = newest()
    monkeypatch.setattr(Classifier, "training_step", interrupted)
    capsys.readouterr()
    assert cli("--ckpt_path", "last", "--trainer.max_epochs", 2) == 130
    assert capsys.readouterr().err.endswith(f"--ckpt_path {checkpoint}\n")


def test_numbers_that_overflow_end_in_exit_code_70(cli, capsys):
    assert cli(DIGITS, "--model.activation", "relu", "--model.lr", "1e30", "--trainer.max_epochs", 3) == 70
    err = capsys.readouterr().err
    assert "step " in err
    assert err.count("\n") == 1
    assert not list(Path().glob("runs/*/*/checkpoints/*"))


def test_weights_that_overflow_in_the_last_step_end_in_exit_code_70(cli, capsys):
    step = ("--data.batch_size", 2000, "--model.activation", "relu", "--model.lr", "1e38", "--trainer.max_epochs", 1)
    assert cli(DIGITS, *step, "--model.momentum", 0, "--loss_line.every_n_epochs", 1) == 70
    assert capsys.readouterr().err.count("\n") == 1
    assert not list(Path().glob("runs/*/*/checkpoints/*"))


def test_a_folder_that_cannot_be_written_ends_in_exit_code_74(cli, capsys):
    Path("runs").write_text("a file where the folder should be")
    assert cli(DIGITS) == 74
    assert capsys.readouterr().err.count("\n") == 1


EDITS = [
    (lambda checkpoint: checkpoint["state_dict"]["net.0.weight"].fill_(torch.nan), "net.0.weight is not finite"),
    (lambda checkpoint: checkpoint.update(state_dict=None), "contents, state_dict: expected dict, got None"),
    (
        lambda checkpoint: checkpoint["state_dict"].update({"net.0.bias": "x"}),
        "net.0.bias is str there and float32 (64,) here",
    ),
    (lambda checkpoint: checkpoint["state_dict"].update({5: torch.zeros(1)}), "belongs to another network: 5 is"),
    (
        lambda checkpoint: checkpoint["state_dict"].pop("net.0.bias"),
        "net.0.bias is missing there",
    ),
    (lambda checkpoint: checkpoint.pop("loops"), "expected a checkpoint of a run"),
    (lambda checkpoint: checkpoint.update(loops={}), "loops: expected a checkpoint of a run, got one without fit_loop"),
    (
        lambda checkpoint: checkpoint.update(optimizer_states=[{"state": {}, "param_groups": []}]),
        "optimizer, param_groups, length: expected 1, got 0",
    ),
    (lambda checkpoint: checkpoint.update(callbacks=3), "contents, callbacks: expected dict, got 3"),
]


class TestCheckpointThatCannotBeUsed:
    """Exit code 66, in a sentence; a run that was to be resumed from it leaves no folder."""

    def expect(self, cli, capsys, message: str, *arguments: object) -> None:
        runs = sorted(Path().glob("runs/*/*"))
        capsys.readouterr()
        assert cli(*arguments) == 66
        err = capsys.readouterr().err
        assert message in err
        assert err.count("\n") == 1
        assert sorted(Path().glob("runs/*/*")) == runs

    def test_missing(self, cli, capsys):
        self.expect(cli, capsys, "nowhere.ckpt: no such checkpoint", DIGITS, "--ckpt_path", "nowhere.ckpt")
        for which in ("last", "best"):
            for config in ([], [DIGITS]):
                message = f"{which}: there is no checkpoint under runs"
                self.expect(cli, capsys, message, *config, "--ckpt_path", which)

    @pytest.mark.parametrize("content", [b"", b"text", bytes(1000)])
    def test_no_checkpoint_at_all(self, cli, capsys, content):
        Path("x.ckpt").write_bytes(content)
        self.expect(
            cli, capsys, "x.ckpt: expected a checkpoint that ends with its SHA-256", DIGITS, "--ckpt_path", "x.ckpt"
        )

    def test_damaged_or_of_another_network(self, cli, capsys):
        assert cli(DIGITS, "--trainer.max_epochs", 1) == 0
        good = newest()
        shutil.copy(good, "cut.ckpt")
        os.truncate("cut.ckpt", good.stat().st_size // 2)
        self.expect(
            cli, capsys, "cut.ckpt: expected a checkpoint that ends with its SHA-256", DIGITS, "--ckpt_path", "cut.ckpt"
        )
        wider = (DIGITS, "--model.hidden_sizes", "[64, 32]", "--ckpt_path", good)
        self.expect(
            cli,
            capsys,
            "belongs to another network than the configuration describes: its widths are 64-64-64-10, but",
            *wider,
        )
        double = (DIGITS, "--model.dtype", "float64", "--ckpt_path", good)
        self.expect(cli, capsys, "net.0.weight is float32 (64, 64) there and float64 (64, 64) here", *double)
        content = bytearray(good.read_bytes())
        content[content.index(torch.load(good, weights_only=True)["state_dict"]["net.2.weight"].numpy().tobytes())] ^= 1
        Path("flipped.ckpt").write_bytes(content)
        self.expect(
            cli,
            capsys,
            "flipped.ckpt: expected a checkpoint with the SHA-256 that is stored at its end, got a corrupt one",
            DIGITS,
            "--ckpt_path",
            "flipped.ckpt",
        )
        for change, message in EDITS:
            checkpoint = torch.load(good, weights_only=True)
            change(checkpoint)
            write_checkpoint(Path("edited.ckpt"), checkpoint)
            self.expect(cli, capsys, message, DIGITS, "--ckpt_path", "edited.ckpt")
        write_checkpoint(Path("bare.ckpt"), {"state_dict": {}})
        self.expect(
            cli, capsys, "bare.ckpt: contents: expected a checkpoint of a run", DIGITS, "--ckpt_path", "bare.ckpt"
        )
