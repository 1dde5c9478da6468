"""The promises of the house that no linter checks."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import torchnet

from .conftest import ROOT
from .run_folders import DIGITS

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
    checking = ROOT / "torchnet" / "checking"
    outside = [path for path in (ROOT / "torchnet").rglob("*.py") if checking not in path.parents]
    for path in outside:
        source = path.read_text()
        for forbidden in ("autograd.", ".requires_grad_(", "requires_grad=True", "loss.backward"):
            assert forbidden not in source, f"{path} has {forbidden}"


def imports_on_loading(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that loading a file runs: not those in functions, nor those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            yield from imports_on_loading(ast.Module(node.orelse, []))
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from imports_on_loading(node)


def import_graph(package: Path) -> dict[str, set[str]]:
    """Return, for each module of a package, the modules of the package that its file names in an import."""
    paths = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        paths[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {}
    for module, path in paths.items():
        graph[module] = found = set()
        folder = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for node in imports_on_loading(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
                continue
            above = folder.split(".")[: folder.count(".") + 2 - node.level] if node.level else []
            source = ".".join([*above, *filter(None, [node.module])])
            names = {f"{source}.{alias.name}" for alias in node.names}
            found |= names & paths.keys()
            if names - paths.keys():
                found.add(source)
        found &= paths.keys() - {module}
    return graph


def circle_of_imports(package: Path) -> list[str] | None:
    """Return modules that import each other in a circle, the first one again at the end; None if there are none."""
    try:
        TopologicalSorter(import_graph(package)).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_no_two_files_import_each_other_in_a_circle():
    assert len(import_graph(ROOT / "torchnet")) > 100
    assert circle_of_imports(ROOT / "torchnet") is None


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("from .b import f", "from pack.a import g", True),
        ("import pack.b", "from . import a", True),
        ("try:\n    from .b import f\nexcept ImportError:\n    pass", "class C:\n    from .a import g", True),
        ("from pack import b", "from pack.a import g", True),
        ("from .inner.deep import f", "", True),  # which imports from ..a
        ("from pack import VERSION", "", True),  # __init__.py imports from .a
        ("from .b import f", "def f():\n    from .a import g", False),
        ("if TYPE_CHECKING:\n    from .b import f", "from .a import g", False),
        ("from .b import f", "import torch", False),
    ],
)
def test_a_circle_of_imports_is_found(one, other, found, tmp_path):
    (tmp_path / "pack" / "inner").mkdir(parents=True)
    files = {
        "__init__": "from .a import g",
        "a": one,
        "b": other,
        "inner/__init__": "",
        "inner/deep": "from ..a import g",
    }
    for name, text in files.items():
        (tmp_path / "pack" / f"{name}.py").write_text(text)
    assert (circle_of_imports(tmp_path / "pack") is not None) is found


def test_no_folder_has_more_than_16_python_files():
    counts = {folder: len(list(folder.glob("*.py"))) for folder in (ROOT / "torchnet").rglob("*") if folder.is_dir()}
    counts[ROOT / "torchnet"] = len(list((ROOT / "torchnet").glob("*.py")))
    del counts[ROOT / "torchnet" / "layers"]
    assert {str(folder.relative_to(ROOT)): count for folder, count in counts.items() if count > 16} == {}


def test_no_python_file_has_more_than_250_lines():
    counts = {path: len(path.read_text().splitlines()) for path in (ROOT / "torchnet").rglob("*.py")}
    assert {str(path.relative_to(ROOT)): count for path, count in counts.items() if count > 250} == {}


def test_the_wheel_has_the_version_the_types_the_templates_and_the_page(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.iterdir()
    assert path.name.startswith(f"torchnet-{torchnet.__version__}-")
    with zipfile.ZipFile(path) as wheel:
        packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
    files = {path for path in (ROOT / "torchnet").rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert packed == {path.relative_to(ROOT).as_posix() for path in files}
    for needed in ("py.typed", "__init__.pyi", "reporting/templates/report.html", "demo/web/demo/demo.js"):
        assert f"torchnet/{needed}" in packed


def test_it_trains_from_a_checkout_that_is_not_installed(cli, monkeypatch):
    installed = importlib.metadata.Distribution.from_name

    def from_name(name):
        if name == "torchnet":
            raise importlib.metadata.PackageNotFoundError(name)
        return installed(name)

    monkeypatch.setattr(importlib.metadata.Distribution, "from_name", from_name)
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("torchnet")
    assert cli(DIGITS, "--trainer.max_epochs=1") == 0


def test_the_worst_errors_of_tests_in_other_processes_are_printed():
    command = [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", "-k", "test_linear_matches_torch"]
    done = subprocess.run([*command, "tests/layers/test_layers.py"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    _, _, table = done.stdout.partition("worst relative errors")
    for oracle in ("torch.nn", "autograd"):
        assert f" against {oracle}: Linear(" in table, done.stdout
