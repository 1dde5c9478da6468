"""`python -m torchnet runs`, and the words that name a run: last, best, last:NAME and best:NAME."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from torchnet.cli.main import main as train
from torchnet.commands import main
from torchnet.data import load

from ..conftest import ROOT
from ..run_folders import DIGITS

VALIDATED = "--data.validation_fraction=0.2"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with runs of two names; tests must not change it."""
    root = tmp_path_factory.mktemp("trained") / "runs"
    for options in (["--name=a", "--model.lr=0.1"], ["--name=b", VALIDATED], ["--name=a", "--model.lr=0.3"]):
        always = [DIGITS, "--trainer.max_epochs=1", "--report=false", f"--trainer.default_root_dir={root}"]
        assert train(ROOT / "configs", [*always, *options]) == 0
    return root


@pytest.fixture
def runs(trained, tmp_path, monkeypatch) -> Path:
    """A copy of the runs that tests may change, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(trained, "runs"))


@pytest.fixture
def listed(capsys, monkeypatch):
    """List runs in 80 columns; return the lines of stdout and of stderr."""
    monkeypatch.setattr("torchnet.commands.runs._WIDE", 80)

    def call(*arguments: str) -> tuple[list[str], list[str]]:
        capsys.readouterr()
        assert main(["runs", *arguments]) == 0
        out, err = capsys.readouterr()
        assert max(map(len, out.splitlines())) <= 80
        return out.splitlines(), err.splitlines()

    return call


def folders(name: str) -> list[str]:
    return sorted(path.name for path in Path("runs", name).iterdir())


class TestList:
    def test_has_the_options_that_differ_the_result_and_the_time(self, runs, listed):
        lines, err = listed()
        assert err == []
        (only,), (old, new) = folders("b"), folders("a")
        assert lines[0] == "runs/b", "the name of the newest run comes last"
        assert lines[3].split()[0] == only
        assert lines[1].split()[:3] == ["run", "val", "accuracy"]
        assert lines[5] == "runs/a"
        assert lines[6].split() == ["run", "options", "that", "differ", "test", "accuracy", "epochs", "time"]
        for line, folder, lr in ((lines[8], old, "0.1"), (lines[9], new, "0.3")):
            words = line.split()
            assert words[:3] == [folder, "lr", lr]
            assert words[3].endswith("%")
            assert (words[4], words[6]) == ("1", "s")

    def test_of_a_name(self, runs, listed):
        lines, _ = listed("b")
        assert "runs/b" in lines
        assert "runs/a" not in lines

    def test_says_that_a_run_is_not_at_its_end(self, runs, listed):
        newest = runs / "a" / folders("a")[-1]
        (newest / "report.json").unlink()
        (newest / "facts.json").unlink()
        lines, _ = listed("a")
        assert [line.endswith("unfinished") for line in lines[3:5]] == [False, True]

    @pytest.mark.parametrize(
        ("file", "content"),
        [
            ("config.yaml", "model: ["),
            ("config.yaml", "name: \x1b[2J\n"),
            ("config.yaml", None),
            ("metrics.csv", "a,b\n1,2\n"),
            ("report.json", "{}"),
            ("report.json", "["),
            ("facts.json", '{"seconds": "x"}'),
        ],
    )
    def test_has_one_line_for_a_damaged_run(self, file, content, runs, listed):
        old, new = folders("a")
        path = runs / "a" / old / file
        path.unlink()
        if content is not None:
            path.write_text(content)
        lines, err = listed()
        assert len(err) == 1
        assert err[0].startswith(f"skipped: runs/a/{old}")
        assert err[0].isprintable()
        assert any(line.startswith(new) for line in lines)
        assert not any(line.startswith(old) for line in lines)

    def test_waits_for_no_pipe(self, runs, listed):
        old, _ = folders("a")
        for file in ("metrics.csv", "config.yaml"):
            (runs / "a" / old / file).unlink()
            os.mkfifo(runs / "a" / old / file)
            _, err = listed()
            assert len(err) == 1

    def test_leaves_out_folders_of_other_things(self, runs, listed):
        before, _ = listed()
        (runs / "a" / "notes").mkdir()
        (runs / "a" / "file.txt").write_text("x")
        (runs / "c" / "d" / "e").mkdir(parents=True)
        (runs / "link").symlink_to("nowhere")
        assert listed() == (before, [])

    def test_has_copies_first(self, runs, listed):
        old, new = folders("a")
        shutil.copytree(runs / "a" / new, runs / "a" / "zzz")
        lines, _ = listed("a")
        assert [line.split()[0] for line in lines[3:6]] == ["zzz", old, new]
        assert "lr 0.3 (1)" in lines[3]
        assert "lr 0.3 (2)" in lines[5]

    @pytest.mark.parametrize("arguments", [["--root=nowhere"], ["nobody"]])
    def test_that_is_empty_says_so(self, arguments, runs, listed):
        lines, _ = listed(*arguments)
        assert len(lines) == 1
        assert lines[0].startswith("there is no run in ")

    def test_of_a_name_that_no_run_can_have(self, runs, capsys):
        assert main(["runs", "../runs"]) == 2
        assert capsys.readouterr().err.startswith("error: name: expected up to 64 letters")


class TestWords:
    def commands(self) -> list[list[str]]:
        Image.fromarray(load("digits").test_inputs[0]).resize((64, 64)).save("digit.png")
        return [["report"], ["demo"], ["export"], ["predict", "digit.png"]]

    @pytest.mark.parametrize(("word", "name"), [("last", "a"), ("last:b", "b"), ("last:a", "a"), ("best:b", "b")])
    def test_say_which_run_they_name(self, word, name, runs, capsys):
        folder = runs / name / folders(name)[-1]
        for command, *others in self.commands():
            assert main([command, word, *others]) == 0
            err = capsys.readouterr().err.splitlines()
            assert len(err) == 1
            assert err[0].startswith(f"{word} is {folder}/checkpoints/")

    def test_that_are_paths_say_nothing(self, runs, capsys):
        folder = runs / "b" / folders("b")[-1]
        for named in (folder, folder / "checkpoints" / "best.ckpt"):
            assert main(["demo", str(named)]) == 0
        assert capsys.readouterr().err == ""

    def test_name_the_run_that_train_py_starts_from(self, runs, cli, capsys):
        for word, name in (("last", "a"), ("last:b", "b"), ("best:b", "b")):
            assert cli("test", "--ckpt_path", word) == 0
            out = capsys.readouterr().out
            assert out.count(f"runs/{name}/{folders(name)[-1]}/") == 1
            assert out.startswith("from runs/")

    def test_say_it_for_image_files_too(self, runs, cli, capsys):
        self.commands()
        assert cli("predict", "--ckpt_path", "last:b", "digit.png") == 0
        assert capsys.readouterr().err.startswith(f"last:b is runs/b/{folders('b')[-1]}/checkpoints/")

    @pytest.mark.parametrize(
        ("word", "code", "words"),
        [
            ("last:c", 66, "last:c: there is no checkpoint under runs/c: train a network first"),
            ("last:bb", 66, "last:bb: there is no checkpoint under runs/bb: did you mean last:b?"),
            ("best:a", 66, "best:a: there is no checkpoint under runs/a: train a network first"),
            ("last:", 2, "name: expected up to 64 letters"),
            ("last:../a", 2, "name: expected up to 64 letters"),
            ("lats", 66, "expected a file, the folder of a run, last, best, last:NAME or best:NAME"),
            ("newest:a", 66, "newest:a: no such checkpoint"),
        ],
    )
    def test_that_name_nothing_are_refused(self, word, code, words, runs, capsys):
        assert main(["demo", word]) == code
        err = capsys.readouterr().err
        assert words in err
        assert err.count("\n") == 1
