"""Import the public names of a package on first use.

`python -m torchnet --help` must not import torch, and `torchnet.check` must not import Lightning.
"""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from torchnet.choices import did_you_mean, nearest


def import_on_first_use(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return __getattr__, __dir__ and __all__ of a package (PEP 562); the .pyi file beside `file` has its imports."""
    places: dict[str, str | None] = {}
    for node in ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            places |= {alias.name: node.module for alias in node.names}

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in places:
            hint = did_you_mean(nearest(name, places))
            raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}")
        module = places[name]
        if module is None:
            return import_module(f"{package}.{name}")
        return getattr(import_module(f"{package}.{module}"), name)

    return __getattr__, lambda: sorted(places), sorted(places)
