"""The page in a browser: draw, look at both passes, and take a step."""

import json
import re

import pytest
import torch
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from torchnet import MLP, BatchNorm1d, Dropout, LayerNorm, Linear, Residual, RMSNorm
from torchnet.data import Preprocessing
from torchnet.demo import ShownNetwork, demo_page
from torchnet.layers import ACTIVATIONS, Identity, PReLU
from torchnet.losses import LOSSES

from ..browser import reset, set_media, set_width
from .pages import find, put, two_frames

# Points relative to the middle of the board, whose size is 1.
SEVEN = [(-0.25, -0.3), (0.25, -0.3), (-0.05, 0.35)]


def draw(browser, points):
    board = find(browser, "#board")
    (x, y), *others = [(board.size["width"] * x, board.size["height"] * y) for x, y in points]
    chain = ActionChains(browser, duration=20).move_to_element_with_offset(board, x, y).click_and_hold()
    for next_x, next_y in others:
        for _ in range(5):
            chain.move_by_offset((next_x - x) / 5, (next_y - y) / 5)
        x, y = next_x, next_y
    chain.release().perform()
    two_frames(browser)


def probabilities(browser):
    code = """
        const rows = [...document.querySelectorAll("#probabilities li")];
        return rows.map((row) => Number(row.style.getPropertyValue("--share")));
    """
    return browser.execute_script(code)


def colors(browser):
    """Return the number of colors in each picture of the layers."""
    code = """
        return [...document.querySelectorAll("#rows canvas")].map((canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size;
        });
    """
    return browser.execute_script(code)


def number(browser, selector):
    text = find(browser, selector).text.removeprefix("here ").replace("\u2212", "-")
    mantissa, _, power = text.partition("·10")
    return float(mantissa) * 10 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)


def titles(browser):
    return [row.text.split(" ")[0] for row in browser.find_elements(By.CSS_SELECTOR, "#rows h3")]


def test_an_example_is_shown_at_once(opened):
    two_frames(opened)
    assert max(probabilities(opened)) > 0.3
    assert find(opened, "#answer").text.startswith("Most probable: ")
    assert len(find(opened, "#rows").find_elements(By.CSS_SELECTOR, ".row")) == len(titles(opened)) > 8


def test_the_forward_pass_updates_while_drawing(opened):
    find(opened, "#forward").click()
    two_frames(opened)
    before = probabilities(opened)
    draw(opened, SEVEN)
    assert probabilities(opened) != before
    assert sum(probabilities(opened)) == pytest.approx(1, abs=1e-12)
    assert min(colors(opened)) > 1  # no picture is blank
    assert titles(opened)[0] == "Image"
    assert titles(opened)[-1] == "Softmax"
    image = opened.execute_script("return torchnet.imageOf(torchnet.board.strokes)")
    logits = opened.execute_script("return torchnet.forward(arguments[0]).probabilities", image)
    assert logits == probabilities(opened)
    drawn = probabilities(opened)
    draw(opened, [(0.3, 0.3), (0.3, 0.35)])  # adds a stroke; the first one had replaced the example
    assert probabilities(opened) != drawn


def test_clear_leaves_an_empty_board_with_an_invitation(opened):
    draw(opened, SEVEN)
    assert not find(opened, ".invitation").is_displayed()
    find(opened, "#forward").click()
    find(opened, "#clear").click()
    two_frames(opened)
    assert find(opened, ".invitation").is_displayed()
    assert find(opened, "#answer").text == "Nothing is drawn yet."
    assert not find(opened, "#outputs").is_displayed()
    assert colors(opened)[0] == 1
    find(opened, "#examples button:nth-child(8)").click()
    two_frames(opened)
    assert not find(opened, ".invitation").is_displayed()


def test_the_backward_pass_is_shown_and_a_step_lowers_the_loss(opened):
    draw(opened, SEVEN)
    find(opened, "#backward").click()
    assert titles(opened)[0] == "Cross-entropy"
    assert titles(opened)[-1] == "Image"
    answer, second, *_, wrong = sorted(range(10), key=probabilities(opened).__getitem__, reverse=True)
    assert find(opened, f"#label-{second}").is_selected()
    loss_of_second = number(opened, "#loss")
    find(opened, f"label[for=label-{answer}]").click()
    assert number(opened, "#loss") < loss_of_second
    find(opened, f"label[for=label-{wrong}]").click()
    assert number(opened, "#loss") > loss_of_second
    assert min(colors(opened)) > 1
    image = opened.execute_script("return torchnet.imageOf(torchnet.board.strokes)")
    gradients = opened.execute_script("return torchnet.backward(...arguments)", image, wrong)
    assert number(opened, "#loss") == pytest.approx(gradients["loss"], rel=5e-3)
    squares = sum(x * x for layer in gradients["layers"] for grad in layer["grads"].values() for x in grad)
    put(opened, "#lr", "0.001")
    assert number(opened, "#promise") == pytest.approx(-0.001 * squares, rel=6e-3)
    norms = [row.text for row in opened.find_elements(By.CSS_SELECTOR, ".norm .number")]
    assert len(norms) == len(gradients["layers"]) + 1
    before = gradients["loss"]
    find(opened, "#lr").clear()
    find(opened, "#lr").send_keys("0.0001")
    find(opened, "#step").click()
    after = opened.execute_script("return torchnet.backward(...arguments)", image, wrong)["loss"]
    assert after - before == pytest.approx(-0.0001 * squares, rel=0.1)  # as predicted to first order
    assert re.match(r"The loss went from \S+ to \S+\.", find(opened, "#outcome").text)
    find(opened, "#reset").click()
    assert opened.execute_script("return torchnet.backward(...arguments)", image, wrong)["loss"] == before


def test_a_step_that_is_too_large_is_reported_and_can_be_undone(opened):
    draw(opened, SEVEN)
    find(opened, "#backward").click()
    find(opened, "#lr").clear()
    find(opened, "#lr").send_keys("1e200")
    find(opened, "#lr").send_keys(Keys.ENTER)
    for _ in range(2):
        find(opened, "#step").click()
    assert find(opened, "#outcome").text == "The loss is no longer finite: η was too large. Reset the weights."
    pattern = r"[\d,]+ training steps, test accuracy 9\d\.\d\d% before 3 steps on this page\."
    assert re.search(pattern, find(opened, ".run").text)
    find(opened, "#reset").click()
    assert sum(probabilities(opened)) == pytest.approx(1, abs=1e-12)
    assert "steps on this page" not in find(opened, ".run").text


def test_every_control_works_with_the_keyboard(opened):
    find(opened, "#backward").click()
    code = """
        const controls = [...document.querySelectorAll("button, input")];
        const isNamed = (control) => control.labels?.length || control.textContent;
        return controls.filter((control) => control.tabIndex < 0 || !isNamed(control)).length;
    """
    assert opened.execute_script(code) == 0
    find(opened, "#label-3").send_keys(" ")
    assert find(opened, "#label-3").is_selected()


@pytest.mark.parametrize("view", ["forward", "backward"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(view, width, opened):
    set_width(opened, width, scale=2)
    find(opened, f"#{view}").click()
    two_frames(opened)
    widest = opened.execute_script("return document.documentElement.scrollWidth")
    reset(opened)
    assert widest == width


def test_the_palettes_change_with_light_and_dark(opened):
    background, shades = [], []
    for scheme in ("light", "dark"):
        set_media(opened, {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"})
        two_frames(opened)
        background.append(opened.execute_script("return getComputedStyle(document.body).backgroundColor"))
        code = "return [...document.querySelector('#rows canvas').getContext('2d').getImageData(0, 0, 1, 1).data]"
        shades.append(sum(opened.execute_script(code)[:3]))
    assert background[0] != background[1]
    assert shades[0] > 600 > 200 > shades[1]  # the corner of the image is paper: light in light mode, dark in dark mode


def test_the_page_requests_only_itself(browser, page):
    browser.get_log("performance")
    browser.get(page.as_uri())
    two_frames(browser)
    draw(browser, SEVEN)
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} == {page.as_uri()}


@pytest.mark.parametrize("half", [0, 1])  # more than 20 layers would be a deep network, whose plots are folded
@pytest.mark.parametrize("loss", LOSSES)
def test_every_layer_and_loss_has_its_rows(loss, half, opened, tmp_path):
    torch.manual_seed(0)  # with other weights a flat activation may leave a picture blank
    activations = [make() for make in ACTIVATIONS.values()][half::2]
    activations = [PReLU(12) if isinstance(it, PReLU) else it for it in activations]  # one slope has one color
    block = Residual(LayerNorm(12), Residual(RMSNorm(12), Linear(12, 12, bias=False)), Dropout())
    layers = [Linear(16, 12), BatchNorm1d(12), *activations, block, Linear(12, 3)]
    for layer in (layers[1], block[0], block[1][0], *(it for it in activations if isinstance(it, PReLU))):
        layer.weight.uniform_(0.5, 1.5)  # a picture of ones would be blank
    path = tmp_path / "all.html"
    path.write_text(demo_page([ShownNetwork(layers, loss, "all", 0)], Preprocessing.of_digits(16, 3)))
    opened.get(path.as_uri())
    for view in ("forward", "backward"):
        find(opened, f"#{view}").click()
        two_frames(opened)
        kinds = ["Linear", "BatchNorm1d", *(type(layer).__name__ for layer in activations)]
        kinds += ["LayerNorm", "RMSNorm", "Linear", "Residual", "Dropout", "Residual", "Linear"]
        shown = [title for title in titles(opened) if title != "‖G‖"]  # the overview of a deep network
        assert sorted(shown[1:-1]) == sorted(kinds)
        plotted = [it for it in activations if not isinstance(it, (Identity, PReLU))]  # twelve slopes are not one curve
        assert len(opened.find_elements(By.CSS_SELECTOR, ".plot")) == len(plotted)
        assert min(colors(opened)) > 1


def test_a_large_network_works(opened, tmp_path):
    """The page works for the 12 million weights of the largest configuration, if slowly."""
    large = tmp_path / "large.html"
    net = MLP((784, 2500, 2000, 1500, 1000, 500, 10), initializer="xavier_normal")
    large.write_text(demo_page([ShownNetwork(net, "cross_entropy", "large", 0)], Preprocessing.of_digits(784, 10)))
    opened.get(large.as_uri())
    WebDriverWait(opened, 60).until(lambda browser: browser.execute_script("return Boolean(window.torchnet)"))
    draw(opened, SEVEN)
    find(opened, "#backward").click()
    assert sum(probabilities(opened)) == pytest.approx(1, abs=1e-12)
    assert min(colors(opened)) > 1
