"""Tests of the mutation testing, and a sample of mutants of the mathematics."""

import subprocess
import sys
from pathlib import Path

import pytest

from .planted import Planted
from .project import ROOT, TORCHNET, Project, StaleListError
from .syntax_tree import mutations

TOY = "def count(n):\n    while n > 0:\n        n -= 1\n    return n + 5\n"
# Run `main` on a toy project, in a new process without threads, which is safe to fork.
RUN = """
import sys
from pathlib import Path
from tests.mutation.__main__ import main
from tests.mutation.project import Project
equivalent = dict(pair.split("=") for pair in sys.argv[2:])
project = Project(Path(sys.argv[1]), ("toy.py",), ("test_toy.py",), (), equivalent)
sys.exit(main(["--show", "--only", "n + 5 -> n"], project))
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a + b", {"a - b"}),
        ("a * b", {"a / b"}),
        ("c - a / b", {"c + a / b", "a / b - c", "c - (a * b)", "c - (b / a)"}),
        ("a ** b", {"a * b", "b ** a"}),
        ("a @ b.T", {"b.T @ a", "a.T @ b.T", "a @ b"}),
        ("-a", {"a"}),
        ("a > b", {"a >= b", "a <= b"}),
        ("a is b", {"a is not b"}),
        ("a and b", {"a or b", "a", "b"}),
        ("3", {"4", "2"}),
        ("True", {"False"}),
        ("a if b else c", {"a if (not b) else c", "a", "c"}),
        ("a[b:c]", {"a[:c]", "a[b:]"}),
        ("torch.relu(a)", {"torch.abs(a)", "a"}),
        ("a.sum(dim=0)", {"a.mean(dim=0)", "a.sum(dim=1)", "a.sum()", "a"}),
        ("a.amax(keepdim=True)", {"a.amin(keepdim=True)", "a.amax(keepdim=False)", "a.amax()", "a"}),
        ("b, cast(Tensor, a).T", {"b, cast(Tensor, a)"}),
        ("zip(a, b, strict=True)", {"a"}),
        ("f'{a + b}'", set()),
        ("'∂L/∂x', -a", {"'∂L/∂x', a"}),
    ],
)
def test_operators_of_an_expression(line, expected):
    changed = {mutation.source for mutation in mutations(f"x = [{line}]\n")}
    assert changed - {"pass\n"} == {f"x = [{text}]\n" for text in expected}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a\n", {"pass\n"}),
        ("x += a\n", {"pass\n", "x -= a\n"}),
        ("if a:\n    x()\nelif b:\n    y()\n", {"pass\n", "if not a:\n    x()\nelif b:\n    y()\n"}),
        ("if a:\n    x()\nelif b:\n    y()\n", {"if a:\n    x()\nelif not b:\n    y()\n"}),
        ("if a:\n    x()\nelif b:\n    y()\n", {"if a:\n    pass\nelif b:\n    y()\n"}),
        (
            "@torch.no_grad()\ndef f(x: Tensor = 1) -> None:\n    '''Text.'''\n",
            {"@torch.enable_grad()\ndef f(x: Tensor = 1) -> None:\n    '''Text.'''\n"},
        ),
        ("def extra_repr():\n    return a + b\n", set()),
    ],
)
def test_operators_of_a_statement(source, expected):
    assert expected <= {mutation.source for mutation in mutations(source)}


def test_docstrings_and_annotations_are_not_mutated():
    source = '"""Text."""\nimport a\n__all__ = ["a"]\n\ndef f(x: int | None) -> int | None:\n    """Text."""\n'
    assert mutations(source) == []
    assert mutations("class A:\n    x: int\n") == []
    assert [m.source for m in mutations("@dataclass\nclass A:\n    x: int\n")] == ["@dataclass\nclass A:\n    pass\n"]
    assert [m.source for m in mutations('raise ValueError(f"{a + b}: " + c)\n')] == ["pass\n"]


def test_mutants_have_unique_names_and_changed_sources():
    mutants = TORCHNET.mutants()
    assert len({mutant.key for mutant in mutants}) == len(mutants)
    assert all(mutant.source != (ROOT / mutant.path).read_text() for mutant in mutants)
    names = [mutant.name.split(":", 1)[1].split(" ", 1)[1] for mutant in mutants]
    assert "Linear.backward: grad.T @ x -> (x @ grad.T)" in names


@pytest.mark.parametrize(("old", "times"), [("n * 2", 0), ("n", 6)])
def test_a_planted_mutant_whose_text_does_not_occur_once_is_refused(tmp_path, old, times):
    (tmp_path / "toy.py").write_text(TOY)
    project = Project(tmp_path, ("toy.py",), (), (Planted("slip", "toy.py", old, "0"),))
    with pytest.raises(
        StaleListError, match=f"'slip': expected its old text exactly once in toy.py, found it {times} times"
    ):
        project.mutants()


def run_toy(folder: Path, test: str, *equivalent: str) -> subprocess.CompletedProcess[str]:
    (folder / "toy.py").write_text(TOY)
    (folder / "test_toy.py").write_text(f"from toy import count\n\ndef test_count():\n    assert {test}\n")
    command = [sys.executable, "-c", RUN, str(folder), *equivalent]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_a_mutant_that_is_killed_is_counted(tmp_path):
    done = run_toy(tmp_path, "count(3) == 5")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 mutants (3 of the syntax tree, 0 written by hand): 3 killed" in done.stdout
    assert "score 100.0%" in done.stdout


def test_a_mutant_that_survives_is_named_and_shown(tmp_path):
    done = run_toy(tmp_path, "count(3) >= 5")
    assert done.returncode == 1
    assert "survived: toy.py:4 count: n + 5 -> n + 6\n    -    return n + 5\n    +    return n + 6\n" in done.stdout
    assert "2 killed (0 by the time limit), 0 equivalent, 1 survived; score 66.7%" in done.stdout


def test_an_outdated_list_of_equivalents_is_reported(tmp_path):
    done = run_toy(tmp_path, "count(3) == 5", "toy.py count: n + 5 -> n + 6=no reason", "toy.py gone=no reason")
    assert done.returncode == 1
    assert "listed as equivalent, but killed: toy.py:4 count: n + 5 -> n + 6" in done.stdout
    assert "listed as equivalent, but no such mutant: toy.py gone" in done.stdout
    assert "expected at most 5% equivalents, got 2 of" in done.stdout


def test_tests_that_fail_without_a_mutant_are_refused(tmp_path):
    done = run_toy(tmp_path, "count(3) == 6")
    assert done.returncode == 1
    assert "expected the tests to pass on the unchanged code, got exit code 1 of pytest" in done.stderr
    assert "assert 5 == 6" in done.stderr


def test_tests_that_fail_on_an_unchanged_mutant_are_refused(tmp_path):
    done = run_toy(tmp_path, "count.__globals__['__loader__'].__class__.__name__ == 'SourceFileLoader'")
    assert done.returncode == 1
    assert "expected the tests to pass in a fork that imports toy.py unchanged, got a failure" in done.stderr


def test_an_endless_mutant_is_timed_out(tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "test_toy.py").write_text("from toy import count\n\ndef test_count():\n    assert count(3) == 5\n")
    code = """
import sys
from pathlib import Path
from tests.mutation.project import Project
from tests.mutation.runner import Runner
project = Project(Path(sys.argv[1]), ("toy.py",), ("test_toy.py",))
runner = Runner(project)
runner.limit = 1
endless = [mutant for mutant in project.mutants() if "count: n -= 1 -> pass" in mutant.name]
print([verdict for _, verdict in runner.verdicts(endless)])
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "['timed out']\n", done.stderr


@pytest.mark.sweep
def test_a_sample_of_the_mutants_is_killed():
    command = [sys.executable, "-m", "tests.mutation", "--sample", "6", "--show"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.sweep
def test_some_mutants_of_one_file_are_killed_by_its_tests():
    code = """
import sys
from dataclasses import replace
from tests.mutation.__main__ import main
from tests.mutation.project import TORCHNET
file = "torchnet/losses/cross_entropy.py"
planted = tuple(slip for slip in TORCHNET.planted if slip.path == file)
equivalent = {key: why for key, why in TORCHNET.equivalent.items() if key.startswith(file)}
project = replace(TORCHNET, files=(file,), tests=("tests/test_losses.py",), planted=planted, equivalent=equivalent)
sys.exit(main(["--sample", "3", "--show"], project))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
