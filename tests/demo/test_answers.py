"""What the outputs mean: names of classes, few or many, and quantities in their units; and pages of every kind."""

import numpy as np
import pytest
import torch
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from ..browser import reset, set_width
from .pages import (
    KINDS,
    MANY,
    NAMES,
    PRICES,
    expect_torchnets_numbers,
    find,
    input_of,
    network_for,
    put,
    texts,
    two_frames,
)


@pytest.mark.parametrize("kind", ["table", "channels last"])
def test_names_of_classes_are_shown(kind, show, browser):
    show(network_for(KINDS[kind]), KINDS[kind])
    if kind != "table":
        find(browser, "#fill").click()
    two_frames(browser)
    bars = browser.find_elements(By.CSS_SELECTOR, "#probabilities b")
    assert [bar.get_attribute("title") for bar in bars] == list(NAMES.names)
    best = find(browser, "#probabilities .first b").get_attribute("title")
    assert find(browser, "#answer").text == f"Most probable: {best}"
    find(browser, "#forward").click()
    assert [
        it.get_attribute("title") for it in browser.find_elements(By.CSS_SELECTOR, "#rows > li:last-child b")
    ] == list(NAMES.names)
    find(browser, "#backward").click()
    assert texts(browser, "#labels .class") == list(NAMES.names)
    assert find(browser, "legend").text == "Correct class"


def test_of_many_classes_the_most_probable_are_shown(show, browser):
    net = network_for(KINDS["many classes"])
    show(net, KINDS["many classes"])
    two_frames(browser)
    probabilities = net.eval()(torch.from_numpy(input_of(browser))[None]).softmax(dim=1)[0]
    order = probabilities.argsort(descending=True)[:10].tolist()
    assert texts(browser, "#probabilities b") == [MANY.names[k] for k in order]
    assert texts(browser, "#probabilities .number") == [f"{100 * probabilities[k]:.1f} %" for k in order]
    assert texts(browser, "#outputs .fact") == ["and 16 smaller"]
    find(browser, "#backward").click()
    choice = Select(find(browser, "#label"))
    assert choice.first_selected_option.text == MANY.names[order[1]]  # the most probable one has less to teach
    before = find(browser, "#loss").text
    choice.select_by_visible_text(MANY.names[order[5]])
    assert find(browser, "#loss").text != before
    put(browser, "#column-0", "41")  # the choice stays
    assert choice.first_selected_option.text == MANY.names[order[5]]


def test_quantities_are_shown_in_their_units(show, browser, expect_equal):
    net = network_for(KINDS["quantities"])
    show(net, KINDS["quantities"])
    two_frames(browser)

    def shown(selector):
        return [float(text.replace("\u2212", "-")) for text in texts(browser, selector)]

    find(browser, "#forward").click()
    outputs = net.eval()(torch.from_numpy(input_of(browser))[None]).numpy()
    expected = PRICES.decode(outputs)[0]
    for place in ("#quantities .number", "#rows > li:last-child .number"):
        assert (abs(shown(place) - expected) < [0.051, 5.1e-5]).all(), place
    find(browser, "#backward").click()
    assert texts(browser, ".quantity label") == list(PRICES.names)
    assert [float(it.get_attribute("value")) for it in browser.find_elements(By.CSS_SELECTOR, ".quantity input")] == [
        *PRICES.means
    ]
    put(browser, "#target-0", "310")
    put(browser, "#target-1", "-0.51")
    target = PRICES.encode(np.array([[310.0, -0.51]]))[0]
    expect_torchnets_numbers(browser, net, "mean_squared_error", target, expect_equal)
    loss = ((outputs[0] - target) ** 2).mean()
    assert float(find(browser, "#loss").text) == pytest.approx(loss, rel=5e-3)
    put(browser, "#target-0", "")  # counts as the mean
    assert float(find(browser, "#loss").text) == pytest.approx(((outputs[0] - [0, target[1]]) ** 2).mean(), rel=5e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(width, kind, show, browser):
    show(network_for(KINDS[kind]), KINDS[kind])
    set_width(browser, width)
    widths = []
    for view in ("forward", "backward"):
        find(browser, f"#{view}").click()
        two_frames(browser)
        widths.append(browser.execute_script("return document.documentElement.scrollWidth"))
    reset(browser)
    assert widths == [width, width]


@pytest.mark.parametrize("kind", KINDS)
def test_every_control_has_a_name(kind, show, browser):
    show(network_for(KINDS[kind]), KINDS[kind])
    find(browser, "#backward").click()
    code = """
        const controls = [...document.querySelectorAll("button, input, select")];
        const isNamed = (control) => control.labels?.length || control.textContent || control.ariaLabel;
        return controls.filter((control) => control.tabIndex < 0 || !isNamed(control)).map((it) => it.outerHTML);
    """
    assert browser.execute_script(code) == []
