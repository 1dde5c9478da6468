"""`python -m torchnet demo --playground`: where it writes, and what it refuses."""

import pytest

from torchnet.commands import main
from torchnet.demo import playground_page


def test_the_page_links_to_nothing():
    assert "http" not in playground_page().replace("http-equiv", "")


@pytest.mark.parametrize(
    ("words", "name"), [([], "playground.html"), (["a.html"], "a.html"), (["--output", "b.html"], "b.html")]
)
def test_it_needs_no_run(words, name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--playground", *words]) == 0
    assert capsys.readouterr().out == f"{name}\n"
    assert (tmp_path / name).read_text(encoding="utf-8") == playground_page()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["last"], "expected no run with --playground, got last: networks are trained on its page"),
        (["last", "a.html"], "expected no run with --playground, got last a.html: networks are trained on its page"),
        (["--output", "a.txt"], "a.txt: expected a file name that ends with .html or .htm"),
    ],
)
def test_a_run_or_another_kind_of_file_is_refused(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", "--playground", *words]) == 2
    assert capsys.readouterr().err == f"error: {message}\n"
    assert list(tmp_path.iterdir()) == []


def test_without_a_run_the_demo_says_what_it_needs(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["demo"])
    assert exit_.value.code == 2
    assert "the following arguments are required: RUN: see python -m torchnet demo --help" in capsys.readouterr().err
