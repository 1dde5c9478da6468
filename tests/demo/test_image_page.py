"""The page of a convolutional network: maps, filters, where a number comes from, a step, random weights, layouts."""

import re

import numpy as np
import pytest
import torch
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By

from torchnet import ConvNet
from torchnet.data import Preprocessing

from ..browser import reset, set_width
from .pages import KINDS, TOLERANCE, find, input_of, paint, put, texts, two_frames

DIGITS = Preprocessing.of_digits(64, 10)


def convnet(shape=(1, 8, 8), classes=10, blocks=1):
    generator = torch.Generator().manual_seed(3)
    net = ConvNet(shape, classes, (4, 6), blocks, activation="tanh", generator=generator, dtype=torch.float64)
    for weight in net.parameters():
        if weight.dim() == 1:
            weight.uniform_(0.5, 1.5, generator=generator)
    return net


def output_of(browser, layer):
    return np.array(browser.execute_script(f"return [...torchnet.network.layers.at({layer}).output]"), np.float64)


def test_every_layer_has_its_row_and_no_picture_is_blank(show, browser):
    show(convnet(), DIGITS)
    block = ["Conv2d", "BatchNorm2d", "Tanh", "Conv2d", "BatchNorm2d", "Residual", "Tanh"]
    stage = ["Conv2d", "BatchNorm2d", "Tanh", "MaxPool2d", *block]
    kinds = [*stage, *stage, "AdaptiveAvgPool2d", "Flatten", "Linear"]
    blank = """
        return [...document.querySelectorAll("#rows canvas")].filter((canvas) => {
            if (canvas.closest("details")) return false;
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return new Set(new Uint32Array(data.buffer)).size < 2;
        }).length;
    """
    for view in ("forward", "backward"):
        find(browser, f"#{view}").click()
        two_frames(browser)
        titles = [title.split(" ")[0] for title in texts(browser, "#rows h3")]
        assert sorted(it for it in titles if it in kinds) == sorted(kinds)
        assert browser.execute_script(blank) == 0
    note = find(browser, "#network-note").text
    count = sum(weight.numel() for weight in convnet().parameters())
    assert f"6 convolutions, 1 Linear layer, {count:,} weights" in note


def test_a_number_of_a_convolution_is_its_patch_times_its_filter(show, browser):
    net = convnet()
    show(net, DIGITS)
    find(browser, "#forward").click()
    part = browser.find_elements(By.CSS_SELECTOR, "#rows details")[1]  # of the first convolution in the block
    part.find_element(By.TAG_NAME, "summary").click()
    two_frames(browser)
    y = browser.execute_script("return [...torchnet.network.layers[4].layers[0].output]")
    fields = part.find_elements(By.TAG_NAME, "input")
    place = [int(field.get_property("value")) for field in fields]
    assert np.ravel_multi_index(place, (4, 4, 4)) == np.argmax(np.abs(y))
    for field, value in zip(fields, (2, 0, 3), strict=True):
        browser.execute_script("arguments[0].value = arguments[1]", field, value)
    browser.execute_script("arguments[0].dispatchEvent(new Event('input'))", fields[0])
    text = part.find_element(By.CSS_SELECTOR, ".look").text
    x = torch.from_numpy(output_of(browser, 3)).reshape(4, 4, 4)
    patch = torch.nn.functional.pad(x, (1, 1, 1, 1))[:, 0:3, 3:6]
    expected = (patch * net[4][0].weight[2]).sum().item()
    assert y[2 * 16 + 3] == pytest.approx(expected, rel=1e-9)
    shown = float(re.search(r"y\[2, 0, 3\] = the sum of x ⊙ W = (\S+)\. Click", text)[1].replace("\u2212", "-"))
    assert shown == pytest.approx(expected, rel=6e-3)


def test_a_number_is_read_with_the_pointer_and_chosen_with_a_click(show, browser):
    show(convnet(), DIGITS)
    find(browser, "#forward").click()
    canvas = find(browser, "#layer-0 .maps canvas")
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", canvas)
    assert not find(browser, "#layer-0 .mark").is_displayed()
    columns, rows = (int(canvas.get_attribute(side)) for side in ("width", "height"))
    assert (columns, rows) == (4 * 9 - 1, 8)
    # Pixel (row 5, column 3) of the first map, from the middle of the picture.
    x = canvas.size["width"] * ((3 + 0.5) / columns - 0.5)
    y = canvas.size["height"] * ((5 + 0.5) / rows - 0.5)
    ActionChains(browser, duration=20).move_to_element_with_offset(canvas, x, y).click().perform()
    two_frames(browser)
    value = output_of(browser, 0)[5 * 8 + 3]
    name, number = find(browser, "#layer-0 .reading").text.split(" = ")
    assert name == "y[0, 5, 3]"
    assert float(number.replace("\u2212", "-")) == pytest.approx(value, rel=6e-3)
    fields = browser.find_elements(By.CSS_SELECTOR, "#layer-0 details input")
    assert [field.get_property("value") for field in fields] == ["0", "5", "3"]
    assert find(browser, "#layer-0 .mark").is_displayed()


@pytest.mark.parametrize("kind", ["gray", "channels last", "channels first"])
def test_outputs_and_gradients_are_torchnets_for_every_layout(kind, show, browser, expect_equal):
    shape = KINDS[kind].inputs.shape
    net = convnet((1, 8, 8) if kind == "gray" else (3, 8, 8), 3)
    show(net, KINDS[kind])
    paint(browser, (-0.3, -0.3), (0.35, 0.2), (-0.2, 0.3))
    painted = torch.tensor(browser.execute_script("return [...torchnet.input]"), dtype=torch.float64).reshape(shape)
    assert painted.max() > 0.5
    first = torch.from_numpy(input_of(browser)).reshape(net.input_shape)
    assert torch.equal(first, painted.movedim(-1, 0) if kind == "channels last" else painted.reshape(first.shape))
    # Not for the painting: where an image is black, rounding decides which pixel of a window is the largest.
    # Two samples: with one, the gradients of torch's batch norm are wrong if G and x differ in their memory format.
    given = torch.rand(2, *shape, dtype=torch.float64, requires_grad=True)
    code = "return [torchnet.backward(arguments[0], [2, 1]), torchnet.forward(arguments[0]).logits]"
    got, logits = browser.execute_script(code, given.flatten().tolist())
    expected = net.eval()(given)
    torch.nn.functional.cross_entropy(expected, torch.tensor([2, 1])).backward()
    shown = torch.tensor(logits, dtype=torch.float64).reshape(expected.shape)
    expect_equal("logits", shown, expected.detach(), "torchnet", TOLERANCE)
    gradient = torch.tensor(got["gradInput"], dtype=torch.float64).reshape(given.shape)
    expect_equal("gradient of the input", gradient, given.grad, "autograd", TOLERANCE)


def test_a_step_lowers_the_loss_and_a_reset_restores_it(show, browser):
    show(convnet(), DIGITS)
    before = find(browser, "#loss").text
    put(browser, "#lr", "0.0001")
    step = browser.find_elements(By.CSS_SELECTOR, "#layer-0 details")[-1]
    step.find_element(By.TAG_NAME, "summary").click()
    two_frames(browser)
    note = step.find_element(By.CSS_SELECTOR, ".look").text
    assert re.search(r"The filters of channel (\d), which changes most, .* W\[\1, 0, \d, \d\] changes most: ", note)
    find(browser, "#step").click()
    went = re.match(r"The loss went from (\S+) to (\S+)\.", find(browser, "#outcome").text)
    assert went[1] == before
    assert float(went[2].split("·")[0]) <= float(before)
    find(browser, "#reset").click()
    assert find(browser, "#loss").text == before


def test_random_weights_have_the_variance_of_the_initializer(show, browser):
    show(convnet(), DIGITS)
    find(browser, "#random-weights").click()
    for layer, fan_in in ((0, 25), (6, 4 * 9)):
        weight = browser.execute_script(f"return [...torchnet.network.layers[{layer}].weight]")
        assert np.std(weight) == pytest.approx((2 / fan_in) ** 0.5, rel=0.3)
        assert np.mean(weight) == pytest.approx(0, abs=0.3 * (2 / fan_in) ** 0.5)


@pytest.mark.parametrize("view", ["forward", "backward"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_window(view, width, show, browser):
    set_width(browser, width, scale=2)
    show(convnet(), DIGITS)
    find(browser, f"#{view}").click()
    for details in browser.find_elements(By.CSS_SELECTOR, "#rows details"):
        browser.execute_script("arguments[0].open = true", details)
    two_frames(browser)
    widest = browser.execute_script("return document.documentElement.scrollWidth")
    reset(browser)
    assert widest == width
