"""What `train.py` says of itself, and of options and commands that there are not."""

import re
import shlex

import pytest

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
        (["--model.optimizer", "torch.optim.AdmW"], "--model.optimizer: module 'torch.optim' has no attribute 'AdmW'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_value_of_no_type_that_it_may_have_is_one_short_sentence(arguments, message, cli, capsys):
    assert cli(DIGITS, *arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {message}")
    assert len(err) < 150
