"""The tables and texts of a report page: the data, the classes, the most frequent mistakes and the largest errors."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from torchnet.data import Preprocessing
from torchnet.data.inputs import Pixels, Table
from torchnet.data.table_columns import NumericColumn
from torchnet.data.targets import AVERAGES, Classes
from torchnet.printable import printable
from torchnet.reporting.run_data import RunData

MOST_ROWS = 20  # of classes, or columns, that are shown; the rest is folded
_MOST_PAIRS = 10  # of classes that are confused
_MOST_ERRORS = 10  # of a regression
_FEW_CLASSES = 10  # of which the confusion matrix alone shows what is confused
_LONGEST = 80  # characters, of a list of names
_MOST_COLUMNS = 100  # that are listed

Rows = list[tuple[str, list[str]]]  # each with its title and its cells


class ClassTable(NamedTuple):
    """The classification report of a split. Of many classes, those with the smallest f1-score come first."""

    split: str
    metrics: list[str]
    rows: Rows
    folded: Rows
    averages: Rows


class Tables(NamedTuple):
    """The tables of one run; those without content are empty."""

    data: list[str]
    columns: Rows
    classes: list[ClassTable]
    confusions: Rows
    quantities: Rows
    errors: list[tuple[str, Rows]]


def tables_of(run: RunData) -> Tables:
    """Return the tables of a run."""
    return Tables(
        data=_data(run.preprocessing) if run.preprocessing else [],
        columns=_columns(run.preprocessing) if run.preprocessing else [],
        classes=[] if run.is_regression else _class_tables(run),
        confusions=_confusions(run),
        quantities=_quantities(run) if run.is_regression else [],
        errors=[*_largest_errors(run)],
    )


def noun(run: RunData) -> str:
    """Return what the samples of a run are called."""
    if run.preprocessing is not None:
        return "images" if isinstance(run.preprocessing.inputs, Pixels) else "samples"
    return "images" if run.mistakes else "samples"


def amount(value: float) -> str:
    """Return a quantity with about four digits, and without an exponent where that is short."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"


def cut(name: str, most: int = 28) -> str:
    """Return a name, or the beginning of a long one."""
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _data(preprocessing: Preprocessing) -> list[str]:
    """Describe inputs and targets in a few words."""
    return [f"inputs: {_inputs(preprocessing)}", _targets(preprocessing)]


def _inputs(preprocessing: Preprocessing) -> str:
    inputs = preprocessing.inputs
    if isinstance(inputs, Pixels):
        sizes = [size for size in inputs.shape if len(inputs.shape) == 2 or size != 3] or [*inputs.shape[:2]]
        color = "color images" if len(inputs.shape) == 3 else "images" if inputs.is_image else "rows"
        scale = "" if inputs.is_scaled_in_steps else f", values from {inputs.low:g} to {inputs.high:g}"
        return f"{color} of {' × '.join(map(str, sizes))} pixels{scale}"
    numeric = [column for column in inputs.columns if isinstance(column, NumericColumn)]
    categories = len(inputs.columns) - len(numeric)
    words = [_count(len(numeric), "numeric column")] if numeric else []
    words += [_count(categories, "categorical column")] if categories else []
    filled = {column.missing for column in numeric} - {"refuse"}
    words += ["missing numbers become the mean" + ", with an indicator" * ("indicator" in filled)] if filled else []
    return ", ".join(words)


def _targets(preprocessing: Preprocessing) -> str:
    targets = preprocessing.targets
    names = [printable(name) for name in targets.names[:MOST_ROWS]]
    listed = ", ".join(names)
    listed = listed if len(listed) <= _LONGEST and len(names) == targets.width else f"{listed[: _LONGEST - 1]}…"
    if isinstance(targets, Classes):
        return f"{targets.width} classes: {listed}"
    return f"{'target' if targets.width == 1 else f'{targets.width} targets'}: {listed}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"


def _columns(preprocessing: Preprocessing) -> Rows:
    """Return the columns of a table, and what the training set has in them."""
    if not isinstance(preprocessing.inputs, Table):
        return []
    rows: Rows = []
    for column in preprocessing.inputs.columns[:_MOST_COLUMNS]:
        if isinstance(column, NumericColumn):
            text = f"numbers, mean {amount(column.mean)}, standard deviation {amount(column.std)}"
        else:
            text = f"categories: {', '.join(printable(name) or '(missing)' for name in column.categories)}"
        rows.append((printable(column.name), [text]))
    left_out = len(preprocessing.inputs.columns) - len(rows)
    return rows + ([("…", [f"{left_out} more"])] if left_out else [])


def _class_tables(run: RunData) -> list[ClassTable]:
    if run.report is None:
        return []
    tables = []
    for split, report in reversed(run.report["classification_report"].items()):
        names = [name for name in report["support"] if name not in AVERAGES]
        if len(names) > MOST_ROWS:
            names.sort(key=lambda name: report["f1-score"][name])
        rows, averages = ([(printable(name), _cells(report, name)) for name in part] for part in (names, AVERAGES))
        tables.append(ClassTable(split, [*report], rows[:MOST_ROWS], rows[MOST_ROWS:], averages))
    return tables


def _cells(report: dict[str, dict[str, float]], name: str) -> list[str]:
    return [f"{row[name]:,}" if metric == "support" else f"{row[name]:.4f}" for metric, row in report.items()]


def _confusions(run: RunData) -> Rows:
    """Return the most frequent mistakes in the test set, if there are too many classes to find them in the matrix."""
    if run.confusion is None or len(run.confusion) <= _FEW_CLASSES:
        return []
    counts = np.where(np.eye(len(run.confusion), dtype=bool), 0, run.confusion)
    pairs = (divmod(int(place), len(counts)) for place in np.argsort(-counts, axis=None, kind="stable")[:_MOST_PAIRS])
    return [
        (
            run.classes[label],
            [run.classes[predicted], f"{counts[label, predicted]:,} of {run.confusion[label].sum():,}"],
        )
        for label, predicted in pairs
        if counts[label, predicted]
    ]


def _quantities(run: RunData) -> Rows:
    """Return R² and the errors of each quantity of a regression, in every split."""
    report = {} if run.report is None else run.report["regression_report"]
    return [
        (
            f"{printable(name)}, {split}" if len(rows["r2"]) > 1 else split,
            [f"{rows['r2'][name]:.4f}", *(amount(rows[metric][name]) for metric in ("mae", "rmse"))],
        )
        for split, rows in reversed(report.items())
        for name in rows["r2"]
    ]


def _largest_errors(run: RunData) -> Iterator[tuple[str, Rows]]:
    """Yield the samples of the test set with the largest errors, for each quantity of a regression."""
    for name, true, predicted in run.predictions:
        worst = np.argsort(-np.abs(predicted - true), kind="stable")[: _MOST_ERRORS // min(2, len(run.predictions))]
        yield (
            name,
            [(str(k), [amount(true[k]), amount(predicted[k]), amount(predicted[k] - true[k])]) for k in worst],
        )
