"""The form of the notebooks, and the numbers of the first. Building the documentation site runs all of them."""

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import torchnet

from ..conftest import ROOT
from .strip import NOTEBOOKS, stripped

REPOSITORY = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
ACCOUNT_AND_NAME = REPOSITORY.removeprefix("https://github.com/")
INSTALL = f"""try:
    import torchnet
except ImportError:
    %pip install --quiet "torchnet @ git+{REPOSITORY}"
    import torchnet"""
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
EXERCISE = re.compile(r'torchnet\.exercise\("(\w+)"\)')

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path, kind: str) -> list[str]:
    notebook = nbformat.read(path, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def code(path: Path) -> Iterator[ast.Module]:
    """Yield the code cells, parsed, without the one that installs torchnet."""
    for source in cells(path, "code"):
        if source != INSTALL:
            yield ast.parse(source)


def test_there_are_seven():
    assert [path.name[:3] for path in NOTEBOOKS] == [f"{number:02}_" for number in range(1, 8)]


@each_notebook
def test_it_is_valid_and_has_no_outputs(path):
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5), "cells have ids from version 4.5 on"
    assert text == stripped(text), "run python -m tests.notebooks.strip"


@each_notebook
def test_it_opens_in_hosted_services_and_installs_torchnet_there(path):
    first, second = nbformat.read(path, as_version=4).cells[:2]
    assert (first.cell_type, second.cell_type) == ("markdown", "code")
    assert first.source.startswith("# ")
    colab = f"https://colab.research.google.com/github/{ACCOUNT_AND_NAME}/blob/main/notebooks/{path.name}"
    binder = f"https://mybinder.org/v2/gh/{ACCOUNT_AND_NAME}/main?labpath=notebooks%2F{path.name}"
    assert f"[Open in Colab]({colab})" in first.source
    assert f"[launch Binder]({binder})" in first.source
    assert second.source == INSTALL


@each_notebook
def test_the_names_of_torchnet_in_it_exist(path):
    found = set()
    for tree in code(path):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and re.fullmatch(r"torchnet(\.\w+)+", ast.unparse(node)):
                found.add(ast.unparse(node))
            elif isinstance(node, ast.ImportFrom) and node.module.partition(".")[0] == "torchnet":
                found |= {f"{node.module}.{name.name}" for name in node.names}
    assert found
    for name in found:
        thing = torchnet
        for part in name.split(".")[1:]:
            assert hasattr(thing, part), f"{path.name} names {name}"
            thing = getattr(thing, part)


@each_notebook
def test_its_exercises_exist_and_have_the_arguments_of_its_stubs(path):
    for name in EXERCISE.findall(path.read_text(encoding="utf-8").replace('\\"', '"')):
        assert name in torchnet.exercise()
    for tree in code(path):
        functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        for name in functions.keys() & set(torchnet.exercise()):
            (task,) = ast.parse(torchnet.exercise(name)._task.stub).body
            assert ast.unparse(functions[name].args) == ast.unparse(task.args)


@each_notebook
def test_its_links_lead_to_files(path):
    links = [link for text in cells(path, "markdown") for link in LINK.findall(text)]
    files = [link.partition("#")[0] for link in links if not link.startswith("https://")]
    assert files
    for file in files:
        assert (path.parent / file).exists(), f"{path.name} links to {file}"


def test_each_leads_to_the_next():
    for path, following in pairwise(NOTEBOOKS):
        assert f"]({following.name})" in cells(path, "markdown")[-1]


def test_the_readme_lists_them():
    readme = (ROOT / "notebooks" / "README.md").read_text()
    assert LINK.findall(readme)[: len(NOTEBOOKS)] == [path.name for path in NOTEBOOKS]


def test_the_first_has_the_numbers_of_the_original(notebook_numbers):
    literals = {}
    for tree in code(NOTEBOOKS[0]):
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("ORIGINAL_"):
                literals[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
    losses = {it["epoch"]: (it["test_loss"], it["train_loss"]) for it in notebook_numbers["losses"]}
    assert literals["ORIGINAL_LOSSES"] == losses
    for split, table in notebook_numbers["classification_report"].items():
        for name, cells_by_column in table.items():
            texts = [text.removesuffix(".0") for text in cells_by_column.values()]
            assert literals["ORIGINAL_REPORTS"][split][name].split() == texts
    assert str(list(notebook_numbers["accuracy"].values())).replace("'", '"') in "".join(cells(NOTEBOOKS[0], "code"))


@pytest.mark.sweep
def test_the_first_prints_the_numbers_of_the_original(mnist_place, monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHNET_DATA", str(mnist_place))
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    for line in ("losses: 16 of 16", "accuracies: 2 of 2", "train images: 52 of 52", "test images: 52 of 52"):
        assert f"{line} are the same to the last printed digit" in printed


def test_what_a_run_leaves_is_removed():
    (path, *_) = NOTEBOOKS
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["widgets"] = {}
    notebook.cells[1].execution_count = 1
    notebook.cells[1].metadata["scrolled"] = True
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="installed")]
    assert stripped(nbformat.writes(notebook)) == path.read_text(encoding="utf-8")
