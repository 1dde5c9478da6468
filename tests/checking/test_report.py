"""The report of torchnet.check as text, JSON, HTML and a figure."""

import io
import itertools
import json
import math
import sys
import time
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
import torch

from torchnet import check
from torchnet.checking import GradientError

from .subject_forms import as_pair, draw

VOID = {"br", "hr", "img", "input", "meta", "link"}


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order; collects tags, attributes and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def _one_row_wrong(xp, grad_output, x):
    gradient = grad_output * xp.cos(x)
    gradient[1] = 2 * gradient[1]
    return gradient


def _right(xp, grad_output, x):
    return grad_output * xp.cos(x)


def _sin(xp, x):
    return xp.sin(x)


@pytest.fixture(scope="module")
def wrong():
    return check(as_pair(_sin, _one_row_wrong), *draw((4, 3)))


@pytest.fixture(scope="module")
def right():
    return check(as_pair(_sin, _right), *draw((4, 3)))


def _rows_of_the_map(text):
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and set(line) <= set("·░▒▓█?")]


def test_text(right, wrong):
    assert "all gradients right" in str(right)
    assert "WRONG" not in str(right)
    assert _rows_of_the_map(str(right)) == []
    text = str(wrong)
    assert "WRONG" in text
    assert "all gradients right" not in text
    assert "4 x 3" in text
    assert "worst at [1, " in text
    assert max(map(len, text.splitlines())) <= 110


def test_the_map_shows_which_cells_are_wrong(wrong):
    assert "map of 4 x 3 elements" in str(wrong)
    rows = _rows_of_the_map(str(wrong))
    assert len(rows) == 4
    assert [set(row) == {"·"} for row in rows] == [True, False, True, True]
    assert "·" not in rows[1]


@pytest.mark.parametrize("place", [(0, 0), (3, 2), (2, 1)])
def test_the_map_of_one_element(place):
    def backward(xp, grad_output, x):
        gradient = grad_output * xp.cos(x)
        gradient[place] += 1.0
        return gradient

    rows = _rows_of_the_map(str(check(as_pair(_sin, backward), *draw((4, 3)))))
    assert [(i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if cell != "·"] == [place]


def test_the_map_of_a_large_tensor_is_small_and_still_shows_the_place():
    def backward(xp, grad_output, x):
        gradient = grad_output * xp.cos(x)
        gradient[50, 400] += 1.0
        return gradient

    report = check(as_pair(_sin, backward), *draw((64, 500)), other_inputs=False)
    rows = _rows_of_the_map(str(report))
    assert len(rows) <= 16
    assert all(len(row) <= 48 for row in rows)
    wrong = [(i / len(rows), j / len(row)) for i, row in enumerate(rows) for j, cell in enumerate(row) if cell != "·"]
    assert wrong
    assert all(abs(i - 50 / 64) < 0.1 and abs(j - 400 / 500) < 0.1 for i, j in wrong)


def test_shades_follow_the_size_of_the_error():
    def backward(xp, grad_output, x):
        gradient = grad_output * xp.cos(x)
        largest = gradient.abs().max()
        for i, error in enumerate((1e-8, 1e-4, 1e-2, 0.5)):
            gradient[i, 0] += error * largest
        return gradient

    rows = _rows_of_the_map(str(check(as_pair(_sin, backward), *draw((5, 3)))))
    assert [row[0] for row in rows] == ["░", "▒", "▓", "█", "·"]
    assert all(row[1:] == "··" for row in rows)


def test_json(right, wrong):
    for report in (right, wrong):
        values = json.loads(report.to_json())
        assert values["passed"] == report.passed
        assert [tensor["name"] for tensor in values["tensors"]] == ["x"]
        assert values["tried"] == report.tried
        assert values["untried"] == report.untried
    tensor = json.loads(wrong.to_json())["tensors"][0]
    assert tensor["worst_index"][0] == 1
    assert tensor["diagnosis"]["text"] == wrong.tensors[0].diagnosis.text
    assert [any(row) for row in tensor["error_map"]["errors"]] == [False, True, False, False]


def test_json_of_numbers_that_are_not_finite():
    report = check(as_pair(_sin, lambda xp, grad_output, x: grad_output / 0), *draw((2, 3)))
    text = report.to_json()
    assert "NaN" not in text.replace('NaN"', "").replace("or NaN", "")
    assert "Infinity" not in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("outcome", ["right", "wrong"])
def test_html(outcome, request):
    report = request.getfixturevalue(outcome)
    page = Balanced(report._repr_html_())
    assert report.subject in page.text
    assert ("all gradients right" if report.passed else "WRONG") in page.text
    assert ("svg" in page.tags) == (outcome == "wrong")
    assert {"table", "tr", "td"} <= set(page.tags)
    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    for name, value in page.attributes:
        assert name not in ("src", "href", "onclick", "onload"), (name, value)
        assert "url(" not in (value or "")
        assert "http" not in (value or "") or name == "xmlns"


def test_html_is_xml_and_draws_a_cell_for_every_wrong_element(wrong):
    page = wrong._repr_html_().replace("<br>", "<br/>")
    root = ElementTree.fromstring(page)
    (svg,) = [element for element in root.iter() if element.tag.endswith("svg")]
    titles = [element.text for element in svg.iter() if element.tag.endswith("title")]
    assert len(titles) == 3
    assert all("should be" in title for title in titles)
    width, height = float(svg.get("width")), float(svg.get("height"))
    cells = [e for e in svg.iter() if e.tag.endswith("rect") and e.get("x") is not None]
    assert len(cells) == 3
    assert len({cell.get("y") for cell in cells}) == 1
    for cell in cells:
        assert 0 <= float(cell.get("x")) <= width
        assert 0 <= float(cell.get("y")) <= height


def test_html_escapes_what_the_user_wrote():
    def forward(params):
        return params["<b onclick='x'>&"].sin()

    def backward(grad_output, params):
        raise ValueError("<script>alert(1)</script>")

    forward.__name__ = "<img src=x>"
    report = check((forward, backward), {"<b onclick='x'>&": torch.randn(2, 3, dtype=torch.float64)})
    page = Balanced(report._repr_html_())
    assert not {"script", "img", "b"} & set(page.tags) - {"b"}
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert not any(name == "onclick" for name, _ in page.attributes)
    assert "<script>alert(1)</script>" in page.text
    assert "<img src=x>" in page.text


@pytest.mark.parametrize("outcome", ["right", "wrong"])
def test_plot(outcome, request, tmp_path):
    pyplot_free = pytest.importorskip("matplotlib.figure")
    report = request.getfixturevalue(outcome)
    figure = report.plot()
    assert isinstance(figure, pyplot_free.Figure)
    titles = " ".join(axis.get_title() for axis in figure.axes) + figure.get_suptitle()
    assert report.subject in titles
    if outcome == "wrong":
        assert "x: written" in titles
        assert "x: true" in titles
        images = [axis.images[0].get_array() for axis in figure.axes if axis.images][:3]
        assert all(image.shape == (4, 3) for image in images)
        wrong_cells = ~torch.from_numpy(images[2].filled(math.nan)).isnan()
        assert wrong_cells.any(1).tolist() == [False, True, False, False]
        figure.canvas.draw()
        low, high = figure.axes[0].get_xlim()
        assert [tick for tick in figure.axes[0].get_xticks() if low <= tick <= high] == [0, 1, 2]  # indices
    figure.savefig(tmp_path / "report.png", dpi=40)
    assert (tmp_path / "report.png").stat().st_size > 1000


@pytest.mark.parametrize("shape", [(), (5,), (0, 3), (2, 3, 2, 2), (1, 1)], ids=str)
def test_every_shape_is_shown(shape):
    pytest.importorskip("matplotlib.figure")
    for slope, backward in ((1, lambda g, x: g * x.cos()), (2, lambda g, x: 2 * g * x.cos())):
        report = check((torch.sin, backward), *draw(shape))
        assert report.passed == (slope == 1 or 0 in shape)
        assert str(report)
        Balanced(report._repr_html_())
        json.loads(report.to_json())
        assert report.plot() is not None


def test_many_wrong_tensors_and_findings_without_tensors_are_drawn():
    pytest.importorskip("matplotlib.figure")

    def backward(xp, grad_output, *inputs):
        return tuple(2 * grad_output for _ in inputs)

    inputs = draw(*[(3, 2)] * 9)
    report = check((lambda *xs: sum(xs), lambda *args: backward(None, *args)), *inputs)
    assert len(report.diagnoses) == 9
    assert report.plot() is not None
    Balanced(report._repr_html_())

    def raises(grad_output, x):
        raise ValueError("no")

    report = check((torch.sin, raises), inputs[0])
    assert report.plot() is not None
    assert "ValueError: no" in Balanced(report._repr_html_()).text


def test_what_was_tried_is_said_in_every_form(right):
    assert right.tried
    for text in (str(right), repr(right), Balanced(right._repr_html_()).text):
        flat = " ".join(text.split())
        assert all(" ".join(what.split()) in flat for what in right.tried)


def test_raise_if_failed(right, wrong):
    right.raise_if_failed()
    with pytest.raises(GradientError, match="the gradient of x is wrong") as error:
        wrong.raise_if_failed()
    assert str(wrong) in str(error.value)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_long_check_says_what_it_does_on_a_terminal_only(stream, monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(sys, "stderr", stream())
    assert check(as_pair(lambda xp, x: x * x, lambda xp, g, x: 2 * g * x), *draw((4, 3))).passed
    written = sys.stderr.getvalue()
    if stream is Terminal:
        assert "checking" in written
        assert "autograd" in written
        assert written.endswith("\r\x1b[2K")  # and leaves no trace
    else:
        assert written == ""


def test_a_reference_and_an_expected_function_exclude_each_other():
    with pytest.raises(ValueError, match="got both"):
        check((torch.sin, torch.cos), *draw((4, 3)), reference=torch.sin, expected=torch.sin)
