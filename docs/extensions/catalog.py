"""The catalog: a page for each layer and loss, with its equations, its widget, its check and its code."""

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sphinx.application import Sphinx

import torchnet
from torchnet.demo.description import is_shown
from torchnet.demo.widgets import layer_widget, loss_widget
from torchnet.layers import ACTIVATIONS, Layer, Linear, Tanh
from torchnet.losses import LOSSES

SIZES: dict[str, Callable[[], tuple[Any, ...]]] = {  # the arguments of constructors that need some
    "AdaptiveAvgPool2d": lambda: (1,),
    "AvgPool2d": lambda: (2,),
    "BatchNorm1d": lambda: (4,),
    "BatchNorm2d": lambda: (2,),
    "Conv2d": lambda: (1, 2, 3),
    "Dropout": lambda: (0.3,),
    "Embedding": lambda: (6, 4),
    "GroupNorm": lambda: (2, 4),
    "LayerNorm": lambda: (4,),
    "Linear": lambda: (3, 2),
    "MaxPool2d": lambda: (2,),
    "MultiheadAttention": lambda: (4, 2),
    "LogSoftmax": lambda: (-1,),
    "Softmax": lambda: (-1,),
    "Residual": lambda: (Linear(4, 4), Tanh()),
    "RMSNorm": lambda: (4,),
    "Sequential": lambda: (Linear(3, 2), Tanh()),
}
ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "catalog"
PAGE = """\
# {name}

{summary}

{widget}
## Equations

```{{eval-rst}}
{reference}
```

## Check

`torchnet.check` compares the hand-written gradients with these, in float64, at several random points:

{check}

[All results](index.md#all-checks)

## Code

[{file}](../../{file}):

```{{literalinclude}} ../../{file}
```
"""
WIDGET = """\
<iframe src="{page}_widget.html" title="{name} at work" loading="lazy"></iframe>

[Open it alone]({page}_widget.html)

"""
INDEX = """\
# Layers and losses

Each page shows the equations of a layer or loss, its values and gradients to play with, how far its gradients are from
those of autograd, and its code.

{groups}

## All checks

`python -m torchnet check --all` printed this table when the site was built. Errors are relative.

{check}
"""


@dataclass
class Entry:
    """A layer or loss."""

    group: str
    thing: Callable[..., Any]

    @property
    def name(self) -> str:
        return self.thing.__name__

    @property
    def module(self) -> Any:
        return sys.modules[self.thing.__module__]

    @property
    def file(self) -> str:
        return Path(self.module.__file__).relative_to(ROOT).as_posix()

    @property
    def page(self) -> str:
        return self.name.lower()

    @property
    def summary(self) -> str:
        return self.module.__doc__.splitlines()[0]

    @property
    def widget(self) -> str | None:
        """The page in which the layer or loss runs; None for a layer that JavaScript does not have."""
        if self.group == "Losses":
            return loss_widget(self.name)
        if not is_shown(self.name):
            return None
        torch.manual_seed(0)
        return layer_widget(self.thing(*SIZES.get(self.name, tuple)()))


def entries() -> list[Entry]:
    """Return all layers and losses."""
    activations = {type(make()) for make in ACTIVATIONS.values()}
    groups: dict[str, list[Any]] = {"Layers": [], "Activations": [], "Normalizations": [], "Losses": [*LOSSES.values()]}
    for name in torchnet.layers.__all__:
        thing = getattr(torchnet.layers, name)
        if inspect.isclass(thing) and issubclass(thing, Layer) and thing is not Layer:
            group = "Activations" if thing in activations else "Normalizations" if "Norm" in name else "Layers"
            groups[group].append(thing)
    return [Entry(group, thing) for group, things in groups.items() for thing in things]


def table(rows: dict[str, list[str]]) -> str:
    """Return the rows of `check --all` as a table in Markdown."""
    from torchnet.checking.catalog import COLUMNS

    lines = [["", *COLUMNS], ["---"] * (len(COLUMNS) + 1), *([f"`{name}`", *cells] for name, cells in rows.items())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def check_rows(draft: bool) -> dict[str, list[str]]:
    """Check everything; return the rows of the table, which fails the build if a gradient is wrong."""
    from torchnet.checking.catalog import check_everything, worst_errors

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on small tensors two threads wait for each other longer than they work
    found = {} if draft else check_everything()
    torch.set_num_threads(threads)
    wrong = [name for name, reports in found.items() if not all(report.passed for report in reports)]
    if wrong:
        raise ValueError(f"wrong gradients: {', '.join(wrong)}")
    return {name: worst_errors(reports) for name, reports in found.items()}


def write_if_changed(path: Path, text: str) -> None:
    """Leave the time of an unchanged page, so that Sphinx does not read it again."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def write_pages(app: Sphinx) -> None:
    """Write the pages in Markdown, which Sphinx then reads."""
    FOLDER.mkdir(exist_ok=True)
    rows = check_rows(app.tags.has("draft"))
    everything = entries()
    for entry in everything:
        methods = "\n   :members: forward, backward" if inspect.isclass(entry.thing) else ""
        kind = "autoclass" if methods else "autofunction"
        own = {name: row for name, row in rows.items() if name.replace(",", "(").split("(")[0] == entry.name}
        widget = entry.widget
        page = PAGE.format(
            name=entry.name,
            summary=entry.summary,
            widget="" if widget is None else WIDGET.format(name=entry.name, page=entry.page),
            reference=f".. {kind}:: torchnet.{entry.name}{methods}",
            check=table(own),
            file=entry.file,
        )
        write_if_changed(FOLDER / f"{entry.page}.md", page)
        if widget is not None:
            write_if_changed(FOLDER / f"{entry.page}_widget.html", widget)
    groups = []
    for group in dict.fromkeys(entry.group for entry in everything):
        members = [entry for entry in everything if entry.group == group]
        lines = [f"- [{entry.name}]({entry.page}.md): {entry.summary}" for entry in members]
        tree = "\n".join(["```{toctree}", ":hidden:", *(entry.page for entry in members), "```"])
        groups.append("\n".join([f"## {group}", "", *lines, "", tree]))
    write_if_changed(FOLDER / "index.md", INDEX.format(groups="\n\n".join(groups), check=table(rows)))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
