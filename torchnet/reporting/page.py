"""The report page of one run, or of several side by side: one HTML file that needs nothing else, and PNG files."""

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich import progress
from rich.console import Console

from torchnet.drawing.picture import encoded
from torchnet.drawing.style import DPI, SERIES, STYLE
from torchnet.reporting.comparison import compare, results, twins, unlabeled
from torchnet.reporting.figures import classes, layers
from torchnet.reporting.figures.charts import curves, health, predictions
from torchnet.reporting.figures.svg import svg
from torchnet.reporting.findings import BLOCKED, RISE, USUAL, Finding, findings
from torchnet.reporting.run_data import RunData, duration
from torchnet.reporting.tables import Tables, amount, noun, tables_of
from torchnet.storage import make_folder, write_durably, write_quickly

PAGE, FIGURES = "report.html", "figures"


class Part(NamedTuple):
    """What a page shows of one run."""

    run: RunData
    label: str
    tables: Tables
    findings: list[Finding]


def write_page(runs: Sequence[RunData], page: Path, folder: Path) -> None:
    """Write the report page of a run, or of several side by side, and its figures as PNG files in a folder.

    Of several runs, the best one comes first, and the best few have figures of their own. The folder is created. A
    terminal shows a progress bar.

    Raises:
        DataError: if a file of a run is corrupt; OSError: if the page cannot be written, or the folder is a link.
    """
    for run in runs:
        run.read()
    make_folder(folder)
    environment = Environment(
        loader=PackageLoader("torchnet.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": "{:.2%}".format,
        "quoted": lambda path: shlex.quote(str(path)),  # for a shell, which the command is pasted into
        "duration": duration,
        "digit": classes.digit,
        "svg": svg,
        "shades": classes.shades,
        "quantity": amount,
    }
    compared = compare(runs)
    runs, labels = [it.run for it in compared], [it.label for it in compared]
    shown = runs[: len(SERIES)]  # with figures of their own: the others have no color in the curves
    drawn: dict[str, Figure] = {}
    console = Console(stderr=True)
    disable = not console.is_terminal
    with rc_context(STYLE):
        for name, draw in progress.track(
            _figures(runs, labels, shown).items(), "report", console=console, transient=True, disable=disable
        ):
            figure = draw()
            if figure is not None:
                drawn[name] = figure
                # Compression level 1 takes half the time, for a file that is 1.5 times as large.
                options = {"compress_level": 1}
                content = encoded(figure, ".png", dpi=DPI, facecolor="white", pil_kwargs=options)
                write_quickly(folder / f"{name}.png", content)
        text = environment.get_template("report.html").render(
            compared=compared,
            results=results(compared),
            differences=unlabeled(compared),
            twins=twins(compared),
            runs=shown,
            labels=labels[: len(shown)],
            parts=[Part(*it, tables_of(it[0]), findings(it[0])) for it in zip(shown, labels, strict=False)],
            noun=noun(shown[0]) if len({*map(noun, shown)}) == 1 else "samples",
            applied=_applied(shown),
            has_first_layer=any(name.startswith("first_layer") for name in drawn),
            first_layers=sorted({layers.kind_of_weights(run) for run in shown}),
            has_feature_maps=any(name.startswith("feature_maps") for name in drawn),
            blocked=[metric for metric in BLOCKED if any(metric in _blocked(run) for run in shown)],
            limits={metric: f"{100 * limit:g}" for metric, limit in BLOCKED.items()},
            rise=f"{100 * RISE:g}",
            most_classes=classes.MOST_CLASSES,
            drawn=drawn,
        )
    write_durably(page, text.encode())


def _blocked(run: RunData) -> list[str]:
    """Return which measures of blocked gradients were logged."""
    return [metric for metric in BLOCKED if run.by_layer(metric)]


def _applied(runs: Sequence[RunData]) -> str:
    """Return what is applied in training and not in evaluation."""
    found = []
    for section, option in ("model", "dropout"), ("data", "deformation"):
        values = [run.config.get(section) for run in runs]
        found += [option] * any(isinstance(it, dict) and bool(it.get(option)) for it in values)
    return " and ".join(found)


def _figures(
    runs: Sequence[RunData], labels: Sequence[str], shown: Sequence[RunData]
) -> dict[str, Callable[[], Figure | None]]:
    """Return the functions that draw the figures, by name. A function returns None if the run does not have the data.

    If there are several runs, the name of a figure that belongs to one run ends with the number of the run.
    """
    figures: dict[str, Callable[[], Figure | None]] = {
        name: partial(curves, runs, labels, what) for name, what in (("loss", "loss"), (runs[0].score_name, "score"))
    }
    for k, run in enumerate(shown, 1):
        number = "" if len(runs) == 1 else f"_{k}"
        figures |= {
            f"confusion{number}": partial(classes.confusion, run),
            f"mistakes{number}": partial(classes.mistakes, run),
            f"predictions{number}": partial(predictions, run),
            f"first_layer{number}": partial(layers.first_layer, run),
            f"feature_maps{number}": partial(layers.feature_maps, run),
            f"gradient_norm{number}": partial(health, run, ("gradient_norm",), "norm of the gradient", None),
            f"update_ratio{number}": partial(health, run, ("update_ratio",), "update / weight", USUAL),
            f"blocked{number}": partial(health, run, _blocked(run), f"{' or '.join(_blocked(run))}, %", None),
        }
    return figures
