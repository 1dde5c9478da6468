"""The promises of the house that no linter checks."""

import re
import subprocess
import sys

import pytest

from .conftest import ROOT

LIGHTNING = {"lightning_fabric", "pytorch_lightning", "torchmetrics"}
SLOW = LIGHTNING | {"jsonargparse", "matplotlib", "numpy", "rich", "scipy", "sklearn", "torch"}


def imported_by(*arguments: str) -> set[str]:
    """The packages that a run of Python imports."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    modules = re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", done.stderr, re.MULTILINE)
    assert "torchnet" in modules, done.stderr
    return {module.partition(".")[0] for module in modules}


def test_the_mathematics_waits_for_torch_and_numpy_alone():
    code = "import torchnet.layers; from torchnet import MLP, SGD, cross_entropy"
    assert imported_by("-c", code) & SLOW == {"numpy", "torch"}


@pytest.mark.parametrize("command", ["train.py --help", "-m torchnet --help", "-m torchnet export --help"])
def test_help_waits_for_nothing(command):
    assert not imported_by(*command.split()) & SLOW


def test_a_trained_network_waits_neither_for_lightning_nor_for_what_only_some_data_need():
    assert not imported_by("-c", "import torchnet.runs.load_network") & (LIGHTNING | {"matplotlib", "sklearn"})


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
