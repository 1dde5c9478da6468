"""A network that was trained for seconds reads drawn digits, and test images in larger pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch

from torchnet.cli.main import main
from torchnet.data import to_mnist_form
from torchnet.data.dataset import Dataset
from torchnet.reporting import Answer
from torchnet.runs.folders import find_checkpoint
from torchnet.runs.load_network import load_network
from torchnet.runs.prediction.images import answers_to
from torchnet.step import scale_pixels

from ..conftest import ROOT
from .drawings import FORMATS, Drawing, drawings, pasted

# configs/accurate.yaml, narrower, for 2 of its 120 epochs: 97.7 % of the test images.
SHORT = [
    f"--config={ROOT / 'configs' / 'accurate.yaml'}",
    "--model.hidden_sizes=[256, 256]",
    "--model.ema_decay=null",
    "--trainer.max_epochs=2",
    "--model.scheduler.total_steps=470",
    "--trainer.logger=false",
    "--loss_line.every_n_epochs=100",
]


@pytest.fixture(scope="module")
def twenty() -> list[Drawing]:
    return drawings(20)


@pytest.mark.sweep
def test_a_network_reads_handwriting(
    twenty: list[Drawing], mnist: Dataset, mnist_place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert main(ROOT / "configs", [*SHORT, f"--data.source={mnist_place}"]) == 0
    trained = load_network(*find_checkpoint("last", Path("runs")))

    files = [tmp_path / it.name for it in twenty]
    for file, it in zip(files, twenty, strict=True):
        file.write_bytes(it.content)
    answers = list(answers_to(files, trained))
    wrong = [
        f"{it.name}: {answer.label if isinstance(answer, Answer) else answer}"
        for it, answer in zip(twenty, answers, strict=True)
        if not isinstance(answer, Answer) or answer.label != it.digit
    ]
    assert len(wrong) <= 2, wrong

    rng = np.random.default_rng(0)
    some = rng.choice(len(mnist.test_images), 100, replace=False)
    images, labels = mnist.test_images[some], mnist.test_labels[some]
    found = np.stack([to_mnist_form(pasted(image, rng)) for image in images])

    def accuracy(of: np.ndarray) -> float:
        with torch.no_grad():
            logits = trained.net(scale_pixels(torch.from_numpy(of).flatten(1), torch.float32))
        return float(np.mean(logits.argmax(dim=1).numpy() == labels))

    assert accuracy(found) >= accuracy(images) - 0.04


def test_the_twenty_drawings_have_every_format_and_difficulty(twenty: list[Drawing]):
    names = " ".join(it.name for it in twenty)
    for trait in (*(f".{kind.lower()}" for kind in FORMATS), "shadow", "noise", "specks", "transparent", "#d02020 on"):
        assert trait in names
    assert sum(f"orientation {k}." in names for k in range(1, 9)) >= 7
