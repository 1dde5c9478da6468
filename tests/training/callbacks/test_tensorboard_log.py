"""TensorBoard reads back the options, the layers, the histograms, the scores and the mistakes of a run, each once."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from torchnet.network import MLP
from torchnet.reporting.evaluation import pixels_of
from torchnet.training.callbacks import tensorboard_log

from ...run_folders import DIGITS, expect_same_bits, newest, state

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
SHORT = [DIGITS, "--report=false"]


def read(run: Path):
    events = accumulator.EventAccumulator(str(run), {"histograms": 0, "images": 0, "scalars": 0})
    return events.Reload()


def options_of(events) -> dict:
    from tensorboard.plugins.hparams import plugin_data_pb2

    content = events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    return {name: getattr(value, value.WhichOneof("kind")) for name, value in found.items()}


def the_run() -> Path:
    return newest().parent.parent


@pytest.mark.parametrize(
    "options",
    [
        ["--model.step=fused"],
        ["--model.step=captured", "--data.validation_fraction=0.1"],  # a validation takes the gradients away
        ["--model.step=eager", "--model.clip_norm=0.01", "--gradient_health.every_n_steps=10"],
    ],
    ids=" ".join,
)
def test_histograms_are_those_of_weights_and_gradients(options, cli, monkeypatch):
    seen = {}

    def remember(tensor):
        counts = histogram(tensor)
        seen[len(seen)] = (tensor.clone(), counts)
        return counts

    histogram = tensorboard_log._histogram
    monkeypatch.setattr(tensorboard_log, "_histogram", remember)
    assert cli(*SHORT, "--trainer.max_epochs=7", *options) == 0
    events = read(the_run())
    names = [f"{layer}.{kind}" for layer in (0, 2, 4) for kind in ("weight", "bias")]
    kinds = ("weights", "gradients")
    assert {*events.Tags()["histograms"]} == {f"{kind}/{name}" for kind in kinds for name in names}
    steps = [event.step for event in events.Histograms("weights/0.weight")]
    assert len(steps) == 2  # after epochs 1 and 6
    assert steps[1] - steps[0] == 5 * (steps[0] + 1)
    order = [(k, f"{kind}/{name}") for k in range(2) for name in names for kind in kinds]
    for (k, tag), (tensor, _) in zip(order, seen.values(), strict=True):
        event = events.Histograms(tag)[k]
        values = tensor.double()
        assert (event.step, event.histogram_value.num) == (steps[k], tensor.numel())
        assert event.histogram_value.min == values.min()
        assert event.histogram_value.max == values.max()
        np.testing.assert_allclose(event.histogram_value.sum, values.sum(), rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(event.histogram_value.sum_squares, values.square().sum(), rtol=1e-6)
        assert sum(event.histogram_value.bucket) == tensor.numel()
        assert tensor.abs().max() > 0


def test_options_layers_scores_and_mistakes(cli):
    arguments = ["--trainer.max_epochs=2", "--model.residual=true", "--model.dropout=0.1", "--model.optimizer=adam"]
    assert cli(*SHORT, *arguments, "--model.lr=1", "--model.momentum=0", "--name=shown") == 0
    run = the_run()
    events, report = read(run), json.loads((run / "report.json").read_text())
    options = options_of(events)
    assert options["model.activation"] == "sigmoid"
    assert options["model.optimizer.class_path"] == "torch.optim.Adam"
    assert options["trainer.max_epochs"] == 2
    assert not [name for name in options if name.startswith(("name", "checkpoints", "trainer.default"))]
    assert yaml.safe_load(options["model.hidden_sizes"]) == [64, 64]
    assert [(node.name, list(node.input)) for node in events.Graph().node] == [
        ("input", []),
        ("0_Linear", ["input"]),
        ("1_Residual/0_Sigmoid", ["0_Linear"]),
        ("1_Residual/1_Dropout", ["1_Residual/0_Sigmoid"]),
        ("1_Residual/2_Linear", ["1_Residual/1_Dropout"]),
        ("1_Residual/sum", ["0_Linear", "1_Residual/2_Linear"]),
        ("2_Sigmoid", ["1_Residual/sum"]),
        ("3_Dropout", ["2_Sigmoid"]),
        ("4_Linear", ["3_Dropout"]),
    ]
    assert events.Graph().node[1].attr["weight"].s == b"64 x 64"
    for split, accuracy in report["accuracy"].items():
        (logged,) = events.Scalars(f"final/{split}_accuracy")
        assert logged.value == pytest.approx(accuracy)
    mistakes = report["mistakes"]["test"]
    assert len(events.Tags()["images"]) == len(mistakes) > 0
    for number, mistake in enumerate(mistakes, start=1):
        label, predicted = mistake["label"], mistake["predicted"]
        (image,) = events.Images(f"mistakes/{number:02}_{label}_predicted_as_{predicted}")
        assert [image.height, image.width] == [*pixels_of(mistake).shape]
    assert len(list(run.glob("events.*"))) == 1


def test_images_of_other_numbers_of_channels_are_left_out():
    def mistake(*shape):
        return {"label": 0, "predicted": 1, "shape": [*shape], "pixels": ""}

    shapes = [(0, 4), (0, 4, 1), (0, 4, 3), (0, 4, 2), (0, 4, 4), (0,)]
    report = {"classes": ["a", "b"], "mistakes": {"test": [mistake(*shape) for shape in shapes]}}
    assert [tag for tag, _ in tensorboard_log._mistakes(report)] == [
        f"mistakes/0{k}_a_predicted_as_b" for k in (1, 2, 3)
    ]
    assert not [*tensorboard_log._mistakes({"task": "regression"})]


def test_a_resumed_run_writes_nothing_twice_and_no_bit_changes(cli):
    assert cli(*SHORT, "--trainer.max_epochs=7", "--trainer.logger=false") == 0
    without = state(newest())
    assert cli(*SHORT, "--trainer.max_epochs=7") == 0
    expect_same_bits(state(newest()), without)
    assert cli(*SHORT, "--trainer.max_epochs=5", "--trainer.max_steps=33") == 0
    assert cli("--ckpt_path=last", "--trainer.max_epochs=7", "--trainer.max_steps=-1") == 0
    expect_same_bits(state(newest()), without)
    events = read(the_run())
    assert len(events.Histograms("gradients/4.weight")) == 1  # after epoch 6; that after epoch 1 is in the first log
    for kind, values in (("images", events.Images), ("scalars", events.Scalars), ("histograms", events.Histograms)):
        for tag in events.Tags()[kind]:
            steps = [event.step for event in values(tag)]
            assert tag == "epoch" or len(steps) == len({*steps}), tag
    assert torch.isfinite(torch.tensor([event.value for event in events.Scalars("final/test_accuracy")])).all()


@pytest.mark.parametrize("way", ["fused", "captured"])
def test_gradients_are_those_that_moved_the_weights(way, cli):
    assert cli(*SHORT, "--trainer.max_epochs=1", "--data.batch_size=1437", f"--model.step={way}") == 0  # one step
    net = MLP((64, 64, 64, 10), generator=torch.Generator().manual_seed(10))  # as it was before
    moved = state(newest())["weights"]
    events, lr = read(the_run()), yaml.safe_load((the_run() / "config.yaml").read_text())["model"]["lr"]
    for name, weight in net.named_parameters():
        gradient = (weight - moved[f"net.{name}"]).double() / lr
        (event,) = events.Histograms(f"gradients/{name}")
        np.testing.assert_allclose(event.histogram_value.sum_squares, gradient.square().sum(), rtol=1e-3)
        np.testing.assert_allclose(event.histogram_value.max, gradient.max(), rtol=1e-3)
