"""The report page of one run, or of several side by side: one HTML file that needs nothing else, and PNG files."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from rich import progress
from rich.console import Console

from torchnet.reporting import pixels
from torchnet.reporting.figures import Drawing, curves, health
from torchnet.reporting.findings import findings
from torchnet.reporting.run_data import RunData
from torchnet.storage import write_durably

PAGE, FIGURES = "report.html", "figures"


class _Picture(NamedTuple):
    name: str  # in the template
    file: str  # without .png
    draw: Callable[[], Drawing | None]  # None if the run does not have the data


def write_page(runs: Sequence[RunData], page: Path, folder: Path) -> None:
    """Write the report page, and its figures as PNG files. A terminal shows a progress bar.

    Args:
        runs: the runs to show; several are compared.
        page: the HTML file to write.
        folder: the folder for the PNG files; it is created.

    Raises:
        DataError: if a file of a run is corrupt.
    """
    folder.mkdir(exist_ok=True)
    drawn: dict[str, Markup] = {}
    console = Console(stderr=True)
    disable = not console.is_terminal
    for picture in progress.track(_pictures(runs), "report", console=console, transient=True, disable=disable):
        drawing = picture.draw()
        if drawing is not None:
            drawn[picture.name] = Markup(drawing.element)
            # Not written durably: to draw the figure again is faster than fsync.
            (folder / f"{picture.file}.png").write_bytes(drawing.png)
    environment = Environment(
        loader=PackageLoader("torchnet.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": "{:.2%}".format,
        "duration": _duration,
        "digit": pixels.digit,
        "shades": pixels.shades,
    }
    text = environment.get_template("report.html").render(
        runs=runs,
        labels=_labels(runs),
        findings=[findings(run) for run in runs],
        differences=_differences(runs) if len(runs) > 1 else [],
        drawn=drawn,
    )
    write_durably(page, text.encode())


def _pictures(runs: Sequence[RunData]) -> list[_Picture]:
    """Return the figures to draw. The name of a figure that belongs to one run ends with the number of the run."""
    labels = _labels(runs)
    pictures = [_Picture(what, what, partial(curves, runs, labels, what)) for what in ("loss", "accuracy")]
    for k, run in enumerate(runs):
        number = "" if len(runs) == 1 else f"_{k + 1}"
        for name, draw in (
            ("confusion", partial(pixels.confusion, run)),
            ("mistakes", partial(pixels.mistakes, run)),
            ("first_layer", partial(pixels.first_layer, run)),
            ("gradient_norm", partial(health, run, ("gradient_norm",), "norm of the gradient", None)),
            ("update_ratio", partial(health, run, ("update_ratio",), "update / weight", (1e-4, 1e-2))),
            ("blocked", partial(health, run, ("saturated", "dead"), "saturated or dead, %", None)),
        ):
            pictures.append(_Picture(f"{name}{k}", f"{name}{number}", draw))
    return pictures


def _labels(runs: Sequence[RunData]) -> list[str]:
    """Return the names of the runs, with their start times if two names are the same."""
    names = [run.name for run in runs]
    return names if len({*names}) == len(names) else [f"{run.name} {run.time}" for run in runs]


def _differences(runs: Sequence[RunData]) -> list[tuple[str, list[str]]]:
    """Return the options that differ between the runs, each with its value in every run."""
    flat = [dict(_flat(run.config)) for run in runs]
    options = list(dict.fromkeys(option for values in flat for option in values))
    rows = [(option, [values.get(option, "") for values in flat]) for option in options]
    return [(option, values) for option, values in rows if len({*values}) > 1]


def _flat(config: Any, prefix: str = "") -> Iterable[tuple[str, str]]:
    for key, value in config.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()


def _duration(seconds: float) -> str:
    whole = math.floor(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{seconds:.1f} s"
