"""The trained network of a run, from files that do not belong together or are hostile."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from torchnet import MLP
from torchnet.commands import main
from torchnet.data import DataError
from torchnet.runs.described_network import expect_widths
from torchnet.runs.load_network import load_network, trained_weights
from torchnet.storage import CheckpointError, write_checkpoint

SIZES = (9, 6, 6, 4)
MODEL = {"hidden_sizes": [6, 6]}


def contents_of(net: torch.nn.Module, prefix: str = "net") -> dict[str, Any]:
    return {"state_dict": {f"{prefix}.{name}": value for name, value in net.state_dict().items()}, "global_step": 7}


def write_run(folder: Path, model: dict[str, Any], contents: dict[str, Any], name: str = "a") -> Path:
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump({"name": name, "model": model}))
    path = folder / "checkpoints" / "step=7.ckpt"
    write_checkpoint(path, contents)
    return path


@pytest.mark.parametrize(
    "options", [{}, {"normalization": "batch_norm", "residual": True}, {"normalization": "rms_norm"}]
)
@pytest.mark.parametrize("prefix", ["net", "average.net"])
def test_the_widths_are_those_of_the_weights(options, prefix):
    contents = contents_of(MLP(SIZES, **options), prefix)
    path, weights = Path("a.ckpt"), trained_weights(contents)
    assert expect_widths(path, weights, MODEL) == SIZES
    assert expect_widths(path, weights, {"hidden_sizes": (6, 6), "depth": 3}) == SIZES
    assert expect_widths(path, weights, {"hidden_sizes": 6, "depth": 3}) == SIZES
    assert expect_widths(path, MLP((9, 4)).state_dict(), {"hidden_sizes": []}) == (9, 4)


@pytest.mark.parametrize(
    "model",
    [
        {"hidden_sizes": [6]},
        {"hidden_sizes": [6, 7]},
        {"hidden_sizes": [6, 6, 6]},
        {"hidden_sizes": [10**12, 10**12]},
        {"hidden_sizes": [6] * 900},
        {"hidden_sizes": [6, 6], "depth": 2},
        {"hidden_sizes": 6},
        {"hidden_sizes": 6, "depth": 4},
        {"hidden_sizes": 6, "depth": 10**12},
        {"hidden_sizes": 10**30, "depth": 3},
        {"hidden_sizes": 0, "depth": 1},
    ],
    ids=str,
)
def test_other_widths_are_refused_before_a_network_is_built(model, tmp_path, monkeypatch):
    path = write_run(tmp_path / "run", model, contents_of(MLP(SIZES)))

    def build(*args: object, **kwargs: object) -> None:
        raise AssertionError("a network was built")

    monkeypatch.setattr("torchnet.runs.described_network.build_network", build)
    with pytest.raises(
        DataError, match=r"config.yaml: .* belongs to another network .* its widths are 9-6-6-4, but"
    ) as error:
        load_network(path)
    assert len(str(error.value)) < 700


def test_weights_that_do_not_follow_each_other_are_refused():
    contents = contents_of(MLP(SIZES))
    contents["state_dict"]["net.2.weight"] = torch.zeros(6, 5)
    with pytest.raises(CheckpointError, match="belongs to another network"):
        expect_widths(Path("a.ckpt"), trained_weights(contents), MODEL)


@pytest.mark.parametrize("contents", [{}, {"state_dict": {}}, {"state_dict": {"net.0.bias": torch.zeros(3)}}])
def test_a_checkpoint_without_weights_is_refused(contents):
    with pytest.raises(CheckpointError, match=r"a.ckpt: expected a checkpoint of a run, got one without weights"):
        expect_widths(Path("a.ckpt"), trained_weights(contents), MODEL)


@pytest.mark.parametrize("steps", ["7", -1, 2**70, None, [1], 1.5])
def test_a_number_of_steps_that_is_none_is_refused(steps, tmp_path):
    path = write_run(tmp_path / "run", MODEL, contents_of(MLP(SIZES)) | {"global_step": steps})
    with pytest.raises(CheckpointError, match="expected a number of steps as global_step"):
        load_network(path)


@pytest.mark.parametrize(
    "model", [{"hidden_sizes": "many"}, {"hidden_sizes": ["6"]}, {"hidden_sizes": None}, {}, {**MODEL, "dtype": []}]
)
def test_a_configuration_of_no_network_is_one_sentence(model, tmp_path, capsys):
    write_run(tmp_path / "run", model, contents_of(MLP(SIZES)))
    assert main(["demo", str(tmp_path / "run")]) == 65
    err = capsys.readouterr().err
    assert "config.yaml: expected the options of a network under model" in err
    assert err.count("\n") == 1


def test_a_name_with_control_characters_is_printed_as_plain_text(tmp_path):
    path = write_run(tmp_path / "run", MODEL, contents_of(MLP(SIZES)), name="a\x1b[2J" + "b" * 10**4)
    assert load_network(path).name == "a\\x1b[2J" + "b" * 56


def test_the_activations_of_a_run_without_a_checkpoint_may_be_anything(tmp_path):
    path = write_run(tmp_path / "run", MODEL | {"activation": [1, ["a"], {}]}, contents_of(MLP(SIZES)))
    shutil.rmtree(path.parent)
    assert main(["report", str(tmp_path / "run")]) == 0
