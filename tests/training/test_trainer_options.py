"""Options of Lightning's Trainer: the table in docs/training.md has all of them, and each does what the table says."""

import csv
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer, callbacks

from torchnet.runs.errors import UsageError
from torchnet.training.data_module import DataModule
from torchnet.training.module import Classifier
from torchnet.training.trainer_options import NOTICES, REFUSED

from ..conftest import ROOT
from ..run_folders import DIGITS, expect_same_bits, last_of
from .test_blocks import the_run

SHORT = (DIGITS, "--trainer.max_epochs=2", "--data.validation_fraction=0.2")  # 23 steps an epoch
ROW = re.compile(r"^\| `(\w+)` \| (works|works, with a notice|refused) \|", re.MULTILINE)
STOPS = (  # nothing improves with a learning rate of nothing
    *("--trainer.callbacks=EarlyStopping", "--trainer.callbacks.monitor=val/loss", "--trainer.callbacks.patience=1"),
    *("--model.lr=1e-30", "--model.momentum=0", "--trainer.max_epochs=6"),
)
NO_CHANGE = {  # options that change neither a weight nor a step
    "accelerator": "cpu",
    "benchmark": "true",
    "check_val_every_n_epoch": "2",
    "default_root_dir": "elsewhere",
    "detect_anomaly": "true",
    "deterministic": "true",
    "devices": "1",
    "enable_autolog_hparams": "false",
    "enable_model_summary": "true",
    "enable_progress_bar": "true",
    "inference_mode": "false",
    "limit_predict_batches": "1",
    "limit_test_batches": "1",
    "limit_val_batches": "1",
    "log_every_n_steps": "5",
    "logger": "true",
    "max_time": "01:00:00:00",
    "min_epochs": "1",
    "min_steps": "1",
    "num_nodes": "1",
    "num_sanity_val_steps": "1",
    "profiler": "simple",
    "reload_dataloaders_every_n_epochs": "1",
    "sync_batchnorm": "true",
    "use_distributed_sampler": "false",
    "val_check_interval": "5",
}
CHANGE = {  # options that a test of their own is about
    *("barebones", "callbacks", "enable_checkpointing", "fast_dev_run", "limit_train_batches", "max_epochs"),
    *("max_steps", "overfit_batches"),
}
WRONG: dict[str, tuple[tuple[str, ...], str]] = {
    "accumulate_grad_batches": (("2",), "--data.batch_size"),
    "gradient_clip_algorithm": (("norm", "value"), "--model.clip_norm or --model.clip_value"),
    "gradient_clip_val": (("1.0", "0"), "--model.clip_norm or --model.clip_value"),
    "model_registry": (("mine",), "leave it out"),
    "plugins": (("MixedPrecision", "AsyncCheckpointIO", "TorchSyncBatchNorm"), "leave it out"),
    "precision": (("16-mixed", "bf16-true", "64", "transformer-engine"), "--model.dtype and --model.matmul_dtype"),
    "strategy": (("fsdp", "ddp_spawn", "deepspeed"), "leave it out"),
}


def table(heading: str) -> dict[str, str]:
    """The rows below a heading of docs/training.md: a name and its status."""
    text = (ROOT / "docs" / "training.md").read_text()
    (_, below) = re.split(rf"^#+ {heading}$", text, flags=re.MULTILINE)
    return dict(ROW.findall(re.split(r"^#", below, flags=re.MULTILINE)[0]))


def rows(run: Path, name: str) -> list[dict[str, str]]:
    """The rows of metrics.csv that have a metric."""
    with (run / "metrics.csv").open() as file:
        return [row for row in csv.DictReader(file) if row.get(name)]


def result(run: Path) -> dict[str, Any]:
    checkpoint = torch.load(last_of(run), weights_only=True)
    return {key: checkpoint[key] for key in ("state_dict", "optimizer_states", "global_step", "epoch")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of a run with none of the options."""
    with pytest.MonkeyPatch.context() as patch:
        from ..conftest import main

        patch.chdir(tmp_path_factory.mktemp("plain"))
        assert main(ROOT / "configs", [*SHORT, "--report=false"]) == 0
        return result(the_run())


@pytest.fixture
def no_side_effects():
    """Set what some options change in the whole process back."""
    yield
    torch.use_deterministic_algorithms(False)
    torch.autograd.set_detect_anomaly(False)
    torch.backends.cudnn.benchmark = False


class TestTables:
    def test_every_option_is_in_the_table(self):
        expected = set(inspect.signature(Trainer.__init__).parameters) - {"self"}
        found = table("Options of the Trainer")
        assert found.keys() == expected
        assert {name for name, status in found.items() if status == "refused"} == {*REFUSED, "strategy", "plugins"}
        assert {name for name, status in found.items() if status == "works, with a notice"} == {*NOTICES}
        assert {name for name, status in found.items() if status == "refused"} == {*WRONG}
        assert {name for name, status in found.items() if status != "refused"} == {*NO_CHANGE} | CHANGE

    def test_every_hook_is_in_the_table(self):
        assert table("Hooks of callbacks").keys() == {name for name in dir(Callback) if not name.startswith("_")}

    def test_every_callback_of_lightning_is_in_the_table(self):
        assert table("Callbacks of Lightning").keys() == {*callbacks.__all__}


@pytest.mark.parametrize("name", WRONG)
def test_refused(name, cli, capsys):
    values, way_out = WRONG[name]
    for value in values:
        more = ("--trainer.plugins.precision=16-mixed", "--trainer.plugins.device=cpu")
        arguments = (f"--trainer.{name}={value}", *(more if value == "MixedPrecision" else ()))
        assert cli(DIGITS, *arguments) == 2, value
        error = capsys.readouterr().err
        assert f"trainer.{name}: expected " in error
        assert way_out in error
        assert error.count("\n") == 1
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("accelerator=tpu",), "trainer.accelerator: expected auto, cpu, gpu, cuda, mps, got tpu"),
        (("profiler=xla",), "trainer.profiler: expected simple, advanced, pytorch, got xla"),
        (("min_epochs=5", "max_epochs=4"), "trainer.min_epochs: expected at most max_epochs, 4, got 5"),
        (("min_steps=5", "max_steps=4"), "trainer.min_steps: expected at most max_steps, 4, got 5"),
        (("callbacks=Timer", "callbacks.duration=soon"), "Timer(duration='soon')` is not a valid duration"),
        (("max_time=soon",), "Timer(duration='soon')` is not a valid duration"),
        (("overfit_batches=-1",), "invalid value -1 for overfit_batches"),
        (("logger=MLFlowLogger",), "Requirement 'mlflow"),
    ],
)
def test_values_that_do_not_work(options, expected, cli, capsys):
    assert cli(DIGITS, *(f"--trainer.{option}" for option in options)) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1
    assert len(error) < 300


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"accumulate_grad_batches": 2}, "accumulate_grad_batches"),
        ({"gradient_clip_val": 1.0}, "gradient_clip_val"),
        ({"precision": "bf16-mixed"}, "precision"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_refused_of_a_trainer_that_the_command_line_did_not_make(options, name, tmp_path):
    trainer = Trainer(logger=False, enable_checkpointing=False, default_root_dir=tmp_path, **options)
    with pytest.raises(UsageError, match=rf"trainer\.{name}: expected"):
        trainer.fit(Classifier(64, 10, hidden_sizes=[8]), DataModule("digits"))


@pytest.mark.parametrize("name", NO_CHANGE)
def test_the_option_changes_no_bit_of_the_run(name, plain, cli, capsys, no_side_effects):
    assert cli(*SHORT, f"--trainer.{name}={NO_CHANGE[name]}") == 0
    shown = capsys.readouterr()
    root = Path("elsewhere" if name == "default_root_dir" else "runs")
    expect_same_bits(result(max(root.glob("*/*"))), plain)
    assert (f"trainer.{name}: " in shown.out) == (name in NOTICES)
    assert shown.err == ""


@pytest.mark.parametrize("name", ["deterministic", "num_sanity_val_steps", "reload_dataloaders_every_n_epochs"])
def test_the_option_changes_no_bit_of_a_resumed_run(name, plain, cli, no_side_effects):
    assert cli(*SHORT, f"--trainer.{name}={NO_CHANGE[name]}", "--checkpoints.every_n_steps=10") == 0
    run = the_run()
    assert cli(f"--ckpt_path={run}/checkpoints/step=40.ckpt") == 0
    expect_same_bits(result(the_run()), plain)
    assert (the_run() / "metrics.csv").read_text() == (run / "metrics.csv").read_text()


def test_nobody_is_told_about_defaults(cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs=1") == 0
    assert "trainer." not in capsys.readouterr().out


@pytest.mark.parametrize(("epochs", "steps", "expected"), [(3, -1, 69), (3, 40, 40), (-1, 5, 5)])
def test_the_end_of_a_run(epochs, steps, expected, cli):
    assert cli(*SHORT, f"--trainer.max_epochs={epochs}", f"--trainer.max_steps={steps}") == 0
    assert result(the_run())["global_step"] == expected


@pytest.mark.parametrize(("least", "steps"), [("min_epochs=4", 92), ("min_steps=50", 50), ("min_steps=70", 70)])
def test_a_run_stops_early_but_not_before_its_least(least, steps, cli):
    """Lightning logs every step from the moment that somebody asked to stop."""
    texts = []
    for size in (1, 100):
        assert cli(*SHORT, *STOPS, f"--trainer.{least}", f"--data.block_size={size}") == 0
        assert result(the_run())["global_step"] == steps
        texts.append((the_run() / "metrics.csv").read_text())
    assert texts[0] == texts[1]


def test_max_time_ends_a_run_and_counts_on_in_a_resumed_one(cli, capsys):
    options = (*SHORT, "--loss_line.every_n_epochs=100000", "--trainer.max_epochs=100000")
    assert cli(*options, "--trainer.max_time=00:00:00:01") == 0
    assert "Time limit reached. Elapsed time is 0:00:01" in capsys.readouterr().out
    steps = result(the_run())["global_step"]
    assert steps < 23 * 100000
    run = the_run()
    assert cli("--ckpt_path", run) == 0
    assert "Time limit reached" in capsys.readouterr().out
    assert cli("--ckpt_path", run, "--trainer.max_time=01:00:00:00", f"--trainer.max_steps={steps + 1}") == 0
    assert result(the_run())["global_step"] == steps + 1


class TestLimits:
    def test_training_batches(self, cli):
        assert cli(*SHORT, "--trainer.limit_train_batches=5") == 0
        assert result(the_run())["global_step"] == 10
        assert cli(*SHORT, "--trainer.limit_train_batches=0.5") == 0
        assert result(the_run())["global_step"] == 22

    def test_a_run_resumes_where_a_shortened_epoch_ends(self, cli):
        options = ("--trainer.limit_train_batches=5", "--trainer.max_epochs=3", "--checkpoints.every_n_steps=5")
        assert cli(*SHORT, *options, "--checkpoints.keep=9") == 0
        run = the_run()
        assert cli(f"--ckpt_path={run}/checkpoints/step=5.ckpt") == 0
        expect_same_bits(result(the_run()), result(run))

    def test_no_training_batch(self, cli, capsys):
        assert cli(*SHORT, "--trainer.limit_train_batches=0") == 0
        assert "nothing to train" in capsys.readouterr().out

    def test_no_validation_batch(self, cli):
        assert cli(*SHORT, "--trainer.limit_val_batches=0") == 0
        assert not rows(the_run(), "val/loss")

    def test_test_and_predict_batches(self, cli, capsys):
        assert cli(*SHORT) == 0
        assert cli("test", "--ckpt_path=last", "--trainer.limit_test_batches=1") == 0
        assert "trainer.limit_test_batches: " in capsys.readouterr().out
        assert cli("predict", "--ckpt_path=last", "--trainer.limit_predict_batches=1") == 0
        assert "360 predictions" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("options", "steps"),
        [
            (("val_check_interval=5",), [4, 9, 14, 19, 27, 32, 37, 42]),
            (("val_check_interval=0.5",), [10, 21, 33, 44]),
            (("check_val_every_n_epoch=2",), [45]),
            (("check_val_every_n_epoch=null", "val_check_interval=20"), [19, 39]),
            (("val_check_interval=01:00:00:00",), []),
        ],
    )
    def test_when_validations_are_due(self, options, steps, cli):
        assert cli(*SHORT, *(f"--trainer.{option}" for option in options)) == 0
        assert [int(row["step"]) for row in rows(the_run(), "val/loss")] == steps

    def test_the_time_between_validations(self, cli):
        often = ("--trainer.val_check_interval=00:00:00:00", "--data.block_size=10")
        assert cli(*SHORT, *often, "--gradient_health.every_n_steps=0") == 0
        assert len(rows(the_run(), "val/loss")) == 6  # after each block: 10, 20, 23, 33, 43, 46


class Seen(Callback):
    """Keep the samples of each step."""

    samples: list[list[int]] = []  # noqa: RUF012 - the command line makes the instance

    def on_train_batch_start(self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        self.samples.append(batch.indices.tolist())


class TestOverfitBatches:
    def test_it_is_one_fixed_part(self, cli, monkeypatch):
        monkeypatch.setattr(Seen, "samples", [])
        seen = f"--trainer.callbacks={__name__}.Seen"
        assert cli(*SHORT, seen, "--trainer.overfit_batches=3", "--trainer.max_epochs=3") == 0
        assert len(Seen.samples) == 9
        assert Seen.samples[:3] == Seen.samples[3:6] == Seen.samples[6:]
        assert len(set(map(tuple, Seen.samples))) == 3
        fixed = Seen.samples[:3]
        Seen.samples.clear()
        assert cli(*SHORT, seen, "--trainer.max_epochs=1") == 0
        assert Seen.samples[:3] == fixed  # of epoch 0

    def test_the_network_learns_it_by_heart(self, cli):
        assert cli(*SHORT, "--trainer.overfit_batches=1", "--trainer.max_epochs=60", "--evaluate=last") == 0
        assert float(rows(the_run(), "train/loss")[-1]["train/loss"]) < 0.2
        assert json.loads((the_run() / "report.json").read_text())["accuracy"]["test"] < 0.8

    def test_a_run_resumes_with_the_same_part_only(self, cli, capsys):
        options = ("--trainer.overfit_batches=3", "--trainer.max_epochs=4")
        assert cli(*SHORT, *options, "--checkpoints.every_n_steps=1", "--checkpoints.keep=99") == 0
        run = the_run()
        for step in (3, 5):
            assert cli(f"--ckpt_path={run}/checkpoints/step={step}.ckpt") == 0
            expect_same_bits(result(the_run()), result(run))
        for other in ("0", "2", "0.5"):
            limit = "--trainer.limit_train_batches=3"  # which alone would fit
            assert cli(f"--ckpt_path={run}/checkpoints/step=5.ckpt", limit, f"--trainer.overfit_batches={other}") == 66
            assert f"trainer.overfit_batches: expected {other}, got 3: the run could not" in capsys.readouterr().err
        assert cli(*SHORT, "--trainer.limit_train_batches=3", "--trainer.max_epochs=4") == 0
        assert cli("--ckpt_path=last", "--trainer.overfit_batches=3", "--trainer.max_epochs=9") == 66
        assert "trainer.overfit_batches: expected 3, got 0" in capsys.readouterr().err


def test_the_sanity_check_is_no_validation(cli):
    assert cli(*SHORT) == 0
    run = the_run()
    assert cli(*SHORT, "--trainer.num_sanity_val_steps=-1") == 0
    for name in ("metrics.csv", "checkpoints/best.ckpt"):
        assert (the_run() / name).stat().st_size == (run / name).stat().st_size
    assert (the_run() / "metrics.csv").read_text() == (run / "metrics.csv").read_text()
    # Of weights that do not change, the first validation is the best, and comes after the first epoch.
    assert cli(*SHORT, *STOPS, "--trainer.num_sanity_val_steps=-1") == 0
    assert torch.load(the_run() / "checkpoints" / "best.ckpt", weights_only=True)["global_step"] == 23


class TestWithoutResults:
    def test_fast_dev_run_writes_nothing(self, cli):
        assert cli(*SHORT, "--trainer.fast_dev_run=true") == 0
        assert cli(*SHORT, "--trainer.fast_dev_run=3") == 0
        assert not Path("runs").exists()

    def test_no_checkpoint(self, cli):
        assert cli(*SHORT, "--trainer.enable_checkpointing=false") == 0
        assert not [*the_run().rglob("*.ckpt")]
        assert (the_run() / "report.json").is_file()

    def test_no_logger(self, cli):
        assert cli(*SHORT, "--trainer.logger=false") == 0
        assert not (the_run() / "metrics.csv").exists()
        assert last_of(the_run())

    def test_barebones(self, cli, capsys):
        assert cli(*SHORT, "--trainer.barebones=true") == 0
        assert "trainer.barebones: " in capsys.readouterr().out
        assert {path.name for path in the_run().iterdir()} == {"config.yaml", "facts.json", "report.json"}
        assert cli(*SHORT, *STOPS, "--trainer.barebones=true") == 2
        assert "EarlyStopping needs metrics" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("profiler=simple", "run_training_batch"),
        ("profiler=advanced", "function calls in"),
        ("enable_model_summary=true", "9.0 K"),
        ("max_time=01:00:00:00 callbacks=Timer", "Ignoring `Trainer(max_time=...)`"),
        ("callbacks=EarlyStopping callbacks.monitor=val/loss callbacks.verbose=true", "Metric val/loss improved"),
        ("callbacks=ModelSummary", "9.0 K     Total params"),
        ("callbacks=RichModelSummary", "Total params: 9.0 K"),
    ],
)
def test_what_an_option_asks_for_is_printed(option, expected, cli, capsys):
    assert cli(*SHORT, *(f"--trainer.{each}" for each in option.split())) == 0
    assert expected in capsys.readouterr().out


def test_sizes_that_no_memory_holds(plain, cli, capsys):
    """A block is at most an epoch, and a mini-batch at most all images."""
    assert cli(*SHORT, f"--data.block_size={2**63 - 1}") == 0
    expect_same_bits(result(the_run()), plain)
    assert cli(*SHORT, f"--data.batch_size={2**63 - 1}") == 0
    assert result(the_run())["global_step"] == 2
    run = the_run()
    assert cli("--ckpt_path", run, "--trainer.max_epochs=3") == 0
    assert cli(*SHORT, "--model.hidden_sizes=4", "--model.depth=100000000") == 2
    assert "depth: expected at most 10,000 layers, got 100,000,000" in capsys.readouterr().err


def test_a_checkpoint_is_loaded_by_another_function(tmp_path):
    with pytest.raises(UsageError, match=r"use torchnet\.load\(path\)"):
        Classifier.load_from_checkpoint(tmp_path / "step=1.ckpt")
