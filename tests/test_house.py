"""The promises of the house that no linter checks."""

import subprocess
import sys

from .conftest import ROOT


def test_importing_torchnet_imports_no_lightning():
    code = "import sys, torchnet; print('pytorch_lightning' in sys.modules, 'torchmetrics' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False False\n"


def test_the_package_calls_no_autograd_but_as_an_oracle():
    outside = [path for path in (ROOT / "torchnet").rglob("*.py") if path.parent.name != "checking"]
    for path in outside:
        source = path.read_text()
        for forbidden in ("autograd.", ".requires_grad_(", "requires_grad=True", "loss.backward"):
            assert forbidden not in source, f"{path} has {forbidden}"


def test_the_worst_errors_of_tests_in_other_processes_are_printed():
    command = [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", "-k", "test_linear_matches_torch"]
    done = subprocess.run([*command, "tests/layers/test_layers.py"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, table = done.stdout.partition("worst relative errors")
    for oracle in ("torch.nn", "autograd"):
        assert f" against {oracle}: Linear(" in table, done.stdout
