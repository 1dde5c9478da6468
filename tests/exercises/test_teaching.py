"""The script of docs/teaching.md grades a folder of submissions, each exercise in its own process."""

import re
import subprocess
import sys

import pytest

from docs.extensions.examples import TEACHING

RIGHT = """
import torch

def sigmoid_slope(x):
    return torch.sigmoid(x) * torch.sigmoid(-x)

def linear_backward(grad_output, x, weight):
    return grad_output @ weight, grad_output.T @ x, grad_output.sum(0)
"""
SLOPE = "    return torch.sigmoid(x) * torch.sigmoid(-x)"


@pytest.fixture
def graded(tmp_path):
    """Grade submissions; return the rows of the table, and the reports."""

    def grade(submissions, seconds):
        code, tests = re.findall(r"^```py\n(.*?)^```$", TEACHING.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        for old, new in (("SECONDS = 60", f"SECONDS = {seconds}"), (', "cross_entropy": 4', "")):  # quicker
            assert old in code
            code = code.replace(old, new)
        (tmp_path / "grade.py").write_text(code)
        (tmp_path / "test_class.py").write_text(tests)
        folders = {name: tmp_path / "submissions" / name for name in submissions}
        for name, text in submissions.items():
            folders[name].mkdir(parents=True)
            (folders[name] / "solutions.py").write_text(text)
        subprocess.run([sys.executable, "grade.py"], cwd=tmp_path, check=True, timeout=900)
        rows = (tmp_path / "points.csv").read_text().splitlines()
        return rows, {name: (folder / "report.txt").read_text(encoding="utf-8") for name, folder in folders.items()}

    return grade


def test_a_class_is_graded(graded):
    submissions = {
        "ada": RIGHT,
        "bob": RIGHT.replace("grad_output.T @ x", "x.T @ grad_output").replace(SLOPE, "    import os; os._exit(0)"),
        "cem": "def sigmoid_slope(x) return x",
    }
    rows, reports = graded(submissions, 300)
    assert rows == [
        "name,sigmoid_slope,linear_backward,total",
        "ada,1,3,4",
        "bob,0,0,0",
        "cem,0,0,0",
    ]
    assert reports["ada"].count(": passed. Right") == 2
    assert "sigmoid_slope: the program ended before the check did." in reports["bob"]
    for hint in ("Hint 1: grad_weight has shape (3, 4), expected (4, 3)", "Hint 2: Transposed", "Hint 3: "):
        assert hint in reports["bob"]
    assert "SyntaxError" in reports["cem"]


@pytest.mark.sweep
def test_with_pytest_each_exercise_is_a_test(graded, tmp_path):
    graded({"ada": RIGHT, "bob": RIGHT.replace("grad_output.T @ x", "x.T @ grad_output")}, 300)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_class.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert "1 failed, 3 passed" in done.stdout, done.stdout
    assert "FAILED test_class.py::test_the_solution_is_right[bob-linear_backward]" in done.stdout
    assert "Hint 2: Transposed" in done.stdout


@pytest.mark.sweep
def test_a_loop_that_never_ends_costs_one_exercise(graded):
    rows, reports = graded({"dora": RIGHT.replace(SLOPE, "    while True: pass")}, 20)
    assert rows[1:] == ["dora,0,3,3"]
    assert "sigmoid_slope: not finished after 20 seconds." in reports["dora"]
