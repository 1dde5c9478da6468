"""The page of a run, or of several side by side: one file of HTML that needs nothing else, and its figures as PNG."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from torchnet.reporting import figures
from torchnet.reporting.figures import Drawing
from torchnet.reporting.findings import findings
from torchnet.reporting.pixels import confusion, data_url, digit, first_layer, mistakes, shades
from torchnet.reporting.record import Record
from torchnet.storage import write_durably

PAGE, FIGURES = "report.html", "figures"


class Picture(NamedTuple):
    """A figure of the page: its name there, that of its file, and what draws it, or returns None."""

    name: str
    file: str
    draw: Callable[[], Drawing | None]


def write_page(
    records: Sequence[Record],
    page: Path,
    folder: Path,
    track: Callable[[Sequence[Picture]], Iterable[Picture]] = iter,
) -> None:
    """Write the page of runs, and its figures as PNG files.

    Args:
        records: the runs.
        page: the file of HTML.
        folder: where the PNG files are put; it is made.
        track: is handed the pictures and hands them on, one by one: a bar of their progress.

    Raises:
        DataError: if a file of a run is not what a run writes; OSError: if a file cannot be written.
    """
    folder.mkdir(exist_ok=True)
    drawn: dict[str, Markup] = {}
    for picture in track(_pictures(records)):
        drawing = picture.draw()
        if drawing is not None:
            drawn[picture.name] = Markup(drawing.element)
            (folder / f"{picture.file}.png").write_bytes(drawing.png)  # drawn again sooner than forced to the disk
    environment = Environment(
        loader=PackageLoader("torchnet.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"share": "{:.2%}".format, "duration": _duration, "digit": digit, "shades": shades}
    text = environment.get_template("report.html").render(
        records=records,
        labels=labels(records),
        findings=[findings(record) for record in records],
        differences=differences(records) if len(records) > 1 else [],  # of one there are none, and it takes a while
        drawn=drawn,
    )
    write_durably(page, text.encode())


def _pictures(records: Sequence[Record]) -> list[Picture]:
    """Return what is to be drawn; what belongs to one run has the number of it in its name."""
    names = labels(records)
    pictures = [Picture(what, what, partial(figures.curves, records, names, what)) for what in ("loss", "accuracy")]
    for k, record in enumerate(records):
        number = "" if len(records) == 1 else f"_{k + 1}"
        for name, draw in (
            ("confusion", partial(_confusion, record)),
            ("mistakes", partial(_mistakes, record)),
            ("first_layer", partial(_first_layer, record)),
            ("gradient_norm", partial(figures.health, record, ("gradient_norm",), "norm of the gradient", None)),
            ("update_ratio", partial(figures.health, record, ("update_ratio",), "update / weight", (1e-4, 1e-2))),
            ("blocked", partial(figures.health, record, ("saturated", "dead"), "saturated or dead, %", None)),
        ):
            pictures.append(Picture(f"{name}{k}", f"{name}{number}", draw))
    return pictures


def _confusion(record: Record) -> Drawing | None:
    counts = record.confusion("test")
    return None if counts is None else Drawing(confusion(counts), "")


def _mistakes(record: Record) -> Drawing | None:
    found = record.mistakes("test")
    return Drawing(mistakes(found), "") if found else None


def _first_layer(record: Record) -> Drawing | None:
    png = first_layer(record)
    return None if png is None else Drawing(png, f'<img src="{data_url(png)}" alt="">')


def labels(records: Sequence[Record]) -> list[str]:
    """Return what the runs are called: by their names if these tell them apart, else by the times, too."""
    names = [record.name for record in records]
    return names if len({*names}) == len(names) else [f"{record.name} {record.time}" for record in records]


def differences(records: Sequence[Record]) -> list[tuple[str, list[str]]]:
    """Return the options in which the runs differ, each with its value in every run."""
    flat = [dict(_flat(record.config)) for record in records]
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
