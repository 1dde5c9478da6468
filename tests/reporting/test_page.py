"""The page of one run, of every kind of data: what it shows, and that no part of it is empty."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

from torchnet.data import CategoricalColumn, Classes, NumericColumn, Pixels, Preprocessing, Quantities, Table
from torchnet.reporting.figures import classes, layers
from torchnet.reporting.figures.charts import curves, health, predictions
from torchnet.reporting.page import write_page
from torchnet.reporting.run_data import RunData
from torchnet.reporting.run_report import run_report
from torchnet.reporting.tables import amount, noun, tables_of

from ..browser import reset, set_width

FLOWERS = Classes(("iris setosa", "<b>$iris$</b>", "a flower with a name that is far too long to be shown"), "str")
COLUMNS = Table((NumericColumn("length", 5.8, 0.8, "indicator"), CategoricalColumn("garden", ("", "north", "south"))))
HEALTH = {f"{name}/layer_{k}": 0.01 for name in ("gradient_norm", "update_ratio", "dead") for k in (1, 2)}


def a_run(inputs: Any, targets: Any, *, looks: int = 3, epochs: int = 3, n: int = 60, val: bool = False) -> RunData:
    """Return a run with random outputs."""
    random = np.random.default_rng(0)
    preprocessing, width = Preprocessing(inputs, targets), targets.width
    if isinstance(targets, Classes):
        true = torch.tensor(random.integers(width, size=n))
        score = "accuracy"
    else:
        true, score = torch.tensor(random.normal(size=(n, width))), "r2"
    outputs = {split: (torch.tensor(random.normal(size=(n, width))), true) for split in ("train", "test")}
    pictures = {}
    if isinstance(inputs, Pixels):
        pictures = {"test": lambda k: inputs.drawn(random.integers(256, size=inputs.shape, dtype=np.uint8))}
    rows: list[dict[str, float]] = [{"step": 100 * k, "epoch": 0} | HEALTH for k in range(looks)]
    for k in range(epochs):
        rows.append({"step": k, "epoch": k, "train/loss": 2 - k / 9, "test/loss": 2 - k / 10, f"test/{score}": k / 9})
    weight = random.normal(size=(6, inputs.in_features))
    run = RunData(Path("runs/a/b"), {"name": "a"}, "name: a", "", 100, weight, preprocessing)
    report = run_report("a", [], outputs, preprocessing, pictures)
    if val:
        report["best"] = {"step": 20, "epoch": 2, "val_loss": 0.125}
    vars(run).update(rows=rows, report=report, facts={})  # the cached properties
    return run


def empty_run() -> RunData:
    run = RunData(Path("runs/a/b"), {"name": "a"}, "name: a", "", 0, None)
    vars(run).update(rows=[], report=None, facts={})
    return run


RUNS = {
    "table": lambda: a_run(COLUMNS, FLOWERS),
    "images": lambda: a_run(Pixels((4, 5)), FLOWERS),
    "colors": lambda: a_run(Pixels((3, 5, 4)), Classes(("False", "True"), "bool")),
    "47 classes": lambda: a_run(COLUMNS, Classes(tuple(map(str, range(47)))), n=600),
    "60 classes": lambda: a_run(COLUMNS, Classes(tuple(map(str, range(60)))), n=600),
    "200 classes": lambda: a_run(COLUMNS, Classes(tuple(map(str, range(200))))),
    "regression": lambda: a_run(COLUMNS, Quantities(("price",), (100.0,), (20.0,))),
    "two quantities": lambda: a_run(COLUMNS, Quantities(("a$", "b$"), (0.0, 0.0), (1e9, 1e-9)), val=True),
    "one look, one epoch": lambda: a_run(COLUMNS, FLOWERS, looks=1, epochs=1),
    "no gradients": lambda: a_run(COLUMNS, FLOWERS, looks=0),
    "nothing": empty_run,
}


class Parts(HTMLParser):
    """The text in each element of a page; the style sheet and what is drawn are no text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[list[str]] = []
        self.found: list[tuple[str, str]] = []
        self.feed(re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))

    def handle_starttag(self, tag: str, _: Any) -> None:
        if tag in ("img", "svg"):
            self.handle_data("(image)")
        if tag not in ("img", "meta"):
            self.open.append([tag, ""])

    def handle_startendtag(self, tag: str, _: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        name, text = self.open.pop()
        assert name == tag
        self.found.append((tag, " ".join(text.split())))

    def handle_data(self, data: str) -> None:
        for it in self.open:
            it[1] += data

    def of(self, tag: str) -> list[str]:
        return [text for name, text in self.found if name == tag]


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_scrolls_sideways(width, shown, browser, request, tmp_path):
    request.addfinalizer(lambda: reset(browser))
    set_width(browser, width)
    (tmp_path / "page.html").write_text(shown[2])
    browser.get((tmp_path / "page.html").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    hidden = """
        return [...document.querySelectorAll(".scroll > table:not(.confusion)")]
            .filter((it) => it.scrollWidth > it.parentElement.clientWidth + 1).map((it) => it.textContent);
    """
    assert browser.execute_script(hidden) == [], "a part of a table is hidden"


def page_of(run: RunData, folder: Path) -> tuple[str, Parts]:
    write_page([run], folder / "report.html", folder / "figures")
    page = (folder / "report.html").read_text()
    return page, Parts(page)


@pytest.fixture(params=RUNS, scope="module")
def shown(request, tmp_path_factory) -> tuple[str, RunData, str, Parts]:
    run = RUNS[request.param]()
    return request.param, run, *page_of(run, tmp_path_factory.mktemp("page"))


def test_no_part_of_a_page_is_empty(shown):
    _, _, _, parts = shown
    for section, heading in zip(parts.of("section"), parts.of("h2"), strict=True):
        assert len(section) > len(heading) + 20, f"nothing below {heading}"
    for tag in ("h1", "h2", "h3", "p", "figcaption", "summary", "tbody", "ul", "li", "dt", "dd", "pre"):
        assert "" not in parts.of(tag), tag
    for figure in parts.of("figure"):
        assert "(image)" in figure or re.search(r"\d", figure), figure


def test_each_page_shows_what_its_kind_of_data_has(shown):
    kind, _, _, parts = shown
    expected = {
        "nothing": ["Gradient health", "The run"],
        "regression": ["Learning curves", "Predictions", "First layer", "Gradient health", "The run"],
    }
    expected["two quantities"] = expected["regression"]
    others = ["Learning curves", "Mistakes", "First layer", "Gradient health", "The run"]
    assert parts.of("h2") == expected.get(kind, others)
    headings = parts.of("h3")
    assert ("Confusion matrix of the test set" in headings) == (
        kind in ("table", "images", "colors", "47 classes", "one look, one epoch", "no gradients")
    )
    assert ("Most confident mistakes" in headings) == (kind in ("images", "colors"))
    assert ("Most frequent mistakes" in headings) == (kind in ("47 classes", "60 classes"))
    assert ("Largest errors: price" in headings) == (kind == "regression")
    assert ("Which inputs the first layer uses" in headings) == (kind not in ("images", "colors", "nothing"))
    assert ("Dead units" in headings) == (kind not in ("no gradients", "nothing"))


def test_captions_speak_of_images_only_where_there_are_some(shown):
    kind, run, _, parts = shown
    is_image = kind in ("images", "colors")
    assert noun(run) == ("images" if is_image else "samples")
    captions = " ".join(parts.of("figcaption"))
    assert ("image" in captions) == is_image
    assert "deformation" not in captions
    assert ("Gray is zero" in captions) == (kind == "colors")


def test_names_of_classes_are_shown_as_text(tmp_path):
    page, parts = page_of(a_run(Pixels((4, 5)), FLOWERS), tmp_path)
    assert "<b>$iris$" not in page
    for name in FLOWERS.names:
        assert name in parts.of("th")
        assert any(f"{name} read as" in text for text in parts.of("b"))
    assert f"3 classes: {FLOWERS.names[0]}, {FLOWERS.names[1]}" in " ".join(parts.of("p"))


def test_of_many_classes_the_worst_ones_are_shown_and_the_rest_is_folded():
    run = a_run(COLUMNS, Classes(tuple(map(str, range(200)))), n=2000)
    test, train = tables_of(run).classes
    assert [test.split, train.split] == ["test", "train"]
    scores = run.report["classification_report"]["test"]["f1-score"]
    shown = [scores[name] for name, _ in test.rows]
    assert len(test.rows) == 20
    assert len(test.folded) == 180
    assert shown == sorted(scores[str(k)] for k in range(200))[:20]
    assert [name for name, _ in test.averages] == ["macro avg", "micro avg", "weighted avg"]


def test_the_most_frequent_mistakes_are_those_of_the_confusion_matrix():
    run = a_run(COLUMNS, Classes(tuple(f"c{k:02}" for k in range(12)), "str"))
    counts = np.zeros((12, 12), int)
    counts[3, 5], counts[5, 3], counts[7, 7], counts[3, 3] = 9, 4, 100, 1
    vars(run)["report"]["confusion_matrix"]["test"] = counts.tolist()
    assert tables_of(run).confusions == [("c03", ["c05", "9 of 10"]), ("c05", ["c03", "4 of 4"])]


def test_errors_of_a_regression_are_in_its_units(tmp_path):
    run = a_run(COLUMNS, Quantities(("price",), (100.0,), (20.0,)))
    rows = run.report["regression_report"]["test"]
    values = [f"{rows['r2']['price']:.4f}", *(f"{rows[it]['price']:.4g}" for it in ("mae", "rmse"))]
    assert tables_of(run).quantities[0] == ("test", values)
    ((name, errors),) = tables_of(run).errors
    points = {key: np.array(value)[:, 0] for key, value in run.report["predictions"]["test"].items()}
    worst = np.argsort(-np.abs(points["true"] - points["predicted"]))[:10]
    assert name == "price"
    assert [int(number) for number, _ in errors] == worst.tolist()
    assert float(errors[0][1][2]) == pytest.approx((points["predicted"] - points["true"])[worst[0]], rel=1e-3)
    (axes,) = predictions(run).axes
    drawn = axes.lines[1].get_xydata()
    assert np.array_equal(drawn, np.stack([points["true"], points["predicted"]], axis=1))
    _, parts = page_of(run, tmp_path)
    assert {*values} <= {*parts.of("td")}
    assert f"{run.report['r2']['test']:.4f}" in parts.of("dd")


@pytest.mark.parametrize(
    "value", [0.0, 1e300, *(pytest.param(it, marks=pytest.mark.sweep) for it in (-1e300, 5e-324, 1e9))]
)
def test_extreme_predictions_are_drawn(value, tmp_path):
    run = a_run(COLUMNS, Quantities(("price",), (100.0,), (20.0,)))
    points = run.report["predictions"]["test"]
    points["predicted"][0], points["true"][1] = [value], [-value]
    page_of(run, tmp_path)
    points["predicted"], points["true"] = [[value]] * 3, [[value]] * 3
    page_of(run, tmp_path)
    points["predicted"], points["true"] = [], []
    _, parts = page_of(run, tmp_path)
    assert "Predicted and true values" not in parts.of("h3")


def test_the_best_epoch_is_named_and_marked(tmp_path):
    run = a_run(COLUMNS, FLOWERS, val=True)
    _, parts = page_of(run, tmp_path)
    assert "the weights of epoch 2, which have the smallest validation loss (0.125)" in " ".join(parts.of("p"))
    axes = curves([run], ["a"], "score").axes[0]
    lines = {line.get_label(): np.asarray(line.get_xdata()).tolist() for line in axes.lines}
    assert lines["best val loss"] == [2, 2]
    assert lines["train"] == [2], "the score of the weights that were evaluated"


def test_inputs_of_a_table_are_described(tmp_path):
    _, parts = page_of(a_run(COLUMNS, FLOWERS), tmp_path)
    expected = "inputs: 1 numeric column, 1 categorical column, missing numbers become the mean, with an indicator"
    assert expected in parts.of("p")
    assert "numbers, mean 5.8, standard deviation 0.8" in parts.of("td")
    assert "categories: (missing), north, south" in parts.of("td")


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (Pixels((8, 9)), "inputs: images of 8 × 9 pixels"),
        (Pixels((3, 8, 9)), "inputs: color images of 8 × 9 pixels"),
        (Pixels((8, 9, 3), -1.0, 1.0), "inputs: color images of 8 × 9 pixels, values from -1 to 1"),
        (Pixels((3, 3, 3)), "inputs: color images of 3 × 3 pixels"),
    ],
)
def test_images_are_described(inputs, words):
    assert tables_of(a_run(inputs, FLOWERS)).data[0] == words


@pytest.mark.parametrize("first", [True, False], ids=["channels first", "channels last"])
def test_the_first_layer_of_color_images_has_one_scale_per_unit(first):
    unit = np.zeros((4, 5, 3))
    unit[1, 2] = [2.0, -1.0, 0.0]
    run = a_run(Pixels((3, 4, 5) if first else (4, 5, 3)), FLOWERS)
    weight = (unit.transpose(2, 0, 1) if first else unit).reshape(1, -1)
    vars(run)["first_layer"] = weight
    picture = layers.first_layer(run).axes[0].images[0].get_array()
    assert picture.shape == (4, 5, 4)
    assert picture[1, 2].tolist() == [255, 64, 128, 255]
    assert picture[0, 0].tolist() == [128, 128, 128, 255], "zero is gray"


def test_the_inputs_that_the_first_layer_uses_most_have_their_names():
    run = a_run(COLUMNS, FLOWERS)
    vars(run)["first_layer"] = np.array([[0.0, 3.0, 0.0, 1.0, 0.5], [2.0, 4.0, 0.1, 0.0, 0.0]])
    axes = layers.first_layer(run).axes[0]
    bars = {label.get_text(): bar.get_width() for label, bar in zip(axes.get_yticklabels(), axes.patches, strict=True)}
    names = ["length is missing", "length", "garden = north", "garden = south", "garden = (missing)"]
    assert list(bars) == names
    assert list(bars.values()) == [5, 2, 1, 0.5, 0.1]


def test_at_most_20_inputs_are_drawn():
    table = Table(tuple(NumericColumn(str(k), 0.0, 1.0) for k in range(50)))
    axes = layers.first_layer(a_run(table, FLOWERS)).axes[0]
    assert len(axes.patches) == 20
    assert all(label.get_text().startswith("column ") for label in axes.get_yticklabels())


@pytest.mark.parametrize(("looks", "marker"), [(1, "o"), (3, "o"), (30, "")])
def test_few_looks_at_gradients_are_drawn_as_points(looks, marker):
    axes = health(a_run(COLUMNS, FLOWERS, looks=looks), ("gradient_norm",), "norm", None).axes[0]
    assert [str(line.get_marker()) for line in axes.lines] == [marker] * 2
    low, high = axes.get_xlim()
    assert low < 0 < high
    assert high - low >= 2


def drawn_ticks(axis: Any) -> list[Any]:
    low, high = sorted(axis.get_view_interval())
    return [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


@pytest.mark.parametrize("draw", [classes.confusion, classes.mistakes, layers.first_layer, predictions])
@pytest.mark.parametrize("kind", ["images", "table", "47 classes", "two quantities"])
def test_no_text_of_a_figure_is_cut_off_or_covers_another(draw, kind, expect_legible):
    figure = draw(RUNS[kind]())
    if figure is None:
        return
    figure.draw_without_rendering()
    texts = []
    for axes in figure.axes:
        if axes.axison:
            texts += [tick.label1 for axis in (axes.xaxis, axes.yaxis) for tick in drawn_ticks(axis)]
            texts += [tick.label2 for tick in drawn_ticks(axes.xaxis)]
        texts += [it for it in (axes.xaxis.label, axes.yaxis.label) if it.get_text() and axes.axison]
        texts += [axes._left_title, *axes.texts, axes.xaxis.offsetText, axes.yaxis.offsetText]
    expect_legible(figure, [text for text in texts if text.get_text() and text.get_visible()])


def test_mistakes_are_shaded_and_hits_are_not():
    run = a_run(COLUMNS, FLOWERS)
    colors = classes.confusion(run).axes[0].images[0].get_array()
    counts = run.confusion
    assert colors[0, 0, 3] == pytest.approx(0.14)
    off = ~np.eye(3, dtype=bool)
    assert np.argmax(colors[..., 3] * off) == np.argmax(counts * off)
    assert colors[0, 1, :3].tolist() == pytest.approx(to_rgb("#c2410c"))


def test_quantities_have_four_digits():
    values = (0.012345, -99.891, 1234.5, 1e12)
    assert [amount(it) for it in values] == ["0.01235", "-99.89", "1,234", "1e+12"]  # half to even
