"""The report page of one run, or of several side by side: one HTML file that needs nothing else, and PNG files."""

import math
import shlex
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich import progress
from rich.console import Console

from torchnet.reporting import pixels
from torchnet.reporting.figures import DPI, STYLE, curves, health, svg
from torchnet.reporting.findings import findings
from torchnet.reporting.picture import encoded
from torchnet.reporting.run_data import RunData
from torchnet.storage import make_folder, write_durably, write_quickly

PAGE, FIGURES = "report.html", "figures"


def write_page(runs: Sequence[RunData], page: Path, folder: Path) -> None:
    """Write the report page of a run, or of several side by side, and its figures as PNG files in a folder.

    The folder is created. A terminal shows a progress bar.

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
        "duration": _duration,
        "digit": pixels.digit,
        "svg": svg,
        "shades": pixels.shades,
    }
    drawn: dict[str, Figure] = {}
    console = Console(stderr=True)
    disable = not console.is_terminal
    with rc_context(STYLE):
        for name, draw in progress.track(
            _figures(runs).items(), "report", console=console, transient=True, disable=disable
        ):
            figure = draw()
            if figure is not None:
                drawn[name] = figure
                # Compression level 1 takes half the time, for a file that is 1.5 times as large.
                options = {"compress_level": 1}
                content = encoded(figure, ".png", dpi=DPI, facecolor="white", pil_kwargs=options)
                write_quickly(folder / f"{name}.png", content)
        text = environment.get_template("report.html").render(
            runs=runs,
            labels=_labels(runs),
            findings=[findings(run) for run in runs],
            differences=_differences(runs) if len(runs) > 1 else [],
            drawn=drawn,
        )
    write_durably(page, text.encode())


def _figures(runs: Sequence[RunData]) -> dict[str, Callable[[], Figure | None]]:
    """Return the functions that draw the figures, by name. A function returns None if the run does not have the data.

    If there are several runs, the name of a figure that belongs to one run ends with the number of the run.
    """
    labels = _labels(runs)
    figures: dict[str, Callable[[], Figure | None]] = {
        what: partial(curves, runs, labels, what) for what in ("loss", "score")
    }
    for k, run in enumerate(runs, 1):
        number = "" if len(runs) == 1 else f"_{k}"
        figures |= {
            f"confusion{number}": partial(pixels.confusion, run),
            f"mistakes{number}": partial(pixels.mistakes, run),
            f"first_layer{number}": partial(pixels.first_layer, run),
            f"gradient_norm{number}": partial(health, run, ("gradient_norm",), "norm of the gradient", None),
            f"update_ratio{number}": partial(health, run, ("update_ratio",), "update / weight", (1e-4, 1e-2)),
            f"blocked{number}": partial(health, run, ("saturated", "dead"), "saturated or dead, %", None),
        }
    return figures


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
