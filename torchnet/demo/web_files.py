"""The files in web/, put together to one page that needs no server and no internet.

mathematics/ holds the layers, losses and optimizers, view/ the parts of pages, and the other folders a page each.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_WEB = Path(__file__).parent / "web"

# The layers, losses and networks. A class comes before the classes that extend it.
MATHEMATICS = (
    "mathematics/layers",
    "mathematics/convolutions",
    "mathematics/poolings",
    "mathematics/normalizations",
    "mathematics/erfc",
    "mathematics/activations",
    "mathematics/losses",
    "mathematics/network",
)
# What trains a network from random weights.
TRAINING = (
    "mathematics/random",
    "mathematics/initializers",
    "mathematics/mlp",
    "mathematics/optimizers",
)
# Data sets, settings and experiments of the playground.
PLAYGROUND = (
    *MATHEMATICS,
    *TRAINING,
    *("demo/digit", "demo/examples"),
    "playground/data",
    "playground/settings",
    "playground/presets",
    "playground/history",
    "playground/experiment",
)


_COMMENT = re.compile(r"^ *(//.*|/\*\*(?s:.*?)\*/)\n", re.MULTILINE)


def render(template: str, styles: Iterable[str], scripts: Iterable[str], commented: bool = True, **values: Any) -> str:
    """Return a template of web/ with style sheets and scripts, which are named without their suffix, and values.

    A page of which a reader opens many is smaller without the comments of its scripts.
    """
    script = _text(scripts, ".js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, loader=FileSystemLoader(_WEB))
    return environment.get_template(template).render(
        style=_text(styles, ".css"), script=script if commented else _COMMENT.sub("", script), **values
    )


def _text(names: Iterable[str], suffix: str) -> str:
    return "\n".join((_WEB / f"{name}{suffix}").read_text(encoding="utf-8") for name in names)
