"""The pytest file and the loop of docs/teaching.md grade a folder of submissions."""

import re
import shutil
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

def cross_entropy(logits, targets):
    rows = torch.nn.functional.one_hot(targets, logits.shape[1])
    loss = -(torch.log_softmax(logits, 1) * rows).sum() / len(targets)
    return loss, (torch.softmax(logits, 1) - rows) / len(targets)
"""
SUBMISSIONS = {
    "ada": RIGHT,
    "bob": RIGHT.replace("grad_output.T @ x", "x.T @ grad_output").replace("def sigmoid_slope", "def slope"),
    "cem": "def sigmoid_slope(x) return x",
    "dora": "import sys\nsys.exit(0)",
    "eve": RIGHT + "\nwhile True:\n    pass\n",
}


@pytest.fixture
def classroom(tmp_path):
    (code,) = re.findall(r"^```py\n(.*?)^```$", TEACHING.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "test_submission.py").write_text(code)
    for name, text in SUBMISSIONS.items():
        (tmp_path / "submissions" / name).mkdir(parents=True)
        (tmp_path / "submissions" / name / "solutions.py").write_text(text)
    return tmp_path


@pytest.mark.skipif(shutil.which("timeout") is None, reason="the loop calls timeout")
def test_a_class_is_graded(classroom):
    (loop,) = re.findall(r"^```sh\n(for .*?)^```$", TEACHING.read_text(), re.MULTILINE | re.DOTALL)
    assert "timeout 120 python -m" in loop
    loop = loop.replace(
        "timeout 120 python", f"timeout $(test $folder = submissions/eve/ && echo 5 || echo 300) {sys.executable}"
    )
    subprocess.run(["bash", "-c", loop], cwd=classroom, check=True, timeout=900)
    folders = {name: classroom / "submissions" / name for name in SUBMISSIONS}
    points = {name: (path / "points.txt") for name, path in folders.items()}
    assert (
        points["ada"].read_text()
        == "sigmoid_slope: 1 of 1\nlinear_backward: 3 of 3\ncross_entropy: 4 of 4\ntotal: 8 of 8\n"
    )
    assert points["bob"].read_text().endswith("total: 4 of 8\n")
    assert "grad_weight has shape (3, 4), expected (4, 3)" in (folders["bob"] / "report.txt").read_text()
    assert points["cem"].read_text().endswith("total: 0 of 8\n")
    assert "SyntaxError" in (folders["cem"] / "report.txt").read_text()
    assert not points["eve"].exists()
