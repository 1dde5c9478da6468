"""What `train.py` says of itself, and of options and commands that there are not."""

import re
import shlex

import pytest
import yaml

from torchnet.cli.command_list import COMMANDS
from torchnet.cli.help import _TEXTS
from torchnet.cli.options import parsers

from ..conftest import ROOT
from ..run_folders import DIGITS


@pytest.fixture
def help_of(cli, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments: str) -> str:
        assert cli(*arguments, "--help") == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return call


@pytest.fixture
def options() -> list[str]:
    return list(parsers("fit")[1].get_defaults().keys())


def examples(text: str) -> list[list[str]]:
    """The command lines in a text: those of train.py, without what is said behind them."""
    lines = re.findall(r"^  python train\.py\b((?:.*\\\n)*.*)", text, re.MULTILINE)
    return [shlex.split(re.split(r" {4,}(?=[a-z])", line.replace("\\\n", " "))[0]) for line in lines]


def test_the_overview_names_every_command_and_section(help_of, options):
    text = help_of()
    for command in ("fit", "validate", "test", "predict"):
        assert f"\n  {command} " in text
    for section in {name.partition(".")[0] for name in options if "." in name}:
        assert section in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_the_own_options_first(command, help_of, options):
    text = help_of(command)
    own = [name for name in options if not name.startswith("trainer.") and name != "weights_only"]
    assert "model.lr" in own
    for name in (*own, *_TEXTS):
        assert re.search(rf"--{name}[ ,\n]", text), name
    assert text.index("--data.source") < text.index("--trainer.max_epochs")
    for noise in ("known subclasses", "Path to a configuration", ".help [", "--trainer.profiler", "Linked", "``"):
        assert noise not in text
    assert max(map(len, text.splitlines())) <= 80


def test_examples_work(help_of, cli, capsys, monkeypatch):
    shown = examples(help_of()) + examples(help_of("fit"))
    assert len(shown) == 12
    monkeypatch.chdir(ROOT)
    for arguments in shown:
        if "--ckpt_path" not in arguments:
            assert cli(*arguments, "--print_config") == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--trainer.max_epoch", "3"],
            "unrecognized arguments: --trainer.max_epoch 3: did you mean --trainer.max_epochs?",
        ),
        (["--lr", "0.1"], "unrecognized arguments: --lr 0.1: did you mean --model.lr?"),
        (["--epochs=3"], "--epochs=3: did you mean --trainer.max_epochs or --trainer.min_epochs?"),
        (["--lr=1", "--batch_size=2"], "--lr=1 --batch_size=2: did you mean --model.lr or --data.batch_size?"),
        (["--prnt_config"], "unrecognized arguments: --prnt_config: did you mean --print_config?"),
        (["--model.activation", "sigmod"], "got 'sigmod': did you mean sigmoid?"),
        (["--data.order", "shufled"], "got 'shufled': did you mean shuffled?"),
        (["--model.loss", "crossentropy"], "got 'crossentropy': did you mean cross_entropy?"),
        (
            ["--data.deformation.rotatio", "3"],
            "--data.deformation: Option 'rotatio' is not accepted: did you mean data.deformation.rotation?",
        ),
        (["--learning_rate", "1"], "--learning_rate 1: did you mean --model.lr?"),
        (["--model.learning-rate=1"], "--model.learning-rate=1: did you mean --model.lr?"),
        (["--seed", "3"], "--seed 3: did you mean --seed_everything?"),
        (["--resume", "last"], "--resume last: did you mean --ckpt_path?"),
        (["--gpus=2"], "--gpus=2: did you mean --trainer.devices?"),
        (["model.lr=0.1"], "model.lr=0.1: did you mean --model.lr=0.1?"),
        (["-model.lr", "0.1"], "-model.lr 0.1: did you mean --model.lr?"),
        (["--model.loss", "mse"], "got 'mse': did you mean mean_squared_error?"),
        (["--model.activation", "ReLU"], "got 'ReLU': did you mean relu?"),
        (["--model.activation", "relu, tanh"], "got 'relu, tanh': write a list as [relu, tanh]"),
        (["--trainer.callbacks", "EarlyStoping"], "did you mean pytorch_lightning.callbacks.EarlyStopping?"),
        (["--trainer.logger", "tensorboard"], "did you mean pytorch_lightning.loggers.TensorBoardLogger?"),
        (["--model.optimizer", "torch.optim.adam"], "did you mean torch.optim.Adam?"),
        (["--model.optimizer", "adem"], "did you mean torch.optim.Adam"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_that_there_is_not_names_the_one_that_may_be_meant(arguments, message, cli, capsys):
    assert cli(DIGITS, *arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("modle: {lr: 1}", "my.yaml: Subcommand 'fit' does not accept option 'modle.lr': did you mean model.lr?"),
        ("trainer: {epochs: 1}", "'trainer.epochs': did you mean trainer.max_epochs or trainer.min_epochs?"),
        (
            "data: {deformation: {rotatoin: 1}}",
            "my.yaml: --data.deformation: Option 'rotatoin' is not accepted: did you",
        ),
        ("model: {activation: sigmod}", "got 'sigmod': did you mean sigmoid?"),
    ],
)
def test_a_key_that_there_is_not_names_the_one_that_may_be_meant(content, message, cli, capsys, tmp_path):
    (tmp_path / "my.yaml").write_text(f"{content}\n")
    assert cli(DIGITS, "--config", "my.yaml") == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_command_that_there_is_not_names_the_one_that_may_be_meant(cli, capsys):
    assert cli("ftt") == cli("prdict", "--ckpt_path", "last") == cli("nonsense") == 2
    assert capsys.readouterr().err == "".join(
        f"error: {word}: expected a command, fit, validate, test, predict, or an option{hint}\n"
        for word, hint in (("ftt", ": did you mean fit?"), ("prdict", ": did you mean predict?"), ("nonsense", ""))
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model.dropout", "x"], "--model.dropout: Expected a float or a list. Got value: x"),
        (["--model.class_weights", "[1,x]"], "--model.class_weights: Expected a float. Got value: x"),
        (["--model.optimizer", "AdmW"], "--model.optimizer: Expected the name of a class, not AdmW"),
        (["--data", "digits"], "--data: expected options by name, got digits"),
        (["--seed_everything", "yes"], "--seed_everything: expected a whole number from 0 to 4294967295"),
        (
            ["--model.scheduler", "StepLR"],
            "--model.scheduler: StepLR needs step_size: write --model.scheduler.step_size",
        ),
        (
            ["--trainer.callbacks", "EarlyStopping"],
            "--trainer.callbacks: EarlyStopping needs monitor: write --trainer.callbacks.monitor VALUE",
        ),
        (["--model.residual"], "argument --model.residual: expected one argument: write --model.residual VALUE"),
        (["--model.optimizer", "torch.optim.AdmW"], "--model.optimizer: module 'torch.optim' has no attribute 'AdmW'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_value_of_no_type_that_it_may_have_is_one_short_sentence(arguments, message, cli, capsys):
    assert cli(DIGITS, *arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {message}")
    assert len(err) < 150


@pytest.mark.parametrize(
    "arguments",
    [
        ["--model.hidden_sizes", "256", "128"],
        ["--model.hidden_sizes=256", "128", "--model.lr=1"],
        ["--model.hidden_sizes", "256,128"],
        ["--model.hidden_sizes", "256 128"],
        ["--model.hidden_sizes", "(256, 128)"],
    ],
    ids=" ".join,
)
def test_a_list_without_brackets_is_written_out(arguments, cli, capsys):
    assert cli(DIGITS, *arguments) == 2
    err = capsys.readouterr().err
    assert err.endswith(": write a list like this: --model.hidden_sizes '[256, 128]'\n")
    assert err.count("\n") == 1


def test_a_word_that_follows_no_option_is_no_list(cli, capsys):
    assert cli("fit", "photo.png", DIGITS) == 2
    assert capsys.readouterr().err == "error: unrecognized arguments: photo.png\n"


@pytest.mark.parametrize(
    ("arguments", "option", "name"),
    [
        (["--model.optimizer", "adam"], "optimizer", "torch.optim.Adam"),
        (["--model.optimizer=ADAMW"], "optimizer", "torch.optim.AdamW"),
        (["--model.optimizer", "rmsprop", "--model.optimizer.lr=0.1"], "optimizer", "torch.optim.RMSprop"),
        (
            ["--model.scheduler=step_lr", "--model.scheduler.step_size=9"],
            "scheduler",
            "torch.optim.lr_scheduler.StepLR",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_a_class_is_known_by_its_plain_name(arguments, option, name, cli, capsys):
    assert cli(*arguments, "--print_config") == 0
    assert yaml.safe_load(capsys.readouterr().out)["model"][option]["class_path"] == name


def test_a_configuration_that_there_is_not_names_the_one_that_may_be_meant(cli, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    for name in ("configs/defualt.yaml", "defualt.yaml", "configs/default.yml"):
        assert cli("--config", name) == 2
        assert capsys.readouterr().err == f"error: {name}: there is no such file: did you mean configs/default.yaml?\n"
    assert cli("--config", "nowhere/zzz.yaml") == 2
    assert capsys.readouterr().err == "error: nowhere/zzz.yaml: there is no such file\n"
