"""The picture of a deformed mini-batch, compared pixel by pixel, and the command that draws it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from torchnet.commands import main
from torchnet.data import Deformation, load
from torchnet.reporting import write_batch_picture
from torchnet.step import scale_pixels

from ..conftest import ROOT


def test_every_image_is_upright_in_its_row_and_column(tmp_path, figures):
    before, after = torch.rand(2, 5, 7), torch.rand(3, 2, 5, 7)
    write_batch_picture(before, after, "title", "subtitle", tmp_path / "picture.png")
    (axes,) = figures[0].axes
    above = 0.0
    for image, expected in zip(axes.images, [before, *after], strict=True):
        np.testing.assert_array_equal(image.get_array(), np.concatenate(list(expected), axis=1))
        assert (image.cmap.name, image.get_clim()) == ("gray_r", (0, 1))
        left, right, bottom, top = image.get_extent()
        assert above <= top < bottom <= axes.get_ylim()[0]  # the y axis points down
        assert (left, right) == axes.get_xlim()
        (_, _, inches, tall), width = axes.get_window_extent().bounds, right - left
        assert (bottom - top) / width == pytest.approx(5 / (2 * 7))  # square pixels
        assert inches / width == pytest.approx(tall / axes.get_ylim()[0])
        above = bottom
    assert axes.get_ylim()[1] == 0


@pytest.mark.parametrize("n", [1, 3, 10])
def test_no_text_is_cut_off_or_overlaps(tmp_path, figures, expect_legible, n):
    settings = "rotation 12.5, scale 0.125, shear 12.5, translation 1.25, elastic_strength 1.25, elastic_smoothness 4.5"
    images = torch.zeros(6, n, 28, 28)
    write_batch_picture(images[0], images, "Random deformation of mnist", settings, tmp_path / "picture.png")
    (figure,) = figures
    expect_legible(figure, [*figure.texts, *figure.axes[0].get_yticklabels()])
    assert len(figure.texts) == 3
    assert min(text.get_window_extent().y0 for text in figure.texts) > figure.axes[0].get_window_extent().y1


def test_importing_torchnet_imports_no_matplotlib():
    code = "import sys, torchnet, torchnet.data, torchnet.__main__; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"


def test_the_command_draws_the_first_image_of_each_class_and_its_deformations(tmp_path, monkeypatch, capsys):
    drawn = []
    monkeypatch.setattr("torchnet.reporting.write_batch_picture", lambda *arguments: drawn.append(arguments))
    path = tmp_path / "picture.png"
    words = ["--rotation", "12", "--elastic_strength", "0.5", "--elastic_smoothness", "2", "--seed", "3"]
    assert main(["deformation", "--source", "digits", *words, "--output", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    ((before, after, title, subtitle, got_path),) = drawn
    assert (title, got_path) == ("Random deformation of digits", path)
    assert subtitle == "rotation 12, elastic_strength 0.5, elastic_smoothness 2"
    data = load("digits")
    first = [data.train_targets.tolist().index(label) for label in range(10)]
    expected = scale_pixels(torch.tensor(data.train_inputs[first]), torch.float32)
    assert torch.equal(before, expected)
    deform = Deformation(rotation=12, elastic_strength=0.5, elastic_smoothness=2, seed=3)
    assert after.shape == (6, 10, 8, 8)
    for step, images in enumerate(after):
        assert torch.equal(images, deform(expected, torch.tensor(step)))


def test_the_command_uses_the_deformation_of_a_configuration(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("torchnet.commands.deformation.draw_deformation", lambda *arguments: drawn.append(arguments))
    config = tmp_path / "config.yaml"
    config.write_text("model: {lr: 1}\ndata: {source: digits, deformation: {rotation: 12, scale: 0.1}}\n")
    assert main(["deformation", "--config", str(config), "--scale", "0.3", "--output", "a.png"]) == 0
    assert drawn == [(Deformation(rotation=12, scale=0.3, seed=10), "digits", Path("a.png"))]  # the seed of the run


def test_the_command_writes_a_picture(tmp_path):
    path = tmp_path / "picture.png"
    command = [sys.executable, "-m", "torchnet", "deformation", "--source", "digits", "--scale", "0.2"]
    subprocess.run([*command, "--output", str(path)], check=True, cwd=ROOT)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert np.ptp(np.asarray(picture.convert("L"))) == 255


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "expected a setting that deforms images, such as --rotation 15: all of them are 0"),
        (["--config", "nowhere.yaml"], 2, "nowhere.yaml: there is no such file"),
        (["--config", "plain.yaml"], 2, "plain.yaml: expected a data.deformation, got none"),
        (["--config", "odd.yaml"], 2, "--data.deformation: --rotation: expected a float. Got value: much"),
        (["--rotation", "270"], 2, "rotation: expected degrees in [0, 180], got 270.0"),
        (["--elastic_strength", "1"], 2, "elastic_smoothness: expected at least 1 pixel"),
        (["--shear", "9", "--source", "nowhere.npz"], 65, "nowhere.npz: no such file or folder"),
        (["--shear", "9", "--source", "flat.npz"], 65, "flat.npz: expected gray images of shape (n, height, width)"),
        (["--shear", "9", "--source", "digits", "--output", "no/folder.png"], 74, "no/folder.png"),
        (["--shear", "9", "--source", "digits", "--output", "a.txt"], 2, "a.txt: expected a file name that ends"),
    ],
)  # fmt: skip
def test_an_error_is_one_line_and_an_exit_code(tmp_path, monkeypatch, capsys, words, code, message):
    monkeypatch.chdir(tmp_path)
    flat, labels = np.zeros((10, 64), dtype=np.uint8), np.arange(10)
    np.savez("flat.npz", x_train=flat, y_train=labels, x_test=flat, y_test=labels)
    Path("plain.yaml").write_text("data: {source: digits}")
    Path("odd.yaml").write_text("data: {deformation: {rotation: much}}")
    assert main(["deformation", *words]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_an_unknown_option_exits_with_code_2(capsys):
    with pytest.raises(SystemExit) as error:
        main(["deformation", "--rotations", "15"])
    assert error.value.code == 2


def test_a_link_is_replaced_and_never_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    path = tmp_path / "picture.png"
    path.symlink_to(outside)
    write_batch_picture(torch.zeros(1, 2, 2), torch.zeros(1, 1, 2, 2), "$\\nonsense$", "subtitle", path)
    assert outside.read_text() == "precious"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert not path.is_symlink()
