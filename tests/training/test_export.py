"""The weights alone, taken out of a checkpoint, in a network that torchnet had no part in."""

import pytest
import safetensors.torch
import torch
from torch import nn

from torchnet.commands import main
from torchnet.data import load
from torchnet.training.module import Classifier

from .conftest import DIGITS
from .test_training import newest

TWIN = nn.Sequential(nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 10))


@pytest.mark.parametrize("options", [(), ("--model.ema_decay=0.9",)], ids=["weights", "average"])
def test_plain_torch_gives_the_same_logits_with_exported_weights(options, cli, capsys):
    assert cli(DIGITS, "--trainer.max_epochs=1", *options) == 0
    assert main(["export", "last", "weights.safetensors"]) == 0
    assert "6 tensors, 8,970 numbers, in weights.safetensors" in capsys.readouterr().out
    TWIN.load_state_dict(safetensors.torch.load_file("weights.safetensors"))
    model = Classifier(64, 10, [64, 64], ema_decay=0.9 if options else None).eval()
    model.load_state_dict(torch.load(newest(), weights_only=True)["state_dict"])
    images = torch.from_numpy(load("digits").test_images)
    torch.testing.assert_close(TWIN(images.flatten(1) / 255), model(images), rtol=0, atol=1e-5)
    with safetensors.safe_open("weights.safetensors", "pt") as file:
        assert file.metadata()["global_step"] == "29"


def test_it_writes_beside_the_checkpoint_if_no_file_is_named(cli, tmp_path):
    assert cli(DIGITS, "--trainer.max_epochs=1") == 0
    assert main(["export", str(newest())]) == 0
    assert newest().with_suffix(".safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["last"], 66, "there is no checkpoint under runs"),
        (["nowhere.ckpt"], 66, "nowhere.ckpt: no such checkpoint"),
        (["text.ckpt"], 66, "text.ckpt: expected a checkpoint"),
        (["good.ckpt", "weights.bin"], 2, "weights.bin: expected the name of a .safetensors file"),
        (["good.ckpt", "no/folder/weights.safetensors"], 74, "no/folder/weights.safetensors"),
    ],
)
def test_what_cannot_be_is_one_sentence(arguments, code, words, cli, capsys, tmp_path):
    (tmp_path / "text.ckpt").write_text("text")
    if "good.ckpt" in arguments:
        assert cli(DIGITS, "--trainer.max_epochs=1") == 0
        newest().rename("good.ckpt")
    capsys.readouterr()
    assert main(["export", *arguments]) == code
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
