"""Equations are MathML, which browsers draw themselves: no script, no font, no network."""

import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

LOGGER = logging.getLogger(__name__)
COMMAND = re.compile(r"(?<=\\)[a-zA-Z]+")
KNOWN_AS = {
    "dots": "ldots",
    "big": "bigl",
    "Big": "Bigl",
    "bigg": "biggl",
    "Bigg": "Biggl",
    "mathrel": "mathrm",
}  # to docutils
# docutils would write the index of \hat x_n below x; that of an empty group beside x is at its place.
ACCENT = re.compile(r"(\\(?:bar|dot|hat|overline|tilde|vec|widehat)\s*(?:\{[^{}]*\}|\\?[a-zA-Z]+))\s*(?=[_^])")
FUNCTION = re.compile(r"<mo>&ApplyFunction;</mo>(?!\s*<mo)")  # log x, but not log(x)


def to_mathml(node: nodes.math | nodes.math_block) -> str:
    """Return an equation written in LaTeX as MathML; warn if it cannot be converted."""
    latex = COMMAND.sub(lambda match: KNOWN_AS.get(match[0], match[0]), node.astext())
    latex = ACCENT.sub(r"\1{}", latex)
    try:
        mathml = tex2mathml(latex, as_block=isinstance(node, nodes.math_block))
    except MathError as error:
        LOGGER.warning(f"{error} ({node.astext()})", location=node)
        return node.astext()
    return FUNCTION.sub(r'\g<0><mspace width="0.17em"></mspace>', mathml)


def inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write an equation within a line."""
    translator.body.append(to_mathml(node))
    raise nodes.SkipNode


def display(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write an equation on a line of its own."""
    translator.body.append(f'<div class="math">{to_mathml(node)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
