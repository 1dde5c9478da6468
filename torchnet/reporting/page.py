"""The report page of one run, or of several side by side: one HTML file that needs nothing else, and PNG files."""

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure
from rich import progress
from rich.console import Console

from torchnet.reporting import pixels
from torchnet.reporting.comparison import compare, results, twins, unlabeled
from torchnet.reporting.figures import DPI, SERIES, STYLE, curves, health, svg
from torchnet.reporting.findings import findings
from torchnet.reporting.picture import encoded
from torchnet.reporting.run_data import RunData, duration
from torchnet.storage import make_folder, write_durably, write_quickly

PAGE, FIGURES = "report.html", "figures"


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
        "digit": pixels.digit,
        "svg": svg,
        "shades": pixels.shades,
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
            findings=[findings(run) for run in shown],
            drawn=drawn,
        )
    write_durably(page, text.encode())


def _figures(
    runs: Sequence[RunData], labels: Sequence[str], shown: Sequence[RunData]
) -> dict[str, Callable[[], Figure | None]]:
    """Return the functions that draw the figures, by name. A function returns None if the run does not have the data.

    If there are several runs, the name of a figure that belongs to one run ends with the number of the run.
    """
    figures: dict[str, Callable[[], Figure | None]] = {
        what: partial(curves, runs, labels, what) for what in ("loss", "score")
    }
    for k, run in enumerate(shown, 1):
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
