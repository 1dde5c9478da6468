"""Callbacks of users and of Lightning: each hook is called when Lightning documents it, with the documented values."""

import csv
import inspect
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
import pytorch_lightning
import torch
from pytorch_lightning import Callback, LightningModule, Trainer, callbacks
from pytorch_lightning.callbacks import BasePredictionWriter, StochasticWeightAveraging, ThroughputMonitor
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor, nn

from torchnet.runs.errors import UsageError
from torchnet.training.callbacks.checkpoints import Checkpoints
from torchnet.training.callbacks.known_classes import CALLBACKS, LOGGERS
from torchnet.training.callbacks.user_callbacks import INNER_HOOKS, STEP_HOOKS
from torchnet.training.data_module import DataModule
from torchnet.training.module import Classifier

from ...run_folders import DIGITS, expect_same_bits, last_of
from ..test_blocks import the_run
from ..test_trainer_options import result, rows, table

SHORT = (DIGITS, "--trainer.max_epochs=2", "--data.validation_fraction=0.2")  # 23 steps an epoch
CYCLE = (
    "--model.scheduler=torch.optim.lr_scheduler.OneCycleLR",
    "--model.scheduler.max_lr=0.5",
    "--model.scheduler.total_steps=58",
)
NOTICE = "training is slower, with the same results: "
OTHERS = {"state_key", "state_dict", "load_state_dict", "on_save_checkpoint", "on_load_checkpoint"}
HOOKS = sorted({name for name in dir(Callback) if not name.startswith("_")} - OTHERS)


class Calls(Callback):
    """Keep the hooks that are called, each with the number of completed steps."""

    made: ClassVar[list[tuple[str, int]]] = []


def _keep(name: str) -> Any:
    return lambda self, trainer, *args, **kwargs: self.made.append((name, trainer.global_step))


for _name in HOOKS:
    setattr(Calls, _name, _keep(_name))


class Twin(LightningModule):
    """A network of torch.nn, trained by Lightning and autograd."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(3, 2)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return self.net(batch[0]).square().mean()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.net(batch[0])

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture(autouse=True)
def none_made(monkeypatch):
    monkeypatch.setattr(Calls, "made", [])
    monkeypatch.setattr(Gradients, "kept", [])


def trainer_of(*added: Callback, **options: Any) -> Trainer:
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "limit_val_batches": 0,
        "num_sanity_val_steps": 0,
    }
    return Trainer(accelerator="cpu", max_epochs=2, callbacks=[*added], **quiet | options)


@pytest.mark.filterwarnings("ignore")
def test_hooks_are_called_in_the_order_of_lightning(tmp_path):
    """Of the same number of mini-batches, Lightning's automatic optimization makes the same calls."""
    options = {
        "limit_train_batches": 4,
        "limit_val_batches": 1,
        "num_sanity_val_steps": 1,
        "default_root_dir": tmp_path,
    }
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(8, 3)), batch_size=2)
    trainer_of(Calls(), **options).fit(Twin(), loader, loader)
    expected = Calls.made.copy()
    Calls.made.clear()
    data = DataModule("digits", batch_size=300, validation_fraction=0.2)
    trainer_of(Calls(), **options).fit(Classifier(64, 10, hidden_sizes=[8]), data)
    assert Calls.made == expected
    names = {name for name, _ in expected}
    assert names == {name for name in HOOKS if "test" not in name and "predict" not in name} - {"on_exception"}
    assert Calls.made.count(("on_train_batch_start", 3)) == 1
    Calls.made.clear()
    for method in ("test", "predict"):
        getattr(trainer_of(Calls(), default_root_dir=tmp_path), method)(Classifier(64, 10, hidden_sizes=[8]), data)
    expected = {name for name in HOOKS if "test" in name or "predict" in name}
    assert {name for name, _ in Calls.made} == expected | {"setup", "teardown"}


def test_an_error_is_shown_to_callbacks(tmp_path):
    class Fails(Callback):
        def on_train_start(self, *args: Any) -> None:
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        trainer_of(Calls(), Fails(), default_root_dir=tmp_path).fit(
            Classifier(64, 10, hidden_sizes=[8]), DataModule("digits")
        )
    assert Calls.made[-1][0] == "on_exception"


class Gradients(Callback):
    """Keep what a hook in the middle of a step sees."""

    kept: ClassVar[list[dict[str, Any]]] = []

    def on_before_zero_grad(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        weights = {name: weight.clone() for name, weight in pl_module.net.named_parameters()}
        self.kept.append({"weights": weights, "before": self._grads(pl_module), "step": trainer.global_step})

    def on_before_backward(self, trainer: Trainer, pl_module: Any, loss: Tensor) -> None:
        self.kept[-1]["loss"] = loss.clone()

    def on_after_backward(self, trainer: Trainer, pl_module: Any) -> None:
        self.kept[-1]["after"] = self._grads(pl_module)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Any, optimizer: Any) -> None:
        self.kept[-1] |= {"unclipped": self._grads(pl_module), "lr": optimizer.param_groups[0]["lr"]}

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.kept[-1] |= {"outputs": outputs["loss"].clone(), "indices": batch.indices, "at": batch_idx}
        self.kept[-1]["clipped"] = self._grads(pl_module)

    def _grads(self, pl_module: Any) -> dict[str, Tensor]:
        grads = {name: weight.grad for name, weight in pl_module.net.named_parameters()}
        return {name: grad.clone() for name, grad in grads.items() if grad is not None}


def test_hooks_in_the_middle_of_a_step_see_the_gradients_of_autograd(cli, expect_equal):
    options = ("--model.dtype=float64", "--model.clip_norm=0.01", *CYCLE)
    assert cli(*SHORT, *options, f"--trainer.callbacks={__name__}.Gradients") == 0
    assert [kept["step"] for kept in Gradients.kept] == [*range(46)]
    assert [kept["at"] for kept in Gradients.kept] == [*range(23)] * 2
    data = DataModule("digits", validation_fraction=0.2)
    images, labels = data.training_tensors
    net = nn.Sequential(nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 10)).double()
    schedule = torch.optim.lr_scheduler.OneCycleLR(torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9), 0.5, 58)
    for last, kept in zip([None, *Gradients.kept], Gradients.kept, strict=False):
        net.load_state_dict(kept["weights"])
        net.zero_grad()
        logits = net(images[kept["indices"]].flatten(1).double() / 255)
        loss = nn.functional.cross_entropy(logits, labels[kept["indices"]])
        loss.backward()
        expect_equal("the loss", kept["loss"], loss.detach(), "autograd", 1e-10)
        assert torch.equal(kept["loss"], kept["outputs"])
        for name, weight in net.named_parameters():
            expect_equal(f"after backward, {name}", kept["after"][name], weight.grad, "autograd", 1e-10)
        expect_same_bits(kept["unclipped"], kept["after"])
        assert sum(grad.square().sum() for grad in kept["clipped"].values()).sqrt() == pytest.approx(0.01, rel=1e-4)
        is_first = last is None or kept["step"] == 23  # Lightning frees gradients before a validation
        expect_same_bits(kept["before"], {} if is_first else last["clipped"])
        assert kept["lr"] == pytest.approx(schedule.get_last_lr()[0], rel=1e-12)
        schedule.optimizer.step()
        schedule.step()


def test_steps_that_run_again_to_find_inf_are_not_shown_again(cli, capsys):
    options = ("--model.lr=1e30", "--model.momentum=0", "--model.activation=relu")
    assert cli(*SHORT, *options, f"--trainer.callbacks={__name__}.Gradients") == 70
    error = capsys.readouterr().err
    steps = [kept["step"] for kept in Gradients.kept]
    assert error.startswith(f"error: step {len(steps)}: ")
    assert steps == [*range(len(steps))]


EVERYTHING = (
    *("--model.normalization=batch_norm", "--model.dropout=0.1", "--model.ema_decay=0.9", "--model.clip_norm=0.5"),
    *("--data.deformation.rotation=10", *CYCLE, "--trainer.log_every_n_steps=5"),
)


@pytest.mark.parametrize(
    "options",
    [EVERYTHING, ("--model.lr=1.0", "--model.momentum=0", "--model.optimizer=torch.optim.AdamW")],
    ids=["everything", "AdamW"],
)
def test_a_run_with_such_a_callback_has_the_same_bits(options, cli, capsys):
    assert cli(*SHORT, *options) == 0
    assert NOTICE not in capsys.readouterr().out
    plain = the_run()
    for added, how in ((f"{__name__}.Gradients", "one by one and not captured"), (f"{__name__}.Steps", "one by one")):
        assert cli(*SHORT, *options, f"--trainer.callbacks={added}") == 0
        expect_same_bits(result(the_run()), result(plain))
        logged = [{name: value for name, value in row.items() if name != "mine"} for row in rows(the_run(), "step")]
        assert logged == rows(plain, "step")
        (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith(NOTICE))
        assert line == f"{NOTICE}{added.rpartition('.')[2]} needs every step, so they run {how}"


class Steps(Callback):
    """Count the steps, also over a resume."""

    def __init__(self) -> None:
        self.steps, self.losses = 0, []

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.steps += 1
        self.losses.append(float(outputs["loss"]))
        self.log("mine", float(self.steps), on_step=True, on_epoch=False)

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps, "losses": self.losses}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.steps, self.losses = state_dict["steps"], state_dict["losses"]

    def on_load_checkpoint(self, trainer: Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        print("a checkpoint after step", checkpoint["global_step"])


def test_a_callback_counts_on_in_a_resumed_run(cli, capsys):
    steps = (f"--trainer.callbacks={__name__}.Steps", "--trainer.log_every_n_steps=10")
    assert cli(*SHORT, *steps, "--checkpoints.every_n_steps=15", "--checkpoints.keep=9") == 0
    run = the_run()
    assert [float(row["mine"]) for row in rows(run, "mine")] == [10, 20, 30, 40]
    assert cli("--trust-run", f"--ckpt_path={run}/checkpoints/step=45.ckpt") == 0
    assert "a checkpoint after step 45" in capsys.readouterr().out
    for end in (run, the_run()):
        state = torch.load(last_of(end), weights_only=True)["callbacks"]["Steps"]
        assert state["steps"] == len(state["losses"]) == 46
    assert (the_run() / "metrics.csv").read_text() == (run / "metrics.csv").read_text()


@pytest.mark.parametrize("hook", [*STEP_HOOKS, *INNER_HOOKS])
def test_a_function_is_a_hook_as_well(hook, tmp_path, capsys):
    seen = []
    trainer_of(callbacks.LambdaCallback(**{hook: lambda *args: seen.append(args)}), default_root_dir=tmp_path).fit(
        Classifier(64, 10, hidden_sizes=[8]), DataModule("digits", batch_size=300)
    )
    assert len(seen) == 10
    assert f"{NOTICE}LambdaCallback" in capsys.readouterr().out


class Distant(Callback):
    """Say itself when it is called."""

    def steps_until_due(self, step: int) -> float:
        return 10 - step % 10

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        Calls.made.append(("end", trainer.global_step))


def test_a_callback_that_says_when_it_is_due_makes_nothing_slow(cli, capsys):
    options = (f"--trainer.callbacks={__name__}.Distant", "--gradient_health.every_n_steps=0")
    assert cli(*SHORT, *options) == 0
    assert [step for _, step in Calls.made] == [10, 20, 23, 30, 40, 46]
    assert NOTICE not in capsys.readouterr().out


class Logger(Callback):
    def on_train_end(self, trainer: Trainer, *args: Any) -> None:
        print("its logger:", type(trainer.logger).__name__)


class Wrong(Callback):
    def state_dict(self) -> dict[str, Any]:
        return {"seen": {1, 2}}


class Late(Callback):
    def state_dict(self) -> dict[str, Any]:
        return {"began": self.began}


class WrongLater(Callback):
    seen: Any = None

    def on_train_start(self, *args: Any) -> None:
        self.seen = {1, 2}

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen}


class Saves(Callback):
    def on_save_checkpoint(self, trainer: Trainer, pl_module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["mine"] = 1


class Mine(Checkpoints):
    """A second one, which would save the same files."""


class Averages(StochasticWeightAveraging):
    def __init__(self) -> None:
        super().__init__(0.1)


WAY_OUT = {  # arguments, and what the error names
    "BackboneFinetuning": ("", "leave it out"),
    "BaseFinetuning": ("tests.training.callbacks.test_hooks.Freezes", "leave it out"),
    "BatchSizeFinder": ("", "--data.batch_size"),
    "Checkpoint": ("", "--checkpoints.every_n_steps"),
    "EMAWeightAveraging": ("", "--model.ema_decay"),
    "GradientAccumulationScheduler": ("--trainer.callbacks.scheduling={1: 2}", "--data.batch_size"),
    "LearningRateFinder": ("", "--model.lr"),
    "ModelCheckpoint": ("", "--checkpoints.every_n_steps"),
    "ModelPruning": ("--trainer.callbacks.pruning_fn=l1_unstructured", "--model.hidden_sizes"),
    "OnExceptionCheckpoint": ("--trainer.callbacks.dirpath=x", "--checkpoints.every_n_steps"),
    "ProgressBar": ("", "--trainer.enable_progress_bar"),
    "RichProgressBar": ("", "--trainer.enable_progress_bar"),
    "SpikeDetection": ("", "divergence_threshold"),
    "StochasticWeightAveraging": ("--trainer.callbacks.swa_lrs=0.1", "--model.ema_decay"),
    "TQDMProgressBar": ("", "--trainer.enable_progress_bar"),
    "WeightAveraging": ("", "--model.ema_decay"),
}


class Freezes(callbacks.BaseFinetuning):
    def freeze_before_training(self, pl_module: Any) -> None:
        """Freeze nothing."""

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Any) -> None:
        """Do nothing."""


@pytest.mark.parametrize("name", WAY_OUT)
def test_callbacks_of_lightning_that_are_refused(name, cli, capsys):
    options, way_out = WAY_OUT[name]
    kind, options = (options, ()) if options.startswith("tests.") else (name, (options,) if options else ())
    assert cli(DIGITS, f"--trainer.callbacks={kind}", *options) == 2
    error = capsys.readouterr().err
    assert f"trainer.callbacks: {kind.rpartition('.')[2]} " in error
    assert way_out in error
    assert error.count("\n") == 1
    assert not Path("runs").exists()


def test_all_callbacks_that_are_refused_are_tested():
    assert {name for name, status in table("Callbacks of Lightning").items() if status == "refused"} == {*WAY_OUT}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("Wrong", r"a checkpoint cannot hold the state of Wrong (state_dict()['seen']: expected a dict"),
        ("Late", "a checkpoint cannot hold the state of Late ('Late' object has no attribute 'began')"),
        ("Saves", "Saves has on_save_checkpoint, but a checkpoint holds nothing else"),
        ("Averages", "Averages trains or evaluates other weights than those that are saved"),
    ],
)
def test_callbacks_of_users_that_are_refused(kind, expected, cli, capsys):
    assert cli(DIGITS, f"--trainer.callbacks={__name__}.{kind}") == 2
    assert expected in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_state_that_no_checkpoint_holds_later_on_is_named(cli, capsys):
    assert cli(*SHORT, f"--trainer.callbacks={__name__}.WrongLater") == 2
    error = capsys.readouterr().err
    assert "['callbacks']['WrongLater']['seen']" in error
    assert "set" in error


@pytest.mark.parametrize(
    ("path", "option"),
    [("checkpoints.Checkpoints", "--checkpoints"), ("loss_line.LossLine", "--loss_line")],
)
def test_callbacks_of_torchnet_are_there_already(path, option, cli, capsys):
    assert cli(DIGITS, f"--trainer.callbacks=torchnet.training.callbacks.{path}") == 2
    assert option in capsys.readouterr().err
    assert cli(DIGITS, "--trainer.callbacks=torchnet.training.distributed.replica_check.ReplicaCheck") == 2
    assert "--together" in capsys.readouterr().err
    assert cli(DIGITS, f"--trainer.callbacks={__name__}.Mine") == 2
    assert "Mine is part of every run" in capsys.readouterr().err


def test_callbacks_of_a_trainer_that_the_command_line_did_not_make(tmp_path):
    for wrong in (Averages(), Wrong(), Saves()):
        with pytest.raises(UsageError, match=type(wrong).__name__):
            trainer_of(wrong, default_root_dir=tmp_path).fit(Classifier(64, 10, hidden_sizes=[8]), DataModule("digits"))
    kept = Gradients()
    trainer_of(kept, default_root_dir=tmp_path).fit(
        Classifier(64, 10, hidden_sizes=[8]), DataModule("digits", batch_size=300)
    )
    assert [each["step"] for each in kept.kept] == [*range(10)]
    assert all(each["after"].keys() == each["weights"].keys() for each in kept.kept)


class TestOfLightning:
    @pytest.mark.parametrize("interval", ["step", "epoch"])
    def test_learning_rate_monitor(self, interval, cli):
        """11 rows where 11 are due, of the learning rates that torch computes."""
        options = (*CYCLE, "--trainer.callbacks=LearningRateMonitor", "--trainer.log_every_n_steps=5")
        more = ("--data.validation_fraction=0", f"--model.scheduler_interval={interval}")  # 29 steps an epoch
        assert cli(*SHORT, *options, *more, "--checkpoints.every_n_steps=1", "--checkpoints.keep=99") == 0
        run = the_run()
        found = {int(row["step"]): float(row["lr-SGD"]) for row in rows(run, "lr-SGD")}
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.3, momentum=0.9)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, 58)
        expected = []
        for _ in range(58):
            expected.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        if interval == "step":
            assert found == {step: pytest.approx(expected[step]) for step in range(4, 58, 5)}
            assert len(found) == 11
        else:
            assert found == {29 * epoch: pytest.approx(expected[epoch]) for epoch in (0, 1)}
        for step in (28, 29, 34):
            assert cli(f"--ckpt_path={run}/checkpoints/step={step}.ckpt") == 0
            assert (the_run() / "metrics.csv").read_text() == (run / "metrics.csv").read_text()

    def test_timer(self, cli, capsys):
        timer = ("--trainer.callbacks=Timer", "--trainer.callbacks.duration=00:00:00:01")
        endless = ("--trainer.max_epochs=100000", "--loss_line.every_n_epochs=100000")
        assert cli(*SHORT, *timer, *endless) == 0
        assert "Time limit reached. Elapsed time is 0:00:01" in capsys.readouterr().out
        run = the_run()
        assert torch.load(last_of(run), weights_only=True)["callbacks"]["Timer"]["time_elapsed"]["train"] > 1
        assert "interval: step" in (run / "config.yaml").read_text()
        assert cli("--ckpt_path", run) == 0
        assert "Time limit reached" in capsys.readouterr().out

    def test_device_stats_monitor(self, cli):
        pytest.importorskip("psutil")
        assert cli(*SHORT, "--trainer.callbacks=DeviceStatsMonitor", "--trainer.log_every_n_steps=10") == 0
        for hook in ("on_train_batch_start", "on_train_batch_end"):
            name = f"DeviceStatsMonitor.{hook}/cpu_percent"
            assert [int(row["step"]) for row in rows(the_run(), name)] == [9, 19, 29, 39]

    @pytest.mark.filterwarnings("ignore:When using the `ThroughputMonitor`")
    def test_throughput_monitor(self, tmp_path, capsys):
        monitor = ThroughputMonitor(lambda batch: len(getattr(batch, "indices", batch[0])), window_size=10)
        logger = CSVLogger(tmp_path, name="", version="")
        trainer = trainer_of(monitor, logger=logger, log_every_n_steps=5)
        trainer.fit(Classifier(64, 10, hidden_sizes=[8]), DataModule("digits", batch_size=300))
        assert f"{NOTICE}ThroughputMonitor" in capsys.readouterr().out
        assert [float(row["train/samples"]) for row in rows(tmp_path, "train/samples")] == [1437, 2 * 1437]
        assert [float(row["train/batches"]) for row in rows(tmp_path, "train/batches")] == [5, 10]

    @pytest.mark.filterwarnings("ignore:Couldn't infer the batch indices")
    def test_prediction_writer(self, tmp_path):
        class Writer(BasePredictionWriter):
            def write_on_batch_end(self, trainer: Any, pl_module: Any, prediction: Tensor, *args: Any) -> None:
                torch.save(prediction, tmp_path / "predictions.pt")

        trainer_of(Writer(), default_root_dir=tmp_path).predict(
            Classifier(64, 10, hidden_sizes=[8]), DataModule("digits")
        )
        assert torch.load(tmp_path / "predictions.pt").shape == (360, 10)


class TestLoggers:
    """A logger of the user's gets the rows of metrics.csv, all of them also when a run is resumed."""

    def rows_of_csv(self, path: Path) -> list[dict[str, str]]:
        with path.open() as file:
            return [{name: value for name, value in row.items() if value} for row in csv.DictReader(file)]

    def run_twice(self, cli: Any, *options: str) -> Path:
        """Train, and resume in the middle; return the folder of the resumed run."""
        assert cli(*SHORT, *options, "--checkpoints.every_n_steps=15", "--checkpoints.keep=9") == 0
        straight = the_run()
        if (wandb := sys.modules.get("wandb")) is not None:
            wandb.finish()  # as the end of a process does
        assert cli("--trust-run", f"--ckpt_path={straight}/checkpoints/step=30.ckpt") == 0
        resumed = max(Path("runs").glob("digits/*"))
        assert (resumed / "metrics.csv").read_text() == (straight / "metrics.csv").read_text()
        return resumed

    def test_csv(self, cli):
        run = self.run_twice(cli, "--trainer.logger=CSVLogger", "--trainer.logger.save_dir=logs")
        for path in (f"logs/lightning_logs/version_{number}/metrics.csv" for number in (0, 1)):
            assert self.rows_of_csv(Path(path)) == self.rows_of_csv(run / "metrics.csv")

    def test_the_logger_of_the_user_is_the_first(self, cli, capsys):
        """Callbacks find it as trainer.logger."""
        options = ("--trainer.logger=CSVLogger", "--trainer.logger.save_dir=logs", "--trainer.logger.version=mine")
        assert cli(*SHORT, *options, f"--trainer.callbacks={__name__}.Logger") == 0
        assert "its logger: CSVLogger" in capsys.readouterr().out
        with pytest.warns(UserWarning, match="Previous log files in this directory will be deleted"):
            assert cli(*SHORT, *options) == 0

    def test_tensorboard(self, cli):
        accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
        run = self.run_twice(cli, "--trainer.logger=TensorBoardLogger", "--trainer.logger.save_dir=logs")
        for number in (0, 1):
            events = accumulator.EventAccumulator(f"logs/lightning_logs/version_{number}")
            events.Reload()
            for name in ("train/loss", "val/loss", "update_ratio/layer_1"):
                found = [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars(name)]
                assert [(int(row["step"]), float(row[name])) for row in rows(run, name)] == found

    def test_several(self, cli, tmp_path):
        config = tmp_path / "loggers.yaml"
        config.write_text(
            "trainer:\n  logger:\n"
            + "".join(f"  - class_path: CSVLogger\n    init_args: {{save_dir: logs, name: {name}}}\n" for name in "ab")
        )
        assert cli(*SHORT, f"--config={config}") == 0
        for name in "ab":
            path = Path("logs") / name / "version_0" / "metrics.csv"
            assert self.rows_of_csv(path) == self.rows_of_csv(the_run() / "metrics.csv")

    def test_weights_and_biases_offline(self, cli, monkeypatch):
        wandb = pytest.importorskip("wandb")
        logged: list[dict[str, Any]] = []
        log = wandb.Run.log
        monkeypatch.setattr(
            wandb.Run, "log", lambda run, data, *args, **kw: (logged.append(data), log(run, data, *args, **kw))
        )
        monkeypatch.setenv("WANDB_SILENT", "true")
        options = ("--trainer.logger=WandbLogger", "--trainer.logger.offline=true", "--trainer.logger.save_dir=logs")
        run = self.run_twice(cli, *options, "--trainer.logger.project=digits")
        wandb.finish()
        assert len([*Path().rglob("offline-run-*/run-*.wandb")]) == 2
        steps = [int(row["step"]) for row in self.rows_of_csv(run / "metrics.csv")]
        assert [int(row["trainer/global_step"]) for row in logged] == steps * 2


@pytest.mark.parametrize(("path", "arguments"), [*CALLBACKS.items(), *LOGGERS.items()])
def test_what_a_configuration_of_others_may_name_exists(path, arguments):
    module, _, name = path.rpartition(".")
    kind = getattr(__import__(module, fromlist=[name]), name)
    assert module.startswith(f"{pytorch_lightning.__name__}.")
    known = inspect.signature(kind.__init__).parameters
    taken = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    assert arguments <= known.keys() or taken
    words = ("path", "dir", "file", "callable", "experiment")
    assert not [argument for argument in arguments if any(word in argument for word in words)]
