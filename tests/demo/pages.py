"""Networks for tables, images and quantities, and what tests do with their pages."""

import math

import numpy as np
import torch
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from torchnet import MLP
from torchnet.data import CategoricalColumn, Classes, NumericColumn, Pixels, Preprocessing, Quantities, Table
from torchnet.losses import LOSSES

TOLERANCE = 1e-12  # relative to the norm of a tensor
CATEGORIES = ("", "a long name of a color", "blue", "<b>red</b>")
COLUMNS = (
    NumericColumn("age", 42.25, 0.5),
    NumericColumn("__proto__", -3.0, 7.0, "indicator"),
    CategoricalColumn("color", CATEGORIES),
    NumericColumn("year", 1987.5, 12.0, "mean"),
    *(NumericColumn(f"column {k}", 1e6 * k, 10.0**k) for k in range(10)),
    CategoricalColumn("last", ("no", "yes")),
)
TABLE = Table(COLUMNS)
TABLE_JSON = Preprocessing(TABLE, Classes(("a", "b"))).as_dict()["inputs"]
NAMES = Classes(("setosa", '<i>"versicolor"</i>', "a name that is far too long to be shown in full"), "str")
MANY = Classes(tuple(f"class {k}" for k in range(26)), "str")
PRICES = Quantities(("price", "a quantity with a long name"), (250.0, -0.5), (40.0, 0.01))
SHAPES = {"gray": (8, 8), "channels last": (8, 8, 3), "channels first": (3, 8, 8)}
KINDS = {
    "table": Preprocessing(TABLE, NAMES),
    "many classes": Preprocessing(TABLE, MANY),
    "quantities": Preprocessing(TABLE, PRICES),
    **{name: Preprocessing(Pixels(shape), NAMES) for name, shape in SHAPES.items()},
}


def network_for(preprocessing):
    generator = torch.Generator().manual_seed(5)
    sizes = (preprocessing.inputs.in_features, 9, preprocessing.targets.width)
    return MLP(sizes, activation="tanh", generator=generator, dtype=torch.float64)


def find(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def texts(browser, selector):
    return [it.text for it in browser.find_elements(By.CSS_SELECTOR, selector)]


def two_frames(browser):
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def pause(browser):
    """Wait until the losses after a step belong to what was drawn."""
    browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 250))")


def put(browser, selector, value):
    """Set a control to a value, as a user does."""
    code = """
        const [control, value] = arguments;
        control.value = value;
        for (const name of ["input", "change"]) control.dispatchEvent(new Event(name));
    """
    browser.execute_script(code, find(browser, selector), value)
    two_frames(browser)


def input_of(browser):
    return np.array(browser.execute_script("return [...torchnet.network.layers[0].input]"), np.float64)


def gradient_of(browser):
    return np.array(browser.execute_script("return [...torchnet.network.layers[0].gradInput]"), np.float64)


def pixels_of(browser, canvas):
    """Return the pixels of a canvas, (height, width, 4)."""
    code = """
        const [canvas] = arguments;
        return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
    """
    pixels = np.array(browser.execute_script(code, canvas), np.uint8)
    side = math.isqrt(pixels.size // 4)
    return pixels.reshape(side, side, 4)


def paint(browser, *points):
    """Draw a line through points relative to the middle of the board, whose size is 1."""
    board = find(browser, "#board")
    side = board.size["width"]
    (x, y), *others = points
    chain = ActionChains(browser, duration=20).move_to_element_with_offset(board, side * x, side * y).click_and_hold()
    for next_x, next_y in others:
        chain.move_by_offset(side * (next_x - x), side * (next_y - y))
        x, y = next_x, next_y
    chain.release().perform()
    two_frames(browser)


def expect_torchnets_numbers(browser, net, loss, target, expect_equal):
    """Compare outputs and gradients of the page for its input with those of torchnet."""
    x = torch.from_numpy(input_of(browser))[None]
    logits = net.train()(x)
    _, grad = LOSSES[loss](logits, torch.as_tensor(target)[None])
    shown = browser.execute_script("return [...torchnet.network.layers.at(-1).output]")
    expect_equal("logits", torch.tensor([shown], dtype=torch.float64), logits, "torchnet", TOLERANCE)
    gradient = torch.from_numpy(gradient_of(browser))[None]
    expect_equal("gradient of the input", gradient, net.backward(grad, input_grad=True), "torchnet", TOLERANCE)
    for name in ("0.weight", "0.bias", "2.weight", "2.bias"):
        layer, weight = name.split(".")
        got = browser.execute_script(f"return [...torchnet.network.layers[{layer}].grads.{weight}]")
        expected = net.get_parameter(name).grad
        got = torch.tensor(got, dtype=torch.float64).reshape(expected.shape)
        expect_equal(f"gradient of {name}", got, expected, "torchnet", TOLERANCE)
