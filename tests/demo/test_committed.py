"""docs/demo.html: the page with two trained networks that comes with the repository."""

import base64
import re

import numpy as np
import pytest
import torch
from selenium.webdriver.common.by import By

from torchnet import MLP
from torchnet.demo import content_of

from ..rewrite_outputs import DEMO, RENDERED
from .pages import find, pause, put, two_frames

SIZES = {"default": (784, 64, 64, 10), "deep_sigmoid": (784, *[64] * 19, 10)}
MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def content():
    return content_of(DEMO.read_text(encoding="utf-8"))


@pytest.fixture
def opened_demo(browser):
    browser.get_log("browser")
    browser.get(DEMO.as_uri())
    pause(browser)
    yield browser
    assert [entry for entry in browser.get_log("browser") if entry["source"] != "rendering"] == []


def network_of(described):
    """Return the network in the content of a page."""
    net = MLP(SIZES[described["name"]], dtype=torch.float32)
    numbers = np.frombuffer(base64.b64decode(described["numbers"]), "<f4")
    state = {}
    for layer in described["network"]["layers"]:
        for name, it in layer["weights"].items():
            size = int(np.prod(it["shape"]))
            values = numbers[it["offset"] : it["offset"] + size].reshape(it["shape"])
            state[f"{layer['name']}.{name}"] = torch.from_numpy(values.copy())
    net.load_state_dict(state)
    assert len(numbers) == sum(weight.numel() for weight in net.parameters())
    return net.eval()


@pytest.mark.parametrize("page", RENDERED, ids=lambda page: page.name)
def test_a_page_in_docs_is_what_the_code_renders(page):
    text = page.read_text(encoding="utf-8")
    is_same = text == RENDERED[page](page)  # pytest would take minutes to show a difference
    assert is_same, "python -m tests.rewrite_outputs renders it anew"
    assert len(text.encode()) < MOST_BYTES


def test_it_holds_two_networks_and_no_data(content):
    assert [it["name"] for it in content["networks"]] == [*SIZES]
    assert content.keys() == {"networks", "preprocessing"}
    for network in content["networks"]:
        assert network.keys() == {"name", "steps", "score", "initializer", "network", "numbers"}
        network_of(network)  # has room for the weights only


def test_the_networks_are_as_good_as_it_says(content, mnist):
    images = torch.from_numpy(mnist.test_images.reshape(-1, 784)).float() / 255
    for described in content["networks"]:
        answers = network_of(described)(images).argmax(dim=1).numpy()
        accuracy = (answers == mnist.test_labels).mean()
        assert described["score"] == f"test accuracy {accuracy:.2%}"


def test_it_opens_with_a_wrong_digit_and_shows_that_gradients_vanish(opened_demo):
    note = find(opened_demo, "#label-note").text
    digit, answer = re.match(r"This is an example of (\d), which the network takes for (\d)\.", note).groups()
    assert digit != answer
    assert find(opened_demo, "#rate-note").text.startswith("Preselected is η = ")
    norms = """
        const layers = [...torchnet.network.everyLayer()].filter((layer) => layer.kind === "Linear");
        return layers.map((layer) => Math.hypot(...layer.grads.bias));
    """
    shallow = opened_demo.execute_script(norms)
    opened_demo.execute_script("document.querySelector('#networks').value = 1")
    opened_demo.execute_script("document.querySelector('#networks').dispatchEvent(new Event('change'))")
    two_frames(opened_demo)
    deep = opened_demo.execute_script(norms)
    assert len(shallow) == 3
    assert shallow[0] > 0.01 * shallow[-1]
    assert len(deep) == 20
    assert 0 < deep[0] < 1e-6 * deep[-1]


def test_a_deep_network_has_a_chart_of_links_to_its_layers(opened_demo):
    assert not opened_demo.find_elements(By.CSS_SELECTOR, ".summary")
    put(opened_demo, "#networks", "1")
    bars = opened_demo.find_elements(By.CSS_SELECTOR, ".summary a")
    assert len(bars) == 39
    heights = [bar.find_element(By.TAG_NAME, "i").size["height"] for bar in bars]
    assert heights[0] > 5 * heights[-1] > 0
    assert bars[-1].get_attribute("title").startswith("net[0] Linear: ‖G‖ = ")
    assert not opened_demo.find_elements(By.CSS_SELECTOR, ".step canvas:not(details *)")
    bars[-1].send_keys("\n")
    card = find(opened_demo, ".row:target")
    assert card.find_element(By.TAG_NAME, "small").text == "net[0]"
    card.find_element(By.CSS_SELECTOR, "summary").click()
    two_frames(opened_demo)
    assert re.search(r"W\[\d+, \d+\] changes most", card.find_element(By.CSS_SELECTOR, ".step .look").text)
