"""The documentation: its links, commands, options, paths and code excerpts exist as written."""

import ast
import doctest
import importlib.util
import pkgutil
import re
import shlex
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch
import yaml
from pygments.lexers import get_lexer_by_name

import torchnet
from torchnet.commands import main as torchnet_command
from torchnet.commands.sweep import split_at_commas

from .conftest import ROOT

PAGES = [ROOT / f"{name}.md" for name in ("README", "TUTORIAL", "CONTRIBUTING", "CHANGELOG")]
PAGES += [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / it / "README.md" for it in ("benchmarks", "notebooks"))]
CATALOG = ROOT / "docs" / "catalog" / "index.md"
PAGES = [page for page in PAGES if page.parent != CATALOG.parent]  # which the build of the site writes
MOST_LINES = 220  # of the README
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"(?:torchnet|tests|configs|docs|benchmarks|\.ci)/[\w./-]*")
NAME = re.compile(r"torchnet(?:\.\w+)+")
EXAMPLES = ("my_layer", "mylayers")  # files that the reader writes
NOT_IN_A_CONFIGURATION = {"help", "config", "ckpt_path", "print_config", "allow-environment-change", "trust-run"}


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    return [" ".join(span.split()) for span in SPAN.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command line on a page, in shell blocks and in the text."""
    for _, kind, block in FENCE.findall(page.read_text()):
        if kind == "sh":
            for line in block.replace("\\\n", " ").splitlines():
                for command in line.split("&&"):
                    yield shlex.split(command, comments=True)
    for span in spans(page):
        if "python " in span:
            yield shlex.split(span)


def commands_of(program: str) -> list[list[str]]:
    """The arguments of each call of train.py, or of `python -m` and what follows it."""
    found = []
    for page in PAGES:
        for words in commands(page):
            place = words.index(program) if program in words else -1
            if place >= 0 and (place == 0 or "python" in " ".join(words[:place]) or words[0] == "torchrun"):
                found.append(words[place + 1 :])
    assert found
    return found


def test_the_readme_is_short_and_runs_the_tests_by_its_first_command_with_pytest():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= MOST_LINES
    lines = [line for line in text.splitlines() if "-m pytest" in line]
    assert len(lines) == 1
    assert re.fullmatch(
        r"python3 -m venv .venv && .venv/bin/pip install \S+ '\S+' && .venv/bin/python -m pytest.*", lines[0]
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_images_resolve(page):
    for link in LINK.findall(prose(page)):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if target == CATALOG:  # the build of the site writes it
            continue
        assert target.exists(), f"{page.name}: there is no {link}"
        assert target.is_relative_to(ROOT), f"{page.name}: {link} is outside of the repository"
        assert not anchor or anchor in anchors(target), f"{page.name}: there is no heading {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_and_names_exist(page):
    words = [word for words in commands(page) for word in words] + spans(page)
    for word in words:
        if PATH.fullmatch(word) and not any(example in word for example in EXAMPLES):
            assert (ROOT / word).exists(), f"{page.name}: there is no {word}"
        if NAME.fullmatch(word) and page.name != "CHANGELOG.md" and not any(it in word for it in EXAMPLES):
            assert pkgutil.resolve_name(word) is not None, f"{page.name}: there is no {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_languages_of_blocks_are_known(page):
    for _, kind, _ in FENCE.findall(page.read_text()):
        if kind:
            get_lexer_by_name(kind)  # the build of the site would warn, which is an error there


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_are_python_and_their_names_exist(page):
    for _, kind, block in FENCE.findall(page.read_text()):
        if kind != "python":
            continue
        if page.name != "map.md":  # excerpts, which begin and end anywhere
            ast.parse(textwrap.dedent(block))
        imports = re.findall(r"^from (torchnet[\w.]*) import (.*)$", block, re.MULTILINE)
        names = NAME.findall(block) + [f"{package}.{name}" for package, found in imports for name in found.split(", ")]
        for name in names:
            assert pkgutil.resolve_name(name) is not None, f"{page.name}: there is no {name}"


def test_examples_in_docstrings_print_what_they_show():
    files = [path for path in (ROOT / "torchnet").rglob("*.py") if ">>>" in path.read_text()]
    for path in files:
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        result = doctest.testmod(module, extraglobs={"torch": torch, "torchnet": torchnet})
        assert result.attempted > 0
        assert result.failed == 0
    assert files


def test_the_new_names_in_the_changelog_exist():
    rows = re.findall(r"^  \| `(.*) \| (.*) \|$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert len(rows) > 8
    for _, new in rows:
        package = ""
        for name in SPAN.findall(new):
            package = name.rpartition(".")[0] if name.startswith("torchnet.") and name != "torchnet.engine" else package
            full = name if name.startswith("torchnet") else f"{package}.{name.removeprefix('.')}"
            assert pkgutil.resolve_name(full.removesuffix(".*")) is not None, full


def test_modules_that_are_run_exist():
    for module, *_ in commands_of("-m"):
        spec = importlib.util.find_spec(module)
        assert spec is not None, f"there is no module {module}"
        if spec.submodule_search_locations is not None:
            assert importlib.util.find_spec(f"{module}.__main__"), f"python -m {module} does not run"
        else:
            assert '__name__ == "__main__"' in Path(spec.origin).read_text(), f"python -m {module} does nothing"


def options_of(arguments: list[str]) -> dict[str, str | None]:
    """Options with their values; None if an option has none."""
    pairs = pairwise([*arguments, "--"])
    return {it[2:]: None if value.startswith("--") else value for it, value in pairs if it.startswith("--")}


def flat(config: dict, prefix: str = "") -> Iterator[str]:
    for name, value in config.items():
        yield prefix + name
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                yield from flat(part.get("init_args", {}) if "class_path" in part else part, f"{prefix}{name}.")


def test_options_of_train_py_exist(cli, capsys):
    values: dict[str, list[str]] = {}
    for arguments in commands_of("train.py"):
        command = arguments[0] if arguments and not arguments[0].startswith("-") else "fit"
        assert command in ("fit", "validate", "test", "predict"), arguments
        for name, value in options_of(arguments).items():
            if name == "config":
                assert (ROOT / value).is_file(), value
            elif name not in NOT_IN_A_CONFIGURATION:
                assert value is not None, f"--{name} has no value in {arguments}"
                values.setdefault(name, []).append(value)
    assert len(values) > 20
    known = set()
    for turn in range(max(map(len, values.values()))):  # all options at once, with their first value, then the others
        options = [f"--{name}={given[min(turn, len(given) - 1)]}" for name, given in values.items()]
        code = cli("fit", *options, "--print_config")
        out, err = capsys.readouterr()
        assert code == 0, err
        known |= set(flat(yaml.safe_load(out)))
    mentioned = {span.split()[0].removeprefix("--") for page in PAGES for span in spans(page) if span.startswith("--")}
    mentioned = {name for name in mentioned if "." in name or name in ("report", "name", "seed_everything")}
    assert mentioned <= known


def test_options_of_the_commands_exist(cli, capsys):
    for arguments in commands_of("-m"):
        if arguments[0] != "torchnet" or len(arguments) == 1 or arguments[1].startswith("-"):
            continue
        with pytest.raises(SystemExit, match="0"):
            torchnet_command([arguments[1], "--help"])
        text = capsys.readouterr().out
        options = options_of(arguments[2:])
        if arguments[1] == "sweep":  # the others are those of train.py
            given = {name: value for name, value in options.items() if f"--{name} " not in text or "." in name}
            options = {name: value for name, value in options.items() if name not in given}
            words = [f"--{name}={split_at_commas(value)[0]}" for name, value in given.items() if name != "config"]
            assert cli("fit", *words, "--print_config") == 0, arguments
            capsys.readouterr()
        for name in options:
            assert f"--{name}" in text, arguments


def test_excerpts_are_the_code():
    """A block of Python that follows a link to a file, in one section, shows lines of that file in their order."""
    checked = 0
    for page in (ROOT / "README.md", ROOT / "docs" / "map.md"):
        for section in re.split(r"^#+ ", page.read_text(), flags=re.MULTILINE):
            for block in FENCE.finditer(section):
                files = [link for link in LINK.findall(section[: block.start()]) if link.endswith(".py")]
                if block[2] != "python" or not files:
                    continue
                code = iter([line.strip() for line in (page.parent / files[-1]).read_text().splitlines()])
                for line in filter(None, map(str.strip, block[3].splitlines())):
                    assert line == "..." or line in code, (
                        f"{page.name}: {files[-1]} does not have, at its place: {line}"
                    )
                checked += 1
    assert checked >= 8
