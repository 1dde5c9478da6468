"""The result of a check as HTML for notebooks, and as a figure."""

import html
import math
from typing import TYPE_CHECKING, Any

from torchnet.checking.reports.error_map import ErrorMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from torchnet.checking.reports.report import Report

_CELL = 12  # pixels
_MOST_TENSORS = 6  # in a figure


def as_html(report: "Report") -> str:
    """Return a table, the explanation, and a map of each wrong gradient; the colors suit light and dark pages."""
    headings, rows = report.table()
    head = "".join(f"<th style='text-align:left;padding-right:16px'>{html.escape(h.strip())}</th>" for h in headings)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    outcome = _cell("all gradients right" if report.passed else "WRONG").replace("td", "span")
    maps = "".join(
        f"<div style='margin:8px 0'>{html.escape(v.name)}: {v.error_map.rows} x {v.error_map.columns}, "
        f"the error relative to the largest value<br>{_svg(v.error_map)}</div>"
        for v in report.tensors
        if v.error_map is not None and not v.passed
    )
    text = html.escape("\n".join(report.explanation(width=100, with_map=False)))
    return (
        f"<div><b>{html.escape(report.subject)}</b> {html.escape(report.place)}: {outcome}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<pre style='background:none;color:inherit;white-space:pre-wrap'>{text}</pre>{maps}</div>"
    )


def _cell(text: str) -> str:
    color = {"right": "#2a9d4a", "WRONG": "#e5484d"}.get(text.split(" ")[-1], "inherit")
    return f"<td style='text-align:left;padding-right:16px;color:{color}'>{html.escape(text)}</td>"


def _svg(picture: ErrorMap) -> str:
    """Return the map as an image; red hides more of the page's background where the error is larger."""
    cells = []
    for y, row in enumerate(picture.errors):
        for x, error in enumerate(row):
            if error != 0:
                fill = "#888" if math.isnan(error) else "#e5484d"
                title = f"{picture.values[y][x]:.6g}, should be {picture.true[y][x]:.6g}"
                place = f"x='{x * _CELL}' y='{y * _CELL}' width='{_CELL}' height='{_CELL}'"
                cells.append(
                    f"<rect {place} fill='{fill}' fill-opacity='{_opacity(error):.2f}'><title>{title}</title></rect>"
                )
    width, height = len(picture.errors[0]) * _CELL, len(picture.errors) * _CELL
    frame = f"<rect width='{width}' height='{height}' fill='none' stroke='#888'/>"
    size = f"width='{width + 2}' height='{height + 2}' viewBox='-1 -1 {width + 2} {height + 2}'"
    return f"<svg {size}>{''.join(cells)}{frame}</svg>"


def _opacity(error: float) -> float:
    """Return 0.25 for the smallest error that is not rounding, 1 for an error as large as the values."""
    return 0.3 if math.isnan(error) else min(1.0, max(0.25, 1 + math.log10(error) / 16))


def plot(report: "Report") -> "Figure":
    """Return a figure: of each wrong gradient what was written, what is true, and the error; or the errors of all."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError as error:
        raise ImportError("report.plot() needs Matplotlib: pip install matplotlib") from error
    wrong = [v for v in report.tensors if v.error_map is not None and not v.passed][:_MOST_TENSORS]
    if not wrong:
        return _errors_of_all(report, Figure)
    figure = Figure(figsize=(11, 0.6 + 2.6 * len(wrong)), layout="constrained")
    figure.suptitle(f"{report.subject} {report.place}")
    for axes, verdict in zip(figure.subplots(len(wrong), 3, squeeze=False), wrong, strict=True):
        picture: Any = verdict.error_map
        largest = max((abs(x) for row in picture.true for x in row if math.isfinite(x)), default=1.0) or 1.0
        extent = (-0.5, picture.columns - 0.5, picture.rows - 0.5, -0.5)  # the ticks are indices of elements
        for axis, title, values in zip(axes, ("written", "true"), (picture.values, picture.true), strict=False):
            image = axis.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto", extent=extent)
            axis.set_title(f"{verdict.name}: {title}", fontsize=10)
            figure.colorbar(image, ax=axis)
        errors = [[math.log10(e) if e > 0 else math.nan for e in row] for row in picture.errors]
        image = axes[2].imshow(errors, cmap="Reds", vmin=-16, vmax=0, aspect="auto", extent=extent)
        axes[2].set_title("relative error (white: right)", fontsize=10)
        figure.colorbar(image, ax=axes[2], format=lambda x, _: f"1e{x:.0f}")
        for axis in (side for it in axes for side in (it.xaxis, it.yaxis)):
            axis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


def _errors_of_all(report: "Report", figure_class: Any) -> "Figure":
    figure = figure_class(figsize=(8, 1.4 + 0.35 * len(report.tensors)), layout="constrained")
    axis = figure.subplots()
    for oracle in dict.fromkeys(oracle for v in report.tensors for oracle in v.comparisons):
        found = [(v.name, v.comparisons[oracle]) for v in report.tensors if oracle in v.comparisons]
        axis.plot([max(c.error, 1e-18) for _, c in found], [name for name, _ in found], "o", label=oracle)
    axis.set(
        xscale="log", xlim=(5e-19, 1), xlabel="relative error", title=f"{report.subject}: errors against each oracle"
    )
    axis.invert_yaxis()
    if report.tensors:
        axis.legend(loc="lower right")
    return figure
