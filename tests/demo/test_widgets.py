"""The pages that show one layer or loss at work: their numbers are torchnet's, also after a change."""

import json

import pytest
import torch
from selenium.webdriver.common.by import By

from torchnet.demo.widgets import layer_widget, loss_widget
from torchnet.layers import (
    ACTIVATIONS,
    AdaptiveAvgPool2d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    Dropout,
    Flatten,
    GroupNorm,
    Identity,
    LayerNorm,
    Linear,
    MaxPool2d,
    PReLU,
    ReLU,
    Residual,
    RMSNorm,
    Tanh,
)
from torchnet.losses import LOSSES

from ..browser import reset, set_width
from .pages import TOLERANCE, find, put, texts

GENERATOR = torch.Generator().manual_seed(6)
LAYERS = {
    "Linear": Linear(3, 2, generator=GENERATOR),
    "Linear without bias": Linear(4, 3, generator=GENERATOR, bias=False),
    "BatchNorm1d": BatchNorm1d(3),
    "BatchNorm1d in evaluation mode": BatchNorm1d(3).eval(),
    "LayerNorm": LayerNorm(4),
    "RMSNorm": RMSNorm(4),
    "Identity": Identity(),
    "PReLU": PReLU(),
    "GroupNorm": GroupNorm(2, 4),
    "Dropout": Dropout(0.5),
    "Conv2d": Conv2d(2, 2, (3, 2), stride=2, padding=1, generator=GENERATOR),
    "Conv2d with groups": Conv2d(2, 4, 2, groups=2, bias=False, dilation=2, generator=GENERATOR),
    "MaxPool2d": MaxPool2d(2, 1),
    "AvgPool2d": AvgPool2d(3, 2, padding=1),
    "AdaptiveAvgPool2d": AdaptiveAvgPool2d(1),
    "Flatten": Flatten(),
    "BatchNorm2d": BatchNorm2d(2),
    "BatchNorm2d in evaluation mode": BatchNorm2d(2).eval(),
    "Residual": Residual(LayerNorm(3), Tanh(), Linear(3, 3, generator=GENERATOR)),
}
CURVES = {name: make() for name, make in ACTIVATIONS.items() if name not in ("identity", "prelu")}  # these have none
SHOWN = """
    const { layer, network, shape } = torchnet;
    const { input, output, gradOutput, gradInput } = layer;
    const grads = [...network.parameters()].map(({ layer, name, grad, weight }) =>
      [[...layer.name.split(".").slice(1), name].join("."), [...grad], [...weight]]);
    const numbers = { x: [...input], y: [...output], grad: [...gradOutput], gradInput: [...gradInput] };
    return JSON.stringify({ ...numbers, grads, shape });
"""


@pytest.fixture
def open_widget(browser, tmp_path):
    """Open a page as HTML. It must be small, report no error and not be wider than a phone."""
    browser.get_log("browser")

    def open_widget(html):
        assert len(html.encode()) < 60_000
        path = tmp_path / "widget.html"
        path.write_text(html, "utf-8")
        set_width(browser, 360)
        browser.get(path.as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        return browser

    yield open_widget
    reset(browser)
    assert [entry for entry in browser.get_log("browser") if entry["source"] != "rendering"] == []


def tensor(numbers, like=None):
    result = torch.tensor(numbers, dtype=torch.float64)
    return result if like is None else result.reshape(like.shape)


def expect_torchnets_numbers(browser, layer, samples, expect_equal):
    """Compare the page with a layer, whose weights are set to those of the page."""
    shown = json.loads(browser.execute_script(SHOWN))
    assert {name for name, *_ in shown["grads"]} == {name for name, _ in layer.named_parameters()}
    for name, _, weight in shown["grads"]:
        layer.get_parameter(name).copy_(tensor(weight, layer.get_parameter(name)))
    inputs = tensor(shown["x"]).reshape(samples, *shown.get("shape", [-1])).requires_grad_()
    layer.requires_grad_(True)
    outputs = layer(inputs)
    upstream = tensor(shown["grad"], outputs)
    expect_equal("output", tensor(shown["y"], outputs), outputs.detach(), "torchnet", TOLERANCE)
    # By autograd, since Dropout and BatchNorm1d in evaluation mode have no backward.
    names, weights = zip(*layer.named_parameters(), strict=True) if shown["grads"] else ((), ())
    grad_input, *grads = torch.autograd.grad(outputs, [inputs, *weights], upstream)
    expect_equal("gradient of the input", tensor(shown["gradInput"], grad_input), grad_input, "autograd", TOLERANCE)
    for name, expected in zip(names, grads, strict=True):
        (got,) = (grad for other, grad, _ in shown["grads"] if other == name)
        expect_equal(f"gradient of {name}", tensor(got, expected), expected, "autograd", TOLERANCE)
    layer.requires_grad_(False)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_shows_torchnets_numbers_also_after_a_change(name, open_widget, expect_equal):
    layer = LAYERS[name].double()
    if name == "Dropout":
        layer.eval()
    browser = open_widget(layer_widget(layer))
    samples = 3 if name in ("BatchNorm1d", "BatchNorm2d") else 1
    expect_torchnets_numbers(browser, layer, samples, expect_equal)
    before = texts(browser, "output")
    for k, field in enumerate(browser.find_elements(By.CSS_SELECTOR, "input")):
        value = browser.execute_script("return arguments[0].valueAsNumber", field)
        browser.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
            field,
            value + (k % 4 + 1) / 8,
        )
    assert texts(browser, "output") != before
    expect_torchnets_numbers(browser, layer, samples, expect_equal)


@pytest.mark.parametrize("name", CURVES)
def test_an_activation_shows_its_slope_at_the_slider(name, open_widget, expect_equal):
    layer = CURVES[name].double()
    browser = open_widget(layer_widget(layer))
    put(browser, "input[type=number]", "-2.5")
    for x in ("-1.3", "0", "2.25"):
        put(browser, "input[type=range]", x)
        expect_torchnets_numbers(browser, layer, 1, expect_equal)
        shown = json.loads(browser.execute_script(SHOWN))
        assert shown["x"] == [float(x)]
        assert shown["grad"] == [-2.5]
        for id_, number in (("y", shown["y"]), ("gradInput", shown["gradInput"])):
            assert float(find(browser, f"#{id_}").text.replace("−", "-")) == pytest.approx(number[0], rel=0.006)


def test_text_that_is_no_number_changes_nothing(open_widget):
    browser = open_widget(layer_widget(Linear(3, 2)))
    before = texts(browser, "output")
    put(browser, "input", "")
    assert texts(browser, "output") == before


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_shows_torchnets_numbers(loss, open_widget, expect_equal):
    browser = open_widget(loss_widget(loss))
    put(browser, "input", "-0.75")
    for label in (0, 3):
        put(browser, "select", str(label))
        code = "const { z, state } = torchnet; return JSON.stringify([[...z], state.loss, [...state.gradLogits]])"
        z, got, gradient = json.loads(browser.execute_script(code))
        assert z[0] == -0.75
        value, grad_logits = LOSSES[loss](tensor([z]), torch.tensor([label]))
        expect_equal("loss", tensor(got), value, "torchnet", TOLERANCE)
        expect_equal("gradient", tensor([gradient]), grad_logits, "torchnet", TOLERANCE)


def test_a_page_tells_its_height(browser, tmp_path):
    (tmp_path / "inner.html").write_text(layer_widget(ReLU()), "utf-8")
    (tmp_path / "outer.html").write_text(
        "<!doctype html><script>addEventListener('message', ({ data }) => (window.told = data.widgetHeight))</script>"
        "<iframe src=inner.html width=600 height=50></iframe>",
        "utf-8",
    )
    browser.get((tmp_path / "outer.html").as_uri())
    code = "const wait = () => (window.told > 50 ? arguments[0](told) : setTimeout(wait, 20)); wait()"
    assert 200 < browser.execute_async_script(code) < 900


def test_wide_and_foreign_layers_are_refused():
    with pytest.raises(ValueError, match="expected a layer with at most 8 features, got 9: make a smaller one"):
        layer_widget(Linear(9, 2))

    with pytest.raises(ValueError, match="expected layers that a page can show, got Conv1d"):
        layer_widget(Conv1d(1, 1, 1))

    class Foreign(ReLU):
        pass

    with pytest.raises(ValueError, match="Foreign"):
        layer_widget(Foreign())
