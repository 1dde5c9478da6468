"""The counters that follow from a position are those that Lightning itself saves behind a mini-batch."""

import math
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.callbacks import Callback, ModelCheckpoint

from torchnet.training import evaluated_module
from torchnet.training.data_module import DataModule
from torchnet.training.lightning_internals import Position
from torchnet.training.module import Classifier

STEPS = 5  # in an epoch: 1437 images in mini-batches of 300


class Keep(Callback):
    """Keep what Lightning would save at the end of each mini-batch, and the position then."""

    def __init__(self) -> None:
        self.kept: list[tuple[Position, dict[str, Any]]] = []

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        state = trainer._checkpoint_connector.dump_checkpoint(weights_only=False)
        self.kept.append((Position.of(trainer), state))

    def steps_until_due(self, step: int) -> float:
        """The end of a block is enough."""
        return math.inf


def train(folder: Any, block_size: int, *callbacks: Callback) -> None:
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        callbacks=[*callbacks],
        logger=False,
        enable_checkpointing=any(isinstance(callback, ModelCheckpoint) for callback in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        default_root_dir=folder,
    )
    trainer.fit(Classifier(64, 10, hidden_sizes=[8]), DataModule("digits", batch_size=300, block_size=block_size))


def expect_loops(state: dict[str, Any], position: Position) -> None:
    expected, saved = position.loops(), state["loops"]
    assert state["global_step"] == position.step
    for name in ("state_dict", "epoch_progress", "epoch_loop.state_dict", "epoch_loop.batch_progress"):
        assert saved["fit_loop"][name] == expected["fit_loop"][name], f"step {position.step}: {name}"
    name = "epoch_loop.manual_optimization.optim_step_progress"
    assert saved["fit_loop"][name] == expected["fit_loop"][name], f"step {position.step}: {name}"


@pytest.mark.parametrize("block_size", [1, 2, 100])
def test_counters_behind_each_mini_batch(block_size, tmp_path):
    keep = Keep()
    train(tmp_path, block_size, keep)
    steps = [position.step for position, _ in keep.kept]
    assert (
        steps
        == {
            1: [*range(1, 16)],
            2: [2, 4, 5, 7, 9, 10, 12, 14, 15],
            100: [5, 10, 15],
        }[block_size]
    )
    for position, state in keep.kept:
        assert position.steps_per_epoch == STEPS
        expect_loops(state, position)


@pytest.mark.filterwarnings("ignore:Using ModelCheckpoint with manual optimization")
def test_counters_in_a_file_of_lightnings_own(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluated_module, "refuse_callbacks", lambda *_: None)  # it refuses a ModelCheckpoint
    save = ModelCheckpoint(tmp_path, "{step}", save_top_k=-1, every_n_train_steps=1)
    train(tmp_path, 1, save)
    paths = sorted(tmp_path.glob("step=*.ckpt"))
    assert len(paths) == 15
    for path in paths:
        state = torch.load(path, weights_only=True)
        expect_loops(state, Position(int(path.stem.removeprefix("step=")), STEPS))


def test_epochs_that_are_whole():
    assert [Position(step, 5).epochs for step in (1, 4, 5, 6, 9, 10, 11)] == [0, 0, 1, 1, 1, 2, 2]
