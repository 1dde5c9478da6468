"""The command line `python -m torchnet`: its help, and its errors for unknown words."""

import pytest

from torchnet.commands import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND: see python -m torchnet --help"),
        (["exprt"], "invalid choice: 'exprt' (choose from"),
        (["exprt"], "): did you mean export?"),
        (["export"], "the following arguments are required: RUN: see python -m torchnet export --help"),
        (["export", "last", "--to", "onx"], "'torch'): did you mean onnx?"),
        (["export", "last", "--too=onnx"], "unrecognized arguments: --too=onnx: did you mean --to?"),
        (["export", "last", "a", "b"], "unrecognized arguments: b: see python -m torchnet export --help"),
        (["deformation", "--elastic", "1"], "did you mean --elastic_strength or --elastic_smoothness?"),
        (["check", "--conf", "x"], "unrecognized arguments: --conf: did you mean --config?"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [[], *([name] for name in ("check", "deformation", "demo", "export", "predict", "report", "runs", "sweep"))],
)
def test_help_fits_into_80_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as exit_:
        main([*command, "--help"])
    assert exit_.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("examples:") for line in lines) == bool(command)
