"""The package uses no function that could run code stored in a file."""

import ast

import pytest

from ..conftest import ROOT

FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_ATTRIBUTES = {"add_safe_globals", "safe_globals", "extractall", "full_load", "full_load_all"} | {
    "load_from_checkpoint",
    "unsafe_load",
    "unsafe_load_all",
}
FORBIDDEN_MODULES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


def dangers(source: str) -> list[str]:
    """Return the dangerous calls and imports of a program, with their lines."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [(node, name.name) for name in names if name.name.split(".")[0] in FORBIDDEN_MODULES]
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in FORBIDDEN_MODULES:
                found.append((node, module))
            case ast.ImportFrom(module=module, names=names):
                loaders = {"load"} if module in ("torch", "torch.serialization", "numpy", "yaml") else set()
                found += [(node, name.name) for name in names if name.name in FORBIDDEN_ATTRIBUTES | loaders]
            case ast.Name(id=name) if name in FORBIDDEN_NAMES:
                found.append((node, name))
            case ast.Attribute(attr=name) if name in FORBIDDEN_ATTRIBUTES:
                found.append((node, name))
            case ast.Call(func=ast.Attribute(value=value, attr="load" | "load_all"), keywords=keywords):
                options = {option.arg: ast.unparse(option.value) for option in keywords}
                owner = ast.unparse(value)
                if owner == "torch" and options.get("weights_only") != "True":
                    found.append((node, "torch.load without weights_only=True"))
                if owner == "yaml":
                    found.append((node, "yaml.load"))
                if options.get("allow_pickle", "False") != "False":
                    found.append((node, "allow_pickle"))
    return [f"line {node.lineno}: {what}" for node, what in found]


def test_the_package_has_no_dangerous_calls():
    paths = [ROOT / "train.py", *sorted((ROOT / "torchnet").rglob("*.py"))]
    assert len(paths) > 300
    assert [f"{path}: {danger}" for path in paths for danger in dangers(path.read_text())] == []


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=safe)",
        "from torch import load",
        "import pickle",
        "import pickle as p",
        "from pickle import loads",
        "import joblib",
        "yaml.load(file, Loader=yaml.SafeLoader)",
        "yaml.full_load(file)",
        "yaml.unsafe_load(file)",
        "eval('1')",
        "exec(code)",
        "run = eval",
        "tarfile.open(path).extractall()",
        "Module.load_from_checkpoint(path)",
        "torch.serialization.add_safe_globals([A])",
        "from torch.serialization import add_safe_globals",
        "np.load(path, allow_pickle=True)",
        "numpy.load(path, allow_pickle=flag)",
    ],
)
def test_dangerous_calls_are_found(source: str):
    assert len(dangers(source)) >= 1


@pytest.mark.parametrize("source", ["torch.load(path, weights_only=True)", "np.load(path)", "yaml.safe_load(file)"])
def test_safe_calls_are_not_reported(source: str):
    assert dangers(source) == []
