"""Write the address of the repository everywhere: `python -m tests.repository_address https://github.com/ACCOUNT/NAME`.

pyproject.toml has the address. Badges, install cells and links to the site contain it, each in its own form.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from .conftest import ROOT

FOLDERS = (".binder", ".ci", ".github", "benchmarks", "configs", "docs", "notebooks", "tests", "torchnet")
SUFFIXES = {".html", ".ipynb", ".js", ".md", ".py", ".toml", ".txt", ".yaml", ".yml"}
GITHUB = re.compile(r"https://github\.com/([\w-]+)/([\w.-]+)")


def in_pyproject() -> str:
    """Return the address that pyproject.toml has."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def account_and_name(address: str) -> tuple[str, str]:
    """Return the two parts of an address on GitHub."""
    match = GITHUB.fullmatch(address.removesuffix("/").removesuffix(".git"))
    if match is None:
        raise ValueError(f"expected https://github.com/ACCOUNT/NAME, got {address!r}")
    return match[1], match[2]


def mentions(name: str) -> re.Pattern[str]:
    """Return a pattern of account and name in the addresses of the repository, Colab and Binder, and of the site."""
    here = re.escape(name) + r"(?![\w-])"
    return re.compile(rf"((?<=github\.com/)|(?<=/github/)|(?<=/gh/))[\w-]+/{here}|(?<=//)[\w-]+\.github\.io/{here}")


def rewritten(text: str, name: str, new: tuple[str, str]) -> str:
    """Return the text with another account and name wherever it mentions the repository called `name`."""
    account, new_name = new
    between = {True: ".github.io/", False: "/"}
    return mentions(name).sub(lambda match: f"{account}{between['.github.io/' in match[0]]}{new_name}", text)


def files() -> Iterator[Path]:
    """Yield the text files of the repository."""
    for path in [*ROOT.iterdir(), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]:
        if path.suffix in SUFFIXES and path.is_file():
            yield path


def main() -> None:
    """Rewrite the files."""
    parser = argparse.ArgumentParser(prog="python -m tests.repository_address", description=__doc__.splitlines()[0])
    parser.add_argument("address", help="https://github.com/ACCOUNT/NAME")
    try:
        new = account_and_name(parser.parse_args().address)
    except ValueError as error:
        parser.error(str(error))
    name = account_and_name(in_pyproject())[1]
    for path in files():
        text = path.read_text(encoding="utf-8")
        if text != rewritten(text, name, new):
            path.write_text(rewritten(text, name, new), encoding="utf-8")
            print(path.relative_to(ROOT), file=sys.stderr)


if __name__ == "__main__":
    main()
