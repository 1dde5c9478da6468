"""Configuration files: what is no plain YAML file is refused in a sentence that names it, and costs nothing."""

import os

import pytest

from . import fuzz_configs


def test_random_configurations_are_refused_or_right():
    said = []
    assert fuzz_configs.main(["--cases", "50"], said.append) == 0, "\n".join(said)
    table = "\n".join(said)
    assert "50 of 50 cases tried, 3 of them on the command line, 0 wrong" in table
    assert table.count("fault: ") == 10


def test_the_fuzzer_sees_a_fault_that_is_accepted(monkeypatch):
    monkeypatch.setitem(fuzz_configs.FAULTS, "alias bomb", lambda text: text)
    number = 1 + 5 * sorted(fuzz_configs.FAULTS).index("alias bomb")
    said = []
    assert fuzz_configs.main(["--first", str(number), "--cases", "1"], said.append) == 1
    assert "a fault is accepted" in said[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: a\nmodel: {lr: 1, lr: 2}\n", "bad.yaml: line 2: the key model.lr occurs twice"),
        (b"model.lr: 1\nmodel: {lr: 2}\n", "bad.yaml: line 2: the key model.lr occurs twice"),
        (b"name: &a x\nckpt_path: *a\n", "bad.yaml: line 2: aliases (*) are not supported"),
        (
            b"name: !!python/name:os.abort\n",
            "bad.yaml: expected a YAML file (could not determine a constructor for the tag",
        ),
        (b"name: !!binary aGk=\n", "bad.yaml: name: expected plain values, got a bytes"),
        (b"model: {lr: .nan}\n", "bad.yaml: model.lr: expected a finite number, got nan"),
        (b"model: {lr: 1e999}\n", "bad.yaml: model.lr: expected a finite number, got inf"),
        (b"name: a\n---\nname: b\n", "bad.yaml: expected a YAML file (expected a single document"),
        (b"name: " + b"[" * 900 + b"]" * 900, "bad.yaml: expected options by name, got deeply nested brackets"),
        (b"model: {hidden_sizes: [" + b"1," * 5000 + b"]}", "bad.yaml: line 1: expected at most 1000 keys and values"),
        (b"#" * 2**16 + b"#", "bad.yaml: expected a configuration of at most 65536 bytes"),
        (b"name: \xff\n", "bad.yaml: expected text in UTF-8, got something else at byte 6"),
        (b"name: 'a\0'\n", "bad.yaml: expected a YAML file"),
        (b"model: other.yaml\n", "bad.yaml: line 1: model: expected options by name, got 'other.yaml'"),
        (b"model: {learning_rate: 1}\n", "bad.yaml: Subcommand 'fit' does not accept option 'model.learning_rate'"),
        (b"model: {lr: banana}\n", "bad.yaml: --model.lr: Expected a float. Got value: banana"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_bad_configuration_is_one_sentence_and_exit_code_2(cli, capsys, tmp_path, content, message):
    (tmp_path / "bad.yaml").write_bytes(content)
    assert cli("--config", "bad.yaml") == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file_is_not_read(cli, capsys, tmp_path, make):
    make(tmp_path / "bad.yaml")
    assert cli("--config", "bad.yaml") == 2
    assert "bad.yaml: expected a configuration, got a " in capsys.readouterr().err


def test_null_is_no_value_where_one_belongs(cli, capsys, tmp_path):
    (tmp_path / "null.yaml").write_text("data:\n  batch_size:\n")
    assert cli("--config", "null.yaml") == 2
    assert capsys.readouterr().err.startswith("error: --data.batch_size: expected a value, got null: leave it out")


def test_a_configuration_that_the_command_line_makes_wrong_is_not_to_blame(cli, capsys, tmp_path):
    (tmp_path / "good.yaml").write_text("model: {lr: 1e-3}\n")
    assert cli("--config", "good.yaml", "--model.momentum", "banana") == 2
    assert capsys.readouterr().err.startswith("error: --model.momentum: Expected a float. Got value: banana")
