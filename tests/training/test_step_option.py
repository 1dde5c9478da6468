"""--model.step: how the steps of a run are computed, what a run says about it, and how it resumes."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from torchnet.engine import matmul_precision
from torchnet.engine.fused import cpu
from torchnet.engine.fused.description import NotFusedError
from torchnet.storage import read_checkpoint, write_checkpoint
from torchnet.training.network_options import chosen_matmul_dtype

from ..run_folders import DIGITS, expect_same_bits, last_of, state

EPOCHS = ("--trainer.max_epochs", 2)
RESUME = ("--ckpt_path", "last", "--trainer.max_epochs", 3)


def folders() -> list[Path]:
    return sorted(Path("runs").glob("*/*"))


def checkpoint() -> Path:
    return last_of(folders()[-1])


def weights() -> dict[str, torch.Tensor]:
    found = read_checkpoint(checkpoint())["state_dict"]
    return {name: value for name, value in found.items() if name.startswith("net.")}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "training steps are fused"),
        (("--model.step", "fused"), "training steps are fused"),
        (("--model.step", "captured"), "training steps are captured"),
        (("--model.step", "eager"), "training steps are eager"),
        (("--model.captured", "false"), "training steps are eager"),
        (("--model.dropout", 0.1), "training steps are captured, not fused: the network has a layer Dropout at 2"),
        (("--model.clip_norm", 1), "training steps are captured, not fused: gradients are clipped"),
        (("--model.dtype", "float64"), "training steps are captured, not fused: the weights are float64, not float32"),
    ],
)
def test_a_run_says_how_its_steps_are_computed(options, sentence, cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 1, *options) == 0
    assert sentence in capsys.readouterr().out.splitlines()
    facts = json.loads((folders()[-1] / "facts.json").read_text())
    assert facts["environment"]["training step"] == sentence.split()[3].strip(",")


def test_the_three_ways_learn_the_same(cli):
    found = {}
    for step in ("fused", "captured", "eager"):
        assert cli(DIGITS, *EPOCHS, "--model.step", step, "--model.momentum", 0.5) == 0
        found[step] = weights()
    for name, weight in found["captured"].items():
        assert torch.equal(weight, found["eager"][name])
        torch.testing.assert_close(weight, found["fused"][name], rtol=1e-3, atol=1e-5)
    assert not all(torch.equal(weight, found["fused"][name]) for name, weight in found["captured"].items())


def test_a_mistyped_way_and_a_contradiction_are_refused(cli, capsys):
    assert cli(DIGITS, "--model.step", "fusd") == 2
    assert "fusd" in (error := capsys.readouterr().err)
    assert "did you mean fused?" in error
    assert cli(DIGITS, "--model.step", "fused", "--model.captured", "false") == 2
    assert "captured: expected true with step fused, got false: leave it out" in capsys.readouterr().err
    assert not folders()


def test_without_a_compiler_a_sentence_is_printed_and_the_step_is_captured(cli, capsys, monkeypatch):
    def missing(notice: Any) -> None:
        raise NotFusedError("there is no C++ compiler: install g++")

    monkeypatch.setattr(cpu, "load", missing)
    for options in ((), ("--model.step", "fused")):
        assert cli(DIGITS, "--trainer.max_epochs", 1, *options) == 0
        sentence = "training steps are captured, not fused: there is no C++ compiler: install g++"
        assert capsys.readouterr().out.splitlines().count(sentence) == 1


@pytest.mark.parametrize("options", [(), ("--model.momentum", 0.9, "--model.nesterov", "true")])
def test_a_fused_run_resumes_to_the_bit(options, cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs", 3, *options) == 0
    through = folders()[-1]
    assert cli(DIGITS, "--trainer.max_steps", 40, *options) == 0  # within the second epoch
    assert cli("--ckpt_path", "last", "--trainer.max_steps", -1, "--trainer.max_epochs", 3) == 0
    assert "training steps are fused" in capsys.readouterr().out
    expect_same_bits(state(last_of(through)), state(checkpoint()))


def test_a_resumed_run_continues_in_the_way_of_its_checkpoint(cli, capsys):
    for first, word in (("captured", "captured"), ("eager", "captured"), ("fused", "fused")):
        assert cli(DIGITS, *EPOCHS, "--model.step", first) == 0
        config = folders()[-1] / "config.yaml"
        config.write_text(config.read_text().replace(f"step: {first}", "step: null"))
        capsys.readouterr()
        assert cli(*RESUME) == 0
        assert f"training steps are {word}" in capsys.readouterr().out.splitlines()


def test_another_way_needs_a_permission(cli, capsys):
    assert cli(DIGITS, *EPOCHS) == 0
    before = folders()
    assert cli(*RESUME, "--model.step", "captured") == 66
    error = capsys.readouterr().err
    assert "environment, training step: expected plain, got 'fused'" in error
    assert "--allow-environment-change" in error
    assert folders() == before
    assert cli(*RESUME, "--model.step", "captured", "--allow-environment-change") == 0
    assert cli(*RESUME, "--trainer.max_epochs", 4, "--model.step", "eager") == 0  # has the bits of captured
    not_any_more = ("--allow_environment_change", "false")
    assert cli(*RESUME, "--trainer.max_epochs", 5, "--model.step", "fused", *not_any_more) == 66


def test_a_run_whose_way_is_missing_here_says_so(cli, capsys, monkeypatch):
    assert cli(DIGITS, *EPOCHS) == 0

    def missing(notice: Any) -> None:
        raise NotFusedError("there is no C++ compiler: install g++")

    monkeypatch.setattr(cpu, "load", missing)
    capsys.readouterr()
    assert cli(*RESUME) == 66
    assert "the step is not fused here: there is no C++ compiler: install g++" in capsys.readouterr().err
    assert cli(*RESUME, "--allow-environment-change") == 0


def test_a_checkpoint_from_before_there_were_fused_steps_resumes_captured(cli, capsys):
    assert cli(DIGITS, *EPOCHS, "--model.step", "captured") == 0
    path = checkpoint()
    contents = read_checkpoint(path)
    del contents["torchnet"]["environment"]["training step"], contents["torchnet"]["preprocessing"]
    contents["torchnet"]["format"] = 1
    write_checkpoint(path, contents)
    config = path.parent.parent / "config.yaml"
    config.write_text("".join(line for line in config.read_text().splitlines(True) if "  step: " not in line))
    capsys.readouterr()
    assert cli(*RESUME) == 0
    assert "training steps are captured" in capsys.readouterr().out.splitlines()


def test_a_checkpoint_from_before_the_preprocessing_was_saved_resumes(cli):
    assert cli(DIGITS, *EPOCHS) == 0
    path = checkpoint()
    contents = read_checkpoint(path)
    del contents["torchnet"]["preprocessing"]
    contents["torchnet"]["format"] = 2
    write_checkpoint(path, contents)
    assert cli(*RESUME) == 0


def test_auto_is_bfloat16_where_it_is_much_faster(monkeypatch):
    def fastest(gpu: bool = False, amx: bool = False, avx512: bool = False, amd: bool = False) -> str | None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: (7 + gpu, 0))
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
        monkeypatch.setattr(matmul_precision, "_is_amd", lambda: amd)
        return chosen_matmul_dtype("auto", "float32")

    assert fastest(gpu=True) == fastest(amx=True) == fastest(avx512=True, amd=True) == "bfloat16"
    assert fastest() is fastest(avx512=True) is fastest(amd=True) is None
    with pytest.raises(ValueError, match="expected None with dtype float64, got auto"):
        chosen_matmul_dtype("auto", "float64")
