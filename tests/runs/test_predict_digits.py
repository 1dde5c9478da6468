"""Digits on image files, from both command lines: the answers, and the sentence that a bad file or option ends in."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from torchnet import commands
from torchnet.data import load, read_image, to_mnist_form
from torchnet.runs.folders import find_checkpoint
from torchnet.runs.load_network import load_network
from torchnet.storage import write_checkpoint

from ..conftest import ROOT
from ..data.photo.test_image_file import BAD, make
from ..run_folders import DIGITS, newest

Command = Callable[..., int]


@pytest.fixture(scope="module")
def trained_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs/digits/<time>, and images of ten digits in folder images."""
    from torchnet.cli.main import main

    place = tmp_path_factory.mktemp("trained")
    root = f"--trainer.default_root_dir={place / 'runs'}"
    assert main(ROOT / "configs", [DIGITS, root, "--trainer.max_epochs=30", "--trainer.logger=false"]) == 0
    (place / "images").mkdir()
    data = load("digits")
    for label in range(10):
        image = Image.fromarray(255 - data.test_inputs[(data.test_targets == label).argmax()])
        large = Image.new("L", (300, 200), 255)
        large.paste(image.resize((160, 160), Image.Resampling.BICUBIC), (100, 30))
        large.save(place / "images" / f"{label}.png")
    return place


@pytest.fixture
def place(trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a copy of all that."""
    shutil.copytree(trained_run, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(params=["train.py predict", "python -m torchnet predict"])
def predict(request: pytest.FixtureRequest, place: Path) -> Command:
    """Call one of the command lines with files and --output; return the exit code."""
    from torchnet.cli.main import main

    def call(*words: object) -> int:
        if request.param == "train.py predict":
            return main(ROOT / "configs", ["predict", "--ckpt_path", str(run_folder()), *map(str, words)])
        return commands.main(["predict", str(run_folder()), *map(str, words)])

    return call


def run_folder() -> Path:
    (folder,) = Path("runs").glob("digits/*")
    return folder


def test_it_prints_label_and_probabilities_and_draws_what_the_network_saw(predict, capsys):
    files = [Path(f"images/{label}.png") for label in range(10)]
    assert predict(*files) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[-1] == f"what the network saw: {run_folder() / 'predictions.png'}"
    net = load_network(newest()).net
    right = 0
    for label, (file, line) in enumerate(zip(files, lines[2:-1], strict=True)):
        seen = torch.from_numpy(to_mnist_form(read_image(file), 8)).flatten()
        expected = net(seen[None] / 255).softmax(dim=1)[0]
        name, got, *shares = line.split()
        assert (name, int(got)) == (str(file), expected.argmax())
        np.testing.assert_allclose([float(share) for share in shares], 100 * expected, atol=0.0501)
        right += int(got) == label
    assert right >= 8
    with Image.open(run_folder() / "predictions.png") as picture:
        assert picture.format == "PNG"


def test_the_two_command_lines_print_the_same(place, capsys):
    from torchnet.cli.main import main

    files = ["images/3.png", "nowhere.png", "images/4.png"]
    assert main(ROOT / "configs", ["predict", *files, "--ckpt_path", "last"]) == 65
    first = capsys.readouterr()
    assert commands.main(["predict", "last", *files]) == 65
    assert capsys.readouterr() == first


def test_the_picture_goes_where_output_says(predict, capsys):
    assert predict("images/1.png", "--output", "shown.pdf") == 0
    assert Path("shown.pdf").read_bytes().startswith(b"%PDF")
    assert capsys.readouterr().out.endswith("what the network saw: shown.pdf\n")
    assert not (run_folder() / "predictions.png").exists()


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_image_is_one_line_and_exit_code_65(predict, capsys, what):
    make(Path(), what)
    assert predict(what) == 65
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: {what}: ")
    assert BAD[what] in err
    assert err.count("\n") == 1
    assert not (run_folder() / "predictions.png").exists()


def test_the_good_ones_of_several_images_are_answered(predict, capsys):
    Image.new("L", (50, 50), 200).save("blank.png")
    assert predict("/proc/self/mem", "images/7.png", "blank.png", "nowhere.png", "images/2.png") == 74
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()[2:-1]] == ["images/7.png", "images/2.png"]
    first, second, third = err.splitlines()
    assert "/proc/self/mem" in first
    assert second == "error: blank.png: expected a digit, got only background"
    assert third.startswith("error: nowhere.png: ")
    assert predict("blank.png", "/proc/self/mem", "images/7.png") == 65


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["images/1.png", "--output", "picture.txt"],
            2,
            "picture.txt: expected a file name that ends with .png or .pdf or .svg",
        ),
        (["images/1.png", "--output", "images/1.png"], 2, "images/1.png: expected another name for the picture"),
        (["images/1.png", "--output", "no/folder.png"], 74, "no/folder.png"),
    ],
)
def test_a_picture_that_cannot_be_written_is_one_sentence(predict, capsys, words, code, message):
    before = Path("images/1.png").read_bytes()
    assert predict(*words) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert Path("images/1.png").read_bytes() == before


def test_an_answer_that_is_not_finite_is_the_fault_of_the_checkpoint(predict, capsys):
    path = find_checkpoint("last", Path("runs")).path
    contents = torch.load(path, weights_only=True)
    contents["state_dict"]["net.4.bias"].fill_(torch.nan)
    write_checkpoint(path, contents)
    assert predict("images/1.png") == 66
    assert capsys.readouterr().err == f"error: {path}: expected a network with finite outputs, got Inf or NaN\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--ckpt_path=last", "images/1.png"],
        ["images/1.png", "--ckpt_path", "last"],
        ["--name", "digits", "images/1.png", "--ckpt_path", "last", "--trainer.default_root_dir", "runs"],
        ["--ckpt_path", "last", "--output=x.png", "--", "images/1.png", "--odd.png"],
    ],
)
def test_files_are_what_belongs_to_no_option(cli, place, capsys, words):
    shutil.copy("images/2.png", "--odd.png")
    assert cli("predict", *words) == 0
    named = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:-1]]
    assert named == [word for word in words if word.endswith("1.png") or word == "--odd.png"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["predict", "image.png"], 2, "predict needs a trained network: name a checkpoint with --ckpt_path PATH"),
        (["predict", "image.png", "--ckpt_path"], 2, "argument --ckpt_path: expected one argument"),
        (["predict", "image.png", "--ckpt_path", "nowhere.ckpt"], 66, "nowhere.ckpt: no such checkpoint"),
        (
            ["predict", "image.png", "--ckpt_path", "last", "--name=other"],
            66,
            "there is no checkpoint under runs/other",
        ),
        (
            ["predict", "image.png", "--ckpt_path=last", "--data.source", "x"],
            2,
            "predict of files takes --ckpt_path, ",
        ),
        (["predict", "image.png", "--ckpt_path=last", DIGITS], 2, "--raw and --as-digits, got --config="),
        (
            ["predict", "image.png", "--ckpt_path=last", "--print_config"],
            2,
            "--raw and --as-digits, got --print_config",
        ),
        (["predict", "image.png", "--ckpt_path=last", "--allow-environment-change"], 2, "got --allow_environment"),
        (["predict", "--ckpt_path=last", "--output", "x.png"], 2, "unrecognized arguments: --output x.png"),
        (["test", "image.png", "--ckpt_path=last"], 2, "unrecognized arguments: image.png"),
        (["fit", "image.png"], 2, "unrecognized arguments: image.png"),
    ],
)
def test_wrong_usage_of_train_py_is_one_sentence(cli, place, capsys, words, code, message):
    assert cli(*words) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_without_images_predict_predicts_the_test_images(cli, place):
    assert cli("predict", "--ckpt_path", "last") == 0
    assert (run_folder() / "predictions.csv").is_file()
    assert not (run_folder() / "predictions.png").exists()


# `python -m torchnet`, which in the end prints whether it imported Lightning.
MODULE = """
import atexit, runpy, sys
atexit.register(lambda: print("pytorch_lightning" in sys.modules))
runpy.run_module("torchnet", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("program", "last_line"),
    [
        ([str(ROOT / "train.py"), "predict", "--ckpt_path"], "what the network saw: "),
        (["-c", MODULE, "predict"], "False"),
    ],
    ids=["train.py", "torchnet, which needs no Lightning"],
)
def test_as_programs_they_need_no_data_and_print_no_warning(place, program, last_line):
    environment = {"TORCHNET_DATA": "nowhere", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *program, "last", "images/0.png"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"last is {newest()}\n"
    assert done.stdout.splitlines()[2].split()[:2] == ["images/0.png", "0"]
    assert done.stdout.splitlines()[-1].startswith(last_line)
