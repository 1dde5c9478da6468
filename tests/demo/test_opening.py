"""What the page opens with: a sample from which there is much to learn, its label and a learning rate that matters."""

import re

import numpy as np
import pytest
import torch

from torchnet import MLP, cross_entropy
from torchnet.data import Classes, Pixels, Preprocessing

from .pages import KINDS, find, gradient_of, input_of, network_for, paint, pause, put, texts, two_frames

DIGITS = Preprocessing.of_digits(64, 10)
RATES = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
MISTAKE = r"This is an example of (\d), which the network takes for (\d)\. The gradients show how it would learn\."


def digits_network(likeliest=None, seed=3):
    """A random network; with a digit, one that always says this digit."""
    net = MLP((64, 12, 10), activation="tanh", generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if likeliest is not None:
        net[2].bias[likeliest] = 20.0
    return net


def losses_after_steps(net, x, label):
    """Return the loss before a step, and after one step with each rate, computed by torchnet."""
    weights = [weight.clone() for weight in net.parameters()]
    loss, grad_logits = cross_entropy(net.train()(x), label)
    net.backward(grad_logits)
    losses = []
    for rate in RATES:
        for weight, before in zip(net.parameters(), weights, strict=True):
            weight.copy_(before - rate * weight.grad)
        losses.append(cross_entropy(net.eval()(x), label)[0].item())
    for weight, before in zip(net.parameters(), weights, strict=True):
        weight.copy_(before)
    return loss.item(), losses


def text_of(browser, selector):
    return find(browser, selector).text


def test_the_page_opens_with_the_backward_pass_of_a_wrong_digit(opened):
    assert find(opened, "#backward").get_attribute("aria-pressed") == "true"
    assert find(opened, "#backward-controls").is_displayed()
    assert texts(opened, "#rows h3")[0] == "Cross-entropy"
    digit, answer = re.fullmatch(MISTAKE, text_of(opened, "#label-note")).groups()
    assert digit != answer
    assert text_of(opened, "#answer") == f"Most probable: {answer}"
    assert find(opened, f"#label-{digit}").is_selected()
    assert np.linalg.norm(gradient_of(opened)) > 1e-3


def test_the_worst_of_the_upright_digits_is_shown_if_one_is_wrong(show, browser):
    net = digits_network()
    show(net, DIGITS)
    images = browser.execute_script("return torchnet.examples.map((it) => torchnet.imageOf(it, 8))")
    probabilities = net.eval()(torch.tensor(images, dtype=torch.float64)).softmax(dim=1)
    margins = [
        2 * p[k] - max(p[k], *(q for j, q in enumerate(p) if j != k)) - p[k] for k, p in enumerate(probabilities)
    ]
    worst = int(np.argmin(margins))
    assert margins[worst] < 0
    np.testing.assert_allclose(input_of(browser), images[worst], atol=1e-12)
    assert re.fullmatch(MISTAKE, text_of(browser, "#label-note"))[1] == str(worst)


def test_tilted_digits_are_tried_if_all_upright_ones_are_right(opened, show):
    """The network takes an image for the upright digit that is nearest."""
    images = opened.execute_script("return torchnet.examples.map((it) => torchnet.imageOf(it, 8))")
    net = MLP((64, 10), dtype=torch.float64)
    net[0].weight.copy_(20 * torch.tensor(images))
    net[0].bias.copy_(-10 * torch.tensor(images).square().sum(dim=1))
    show(net, DIGITS)
    digit = int(re.fullmatch(MISTAKE, text_of(opened, "#label-note"))[1])
    code = "return [torchnet.examples[arguments[0]], torchnet.board.strokes].map((it) => it.flat())"
    upright, shown = (np.array(points) @ [1, 1j] - 0.5 - 0.5j for points in opened.execute_script(code, digit))
    np.testing.assert_allclose(abs(shown), abs(upright), atol=1e-12)
    angles = abs(np.degrees(np.angle(shown / upright)))
    assert angles[0] == pytest.approx(15) or angles[0] == pytest.approx(30) or angles[0] == pytest.approx(45)
    np.testing.assert_allclose(angles, angles[0])


def test_an_example_has_its_label_and_a_drawing_the_second_choice(show, browser):
    net = digits_network(likeliest=3)
    show(net, DIGITS)
    find(browser, "#examples button:nth-child(4)").click()
    two_frames(browser)
    assert find(browser, "#label-3").is_selected()
    assert text_of(browser, "#label-note") == "This is an example of 3, and the network says so."
    find(browser, "label[for=label-7]").click()
    assert text_of(browser, "#label-note") == ""
    paint(browser, (-0.2, -0.3), (0.2, -0.3), (0.0, 0.3))  # replaces the example
    order = net.eval()(torch.from_numpy(input_of(browser))[None])[0].argsort(descending=True).tolist()
    assert order[0] == 3
    assert find(browser, f"#label-{order[1]}").is_selected()
    assert text_of(browser, "#label-note").startswith(f"Preselected is {order[1]}, the second choice of the network")


@pytest.mark.parametrize("kind", ["table", "channels last", "gray"])
def test_images_and_rows_open_with_an_uncertain_one(kind, show, browser):
    net = network_for(KINDS[kind])
    show(net, KINDS[kind])
    assert find(browser, "#backward-controls").is_displayed()
    assert np.linalg.norm(gradient_of(browser)) > 1e-3
    probabilities = net.eval()(torch.from_numpy(input_of(browser))[None]).softmax(dim=1)[0]
    first, second = probabilities.argsort(descending=True)[:2].tolist()
    assert find(browser, f"#label-{second}").is_selected()
    names = KINDS[kind].targets.names
    assert text_of(browser, "#label-note") == (
        f"Preselected is {names[second]}, the second choice of the network: its first choice, {names[first]}, has "
        "little to teach."
    )


def test_a_network_without_the_names_of_digits_has_no_known_labels(show, browser):
    names = Classes(tuple("abcdefghij"), "str")
    show(digits_network(), Preprocessing(Pixels((8, 8), digits=True), names))
    assert text_of(browser, "#label-note").startswith("Preselected is ")


@pytest.mark.parametrize("seed", range(3))
def test_the_losses_after_a_step_are_torchnets_and_one_rate_is_preselected(seed, show, browser):
    net = digits_network(seed=seed)
    show(net, DIGITS)
    pause(browser)
    label = int(find(browser, "#labels input:checked").get_attribute("id").removeprefix("label-"))
    before, losses = losses_after_steps(net, torch.from_numpy(input_of(browser))[None], torch.tensor([label]))
    shown = [number(text) for text in texts(browser, "#rates .number")]
    assert shown == pytest.approx(losses, rel=6e-3, abs=1e-14)
    halving = [rate for rate, loss in zip(RATES, losses, strict=True) if loss <= before / 2]
    assert float(find(browser, "#lr").get_attribute("value")) == halving[0]
    assert [it.startswith(f"η = {halving[0]:g}\n") for it in texts(browser, "#rates [aria-pressed=true]")] == [True]
    assert text_of(browser, "#rate-note").startswith(f"Preselected is η = {halving[0]:g}, the smallest of them")
    assert number(text_of(browser, "#loss")) == pytest.approx(before, rel=6e-3)  # the search changed nothing
    logits = browser.execute_script("return [...torchnet.network.layers.at(-1).output]")
    np.testing.assert_allclose(logits, net(torch.from_numpy(input_of(browser))[None])[0].numpy(), rtol=1e-9)
    find(browser, "#step").click()
    assert number(text_of(browser, "#loss")) == pytest.approx(losses[RATES.index(halving[0])], rel=6e-3)
    find(browser, "#reset").click()
    assert number(text_of(browser, "#loss")) == pytest.approx(before, rel=6e-3)


def test_a_chosen_rate_stays_until_another_sample_is_shown(show, browser):
    show(digits_network(), DIGITS)
    pause(browser)
    opening = input_of(browser)
    preselected = find(browser, "#lr").get_attribute("value")
    put(browser, "#lr", "0.003")
    assert texts(browser, "#rates [aria-pressed=true]") == []
    find(browser, "#step").click()
    assert find(browser, "#lr").get_attribute("value") == "0.003"
    assert text_of(browser, "#rate-note") == ""
    find(browser, "#rates button:nth-child(3)").click()
    assert find(browser, "#lr").get_attribute("value") == "0.1"
    find(browser, "#reset").click()
    assert find(browser, "#lr").get_attribute("value") == preselected
    put(browser, "#lr", "0.003")
    find(browser, "#examples button:nth-child(5)").click()
    pause(browser)
    assert find(browser, "#lr").get_attribute("value") in [f"{rate:g}" for rate in RATES]
    losses = texts(browser, "#rates .number")
    paint(browser, (-0.3, 0.3), (0.3, 0.3))
    pause(browser)
    assert texts(browser, "#rates .number") != losses
    find(browser, "#clear").click()
    pause(browser)
    for selector in ("#loss", "#label-note", "#rates", "#rate-note"):
        assert not find(browser, selector).is_displayed(), selector
    assert not find(browser, "#step").is_enabled()
    find(browser, "#opening").click()
    pause(browser)
    assert np.array_equal(input_of(browser), opening)
    assert find(browser, "#step").is_enabled()


def test_losses_of_another_input_are_hidden_until_they_are_computed(show, browser):
    show(digits_network(), DIGITS)
    pause(browser)
    code = """
        document.querySelector("#examples button").click();
        const shown = () => getComputedStyle(document.querySelector("#rates .number")).visibility;
        requestAnimationFrame(() => requestAnimationFrame(() => arguments[0](shown())));
    """
    assert browser.execute_async_script(code) == "hidden"
    pause(browser)
    assert find(browser, "#rates .number").is_displayed()


@pytest.mark.parametrize("rate", ["", "-1", "e"])
def test_a_rate_that_is_no_number_of_at_least_0_is_refused(rate, show, browser):
    show(digits_network(), DIGITS)
    pause(browser)
    field = find(browser, "#lr")
    field.clear()
    field.send_keys(rate or "1\b")
    assert text_of(browser, "#rate-note") == "η has to be a number that is at least 0, such as 0.1."
    assert text_of(browser, "#promise") == "here –"
    assert not find(browser, "#step").is_enabled()
    find(browser, "#rates button").click()
    assert text_of(browser, "#rate-note") == ""
    assert find(browser, "#step").is_enabled()


def test_no_negative_loss_is_promised(show, browser):
    show(digits_network(), DIGITS)
    put(browser, "#lr", "100")
    assert text_of(browser, "#promise") == "which does not hold for this η: the loss would become negative"


def number(text):
    mantissa, _, power = text.replace("\u2212", "-").partition("·10")
    return float(mantissa) * 10 ** int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or 0)
