"""Docstrings, which are plain text with `code` and indented equations, become reStructuredText."""

import re
from typing import Any

from sphinx.application import Sphinx

SPECIAL = re.compile(r"(`[^`]*`)|([*|\\]|_(?!\w))")  # code, or a character that is markup in reStructuredText


def to_restructured_text(lines: list[str]) -> list[str]:
    """Mark what is indented after an empty line, and examples, as preformatted; escape markup in all other lines."""
    result: list[str] = []
    above, literal = 0, None  # the indentation of the text above, and that of a preformatted block
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if not line.strip():
            result.append("")
            continue
        if literal is not None and indent < literal:
            literal = None
        if literal is None and number and not lines[number - 1].strip() and indent > above:
            literal = indent
            result += [" " * above + "::", ""]
        if literal is None:
            above = indent
        verbatim = literal is not None or line.lstrip().startswith((">>>", "..."))
        result.append(line if verbatim else SPECIAL.sub(lambda m: m[1] or f"\\{m[2]}", line))
    return result


def process(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """Rewrite a docstring."""
    lines[:] = to_restructured_text(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("autodoc-process-docstring", process, priority=100)  # before napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
