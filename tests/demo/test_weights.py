"""The weights before a step, their change, and the weights after it; random weights; and several networks on a page."""

import re

import numpy as np
import pytest
import torch
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from torchnet import MLP
from torchnet.data import Preprocessing
from torchnet.demo import ShownNetwork, content_of, demo_page, page_of
from torchnet.initializers import INITIALIZERS

from .pages import find, input_of, put, texts, two_frames
from .test_opening import DIGITS, digits_network, number


@pytest.fixture
def open_page(browser, tmp_path):
    """Open the page of several networks."""

    def open_page(*networks, preprocessing=DIGITS):
        path = tmp_path / "page.html"
        path.write_text(demo_page(networks, preprocessing), encoding="utf-8")
        browser.get(path.as_uri())
        two_frames(browser)

    return open_page


def steps_of(browser):
    """Return the notes and the three norms of each layer, from the last layer to the first."""
    return [
        (step.find_element(By.CSS_SELECTOR, ".look").text, [number(it.text) for it in norms])
        for step in browser.find_elements(By.CSS_SELECTOR, ".step")
        for norms in [step.find_elements(By.CSS_SELECTOR, ".number")]
    ]


def weights_of(browser, layer):
    return np.array(browser.execute_script(f"return [...torchnet.network.layers[{layer}].weight]"))


def pictures_of(browser, step):
    code = """
        return [...document.querySelectorAll(".step")[arguments[0]].querySelectorAll("canvas")].map((canvas) =>
            [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data].join());
    """
    return browser.execute_script(code, step)


def test_a_step_does_what_its_pictures_say(show, browser):
    show(digits_network(), DIGITS)
    put(browser, "#lr", "0.5")
    shown = steps_of(browser)
    assert len(shown) == 2
    befores = [weights_of(browser, layer) for layer in (2, 0)]
    find(browser, "#step").click()
    for (note, norms), before, layer, width in zip(shown, befores, (2, 0), (12, 64), strict=True):
        after = weights_of(browser, layer)
        change = (after - before).reshape(-1, width)
        unit = int(re.search(r"The weights of unit (\d+), which changes most", note)[1])
        assert unit == np.argmax((change**2).sum(axis=1))
        rows = [it.reshape(-1, width)[unit] for it in (before, after - before, after)]
        assert norms == pytest.approx([np.linalg.norm(row) for row in rows], rel=6e-3)
        place = int(np.argmax(abs(change[unit])))
        found = re.search(r"W\[(\d+), (\d+)\] changes most: (\S+) → (\S+)\.", note)
        assert (int(found[1]), int(found[2])) == (unit, place)
        assert [number(found[3]), number(found[4])] == pytest.approx([rows[0][place], rows[2][place]], rel=6e-3)


def test_the_three_pictures_have_one_scale_on_which_a_small_change_is_magnified(show, browser):
    net = digits_network()
    show(net, DIGITS)
    put(browser, "#lr", "0")
    for step in (0, 1):
        before, change, after = pictures_of(browser, step)
        assert before == after
        assert len(set(re.findall(r"\d+,\d+,\d+,255", change))) == 1
    assert "drawn" not in steps_of(browser)[0][0]
    put(browser, "#lr", "1e-7")
    power = steps_of(browser)[0][0].partition("The change is drawn ")[2].partition(" times as strong.")[0]
    factor = number(f"1·{power}") if not power.isdecimal() else float(power)
    weights = weights_of(browser, 2).reshape(10, 12)
    unit = int(re.search(r"unit (\d+)", steps_of(browser)[0][0])[1])
    change = 1e-7 * np.array(browser.execute_script("return [...torchnet.network.layers[2].grads.weight]"))
    share = factor * abs(change.reshape(10, 12)[unit]).max() / abs(weights[unit]).max()
    assert 0.1 < share <= 1
    assert len(set(re.findall(r"\d+,\d+,\d+,255", pictures_of(browser, 0)[1]))) > 3


@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_random_weights_are_those_of_the_initializer(initializer, open_page, browser):
    sizes = (64, 50, 50, 10)
    net = MLP(sizes, activation="relu", normalization="batch_norm", residual=True, dtype=torch.float64)
    for weight in (*net.parameters(), *net.buffers()):
        if weight.dim() == 1:
            weight.uniform_(0.5, 1.5)
    open_page(ShownNetwork(net, "cross_entropy", "a run", 1007, "test accuracy 98.00%", initializer))
    trained = weights_of(browser, 0)
    note = find(browser, "#network-note")
    count = f"3 Linear layers, {sum(weight.numel() for weight in net.parameters()):,} weights"
    assert note.text == f"The network of the run a run: {count}, 1,007 training steps, test accuracy 98.00%."
    find(browser, "#random-weights").click()
    assert note.text == f"The network of the run a run with random weights ({initializer}): {count}."
    expected = MLP(sizes, activation="relu", normalization="batch_norm", residual=True, initializer=initializer)
    code = """
        return Object.fromEntries([...torchnet.network.everyLayer()].flatMap((layer) =>
            Object.keys(layer.tensors).map((name) => [`${layer.name}.${name}`, [...layer[name]]])));
    """
    got = browser.execute_script(code)
    tensors = {name: tensor for name, tensor in expected.state_dict().items() if tensor.dim() > 0}
    assert got.keys() == tensors.keys()
    for name, tensor in tensors.items():
        if tensor.dim() == 1:
            assert got[name] == tensor.tolist(), name
        else:
            assert np.mean(got[name]) == pytest.approx(0, abs=4 * tensor.std().item() / tensor.numel() ** 0.5), name
            assert np.std(got[name]) == pytest.approx(tensor.std(correction=0).item(), rel=0.15), name
            assert np.max(np.abs(got[name])) == pytest.approx(tensor.abs().max().item(), rel=0.5), name
    find(browser, "#trained").click()
    np.testing.assert_array_equal(weights_of(browser, 0), trained)


def test_steps_and_resets_are_those_of_the_network_that_is_shown(show, browser):
    show(digits_network(), DIGITS)
    note = find(browser, "#network-note")
    find(browser, "#random-weights").click()
    start = weights_of(browser, 0)
    find(browser, "#step").click()
    stepped = weights_of(browser, 0)
    assert (stepped != start).any()
    assert note.text.endswith("random weights (he_normal): 2 Linear layers, 910 weights, 1 step on this page.")
    find(browser, "#trained").click()
    assert note.text.endswith("2 Linear layers, 910 weights, 0 training steps.")
    find(browser, "#random-weights").click()
    np.testing.assert_array_equal(weights_of(browser, 0), stepped)
    find(browser, "#reset").click()
    assert find(browser, "#outcome").text == "The random weights are restored."
    np.testing.assert_array_equal(weights_of(browser, 0), start)
    browser.refresh()
    find(browser, "#random-weights").click()
    np.testing.assert_array_equal(weights_of(browser, 0), start)


def test_networks_of_one_page_see_the_same_input(open_page, browser):
    generator = torch.Generator().manual_seed(2)
    nets = [digits_network(seed=1), MLP((64, 5, 5, 10), activation="relu", generator=generator, dtype=torch.float64)]
    names = ["the first", '<b>"second"</b>']
    open_page(
        *(ShownNetwork(net, "cross_entropy", name, k) for k, (net, name) in enumerate(zip(nets, names, strict=True)))
    )
    choice = Select(find(browser, "#networks"))
    assert [option.text for option in choice.options] == names
    assert find(browser, "#network-note").text.startswith("The network of the run the first: 2 Linear layers, ")
    find(browser, "#examples button:nth-child(5)").click()
    two_frames(browser)  # the example is drawn, and becomes the input, in the next frame
    x = input_of(browser)
    find(browser, "#forward").click()
    for name, net, rows in zip(names[::-1], nets[::-1], (7, 5), strict=True):
        choice.select_by_visible_text(name)
        assert f"the run {name}: " in find(browser, "#network-note").text
        np.testing.assert_array_equal(input_of(browser), x)
        got = browser.execute_script("return [...torchnet.network.layers.at(-1).output]")
        np.testing.assert_allclose(got, net.eval()(torch.from_numpy(x)[None])[0].numpy(), rtol=1e-10, atol=1e-12)
        assert len(texts(browser, "#rows h3")) == rows
        assert find(browser, "#forward").get_attribute("aria-pressed") == "true"


def test_one_network_has_no_list_of_networks(show, browser):
    show(digits_network(), DIGITS)
    assert browser.find_elements(By.CSS_SELECTOR, "#networks") == []


def test_a_page_is_rendered_again_from_its_own_content():
    net = MLP((64, 5, 10), generator=torch.Generator().manual_seed(1))
    networks = [
        ShownNetwork(net, "cross_entropy", "a & <b>", 3, "test accuracy 9%"),
        ShownNetwork(net, "cross_entropy", "é", 4),
    ]
    page = demo_page(networks, DIGITS)
    assert page_of(content_of(page)) == page
    assert Preprocessing.from_dict(content_of(page)["preprocessing"]) == DIGITS
    with pytest.raises(ValueError, match="expected a page of `python -m torchnet demo`, found no networks in it"):
        content_of("<html></html>")
