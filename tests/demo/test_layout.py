"""Texts, bars, pictures and controls of the page never overlap, from phones to wide windows, in every state."""

import pytest
import torch

from torchnet import MLP
from torchnet.data import CategoricalColumn, Classes, NumericColumn, Preprocessing, Quantities, Table

from ..browser import reset, set_width
from ..layout import cut_texts, overlaps
from .pages import KINDS, find, network_for, pause, put, two_frames

WIDTHS = (320, 390, 450, 500, 800, 1280)
LONG = "a name without any end " * 3
EXTREMES = {
    "table": Preprocessing(
        Table(
            (
                NumericColumn(LONG, -9e8, 1e6),
                NumericColumn("N" * 60, 1e-7, 1e-9),
                CategoricalColumn("c" + LONG, (LONG, "")),
            )
        ),
        Classes((LONG + "1", LONG + "2", "W" * 60), "str"),
    ),
    "quantities": Preprocessing(KINDS["table"].inputs, Quantities((LONG, "W" * 60), (-1e8, 1e-9), (1e3, 1e-12))),
    "digits": Preprocessing.of_digits(784, 10),
}


@pytest.fixture
def expect_no_overlaps(browser):
    """Lay the page out in every width; nothing may overlap, be cut, or be wider than the window."""

    def expect(state):
        for width in WIDTHS:
            set_width(browser, width)
            two_frames(browser)
            place = f"{state} at {width} px"
            assert overlaps(browser) == [], place
            assert cut_texts(browser) == [], place
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, place
        reset(browser)

    yield expect
    reset(browser)


def deep_network(in_features, width):
    """A network whose gradients vanish: the first ones have exponents of two digits."""
    sizes = (in_features, *[4] * 30, width)
    return MLP(sizes, activation="sigmoid", initializer="xavier_normal", generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_overlaps_in_any_kind_of_page(kind, show, browser, expect_no_overlaps):
    show(network_for(KINDS[kind]), KINDS[kind])
    pause(browser)
    expect_no_overlaps("the backward pass")
    find(browser, "#forward").click()
    expect_no_overlaps("the forward pass")


@pytest.mark.sweep
@pytest.mark.parametrize("kind", EXTREMES)
def test_nothing_overlaps_with_extreme_numbers_and_names(kind, show, browser, expect_no_overlaps):
    preprocessing = EXTREMES[kind]
    show(deep_network(preprocessing.inputs.in_features, preprocessing.targets.width), preprocessing)
    pause(browser)
    expect_no_overlaps("vanishing gradients")
    put(browser, "#lr", "123456.789")
    find(browser, "#step").click()
    expect_no_overlaps("after a large step")
    find(browser, "#random-weights").click()
    expect_no_overlaps("random weights")
    find(browser, "#clear").click()
    pause(browser)
    expect_no_overlaps("an empty board")
    find(browser, "#forward").click()
    expect_no_overlaps("the forward pass")


def test_overlaps_and_cut_texts_are_found(show, browser):
    show(network_for(KINDS["table"]), KINDS["table"])
    assert overlaps(browser) == cut_texts(browser) == []
    style = "arguments[0].style.cssText = arguments[1]"
    browser.execute_script(style, find(browser, ".bars .number"), "position: relative; left: -40px")
    assert overlaps(browser) != []
    browser.execute_script(style, find(browser, ".bars .number"), "")
    browser.execute_script(style, find(browser, "#answer"), "width: 40px; white-space: nowrap; overflow: hidden")
    assert cut_texts(browser) != []
