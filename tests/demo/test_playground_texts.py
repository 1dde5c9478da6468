"""What the playground says: about presets, settings, layers and losses, so that a newcomer understands what is seen."""

import pytest

from ..rewrite_outputs import DEMO, PLAYGROUND
from .pages import find, texts
from .playground import SMALL, change, click, script, steps


def colored_pixels(browser, selector):
    """Return how many pixels of a canvas are not gray."""
    code = """
        const [canvas] = arguments;
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let k = 0; k < data.length; k += 4) {
          const channels = data.subarray(k, k + 3);
          count += Math.max(...channels) - Math.min(...channels) > 60;
        }
        return count;
    """
    return browser.execute_script(code, find(browser, selector))


def test_the_preset_of_exploding_gradients_waits_for_its_first_step(browser, visit):
    visit()
    click(browser, "#presets button:nth-child(3)")
    assert [steps(browser), find(browser, "#run").text] == [0, "Run"]
    assert colored_pixels(browser, "#norms canvas") < 20  # at the edges of letters
    click(browser, "#step")
    assert colored_pixels(browser, "#norms canvas") > 60  # a dot for each layer
    assert [it.text for it in browser.find_elements("css selector", "#norms .legend-line b")][::5] == [
        "layer 1",
        "output",
    ]
    click(browser, "#presets button:nth-child(3)")
    assert steps(browser) == 0  # again from the start


def test_the_text_of_a_preset_stays_when_a_setting_is_changed(browser, visit):
    visit()
    click(browser, "#presets button:nth-child(4)")
    text = find(browser, "#preset-text").text
    assert not find(browser, "#changed").is_displayed()
    change(browser, "#setting-lr", "0.03")
    change(browser, "#setting-seed", "5")
    assert find(browser, "#preset-text").text == text
    assert find(browser, "#changed-text").text == "Changed: Seed 5, Learning rate 0.03."
    click(browser, "#undo")
    assert script(browser, "[state.settings.lr, state.settings.seed]") == [0.5, 1]
    assert not find(browser, "#changed").is_displayed()


def test_the_squared_error_of_classes_has_outputs_and_no_probabilities(browser, visit):
    visit(SMALL)
    assert "p(class 0)" in find(browser, "#sample-text").text
    assert "softmax" in find(browser, "#layer").text
    visit(f"{SMALL}&loss=mean_squared_error")
    output = script(browser, "state.pass.logits[state.target]")
    shown = find(browser, "#sample-text").text.partition("output 0 = ")[2].split()[0].replace("\N{MINUS SIGN}", "-")
    assert float(shown) == pytest.approx(output, rel=0.01)
    assert "softmax" not in find(browser, "#layer").text
    assert "the larger output" in find(browser, "#fit-text").text


@pytest.mark.parametrize(
    ("selector", "text", "kept"),
    [
        ("#setting-seed", "-7", "1"),
        ("#setting-seed", "1.5", "1"),
        ("#setting-seed", "", "1"),
        ("#setting-seed", "99999999", "1"),
        ("[aria-label='Units of hidden layer 2']", "0", "4"),
        ("[aria-label='Units of hidden layer 2']", "200", "4"),
        ("#sample", "99999", "399"),
        ("#sample", "-3", "0"),
        ("#sample", "", "0"),
    ],
)
def test_a_number_out_of_range_is_not_kept(selector, text, kept, browser, visit):
    visit(SMALL)
    change(browser, selector, text)
    assert find(browser, selector).get_property("value") == kept
    if selector != "#sample":
        assert "Expected a whole number from" in find(browser, "#settings").text
        change(browser, "#setting-lr", "0.3")
        assert "Expected" not in find(browser, "#settings").text


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        ("hidden_sizes=16,8,16&residual=true", "No effect"),
        ("compare=no_normalization", "No difference"),
        ("hidden_sizes=16,8&residual=true&compare=no_residual", "No difference"),
        ("activation=relu&compare=relu", "No difference"),
        ("compare=gain_1", "No difference"),
        ("hidden_sizes=8,8&residual=true&compare=no_residual", None),
        ("normalization=rms_norm&compare=no_normalization", None),
    ],
)
def test_a_setting_without_effect_says_so(settings, note, browser, visit):
    visit(settings)
    shown = find(browser, "#settings").text
    assert note in shown if note else "No " not in shown


def test_training_and_test_loss_have_colors_of_their_own(browser, visit):
    visit()
    code = """
        const probe = document.body.appendChild(document.createElement("i"));
        const colorOf = (name) => ((probe.style.color = `var(${name})`), getComputedStyle(probe).color);
        const marks = [...document.querySelectorAll("#losses .legend-line i")];
        const others = ["--negative", "--positive", "--accent"].map(colorOf);
        return [marks.map((it) => getComputedStyle(it).borderTopColor), others];
    """
    lines, others = browser.execute_script(code)
    assert len({*lines, *others}) == 5
    assert "blue 0, red 1" in find(browser, "#fit-text").text  # which color is which class


def test_a_chart_names_all_layers_of_a_small_network(browser, visit):
    visit("hidden_sizes=8,8,8,8")
    assert texts(browser, "#norms .legend-line b") == ["layer 1", "layer 2", "layer 3", "layer 4", "output"]


def test_every_setting_has_its_meaning(browser, visit):
    visit()
    click(browser, "#help summary")
    meanings = texts(browser, "#help dd")
    assert len(meanings) == len(script(browser, "Object.keys(state.settings)"))
    assert all(meaning.endswith(".") for meaning in meanings)
    assert "not from sigmoids" in find(browser, "#help").text


def test_the_walk_says_that_batch_norm_is_in_evaluation_mode(browser, visit):
    for normalization, is_said in (("batch_norm", True), ("layer_norm", False)):
        visit(f"{SMALL}&normalization={normalization}")
        assert find(browser, "#mode").is_displayed() is is_said


def test_layers_have_the_same_names_in_the_walk_as_in_the_diagram(browser, visit):
    visit("hidden_sizes=4,4&residual=true&normalization=layer_norm")
    names = [it.text.splitlines()[0] for it in browser.find_elements("css selector", "#chain button")]
    expected = ["Loss", "Linear output", "Tanh layer 2", "LayerNorm layer 2", "Residual layer 2", "Linear layer 2"]
    assert names[:6] == expected
    assert names[6:] == ["Tanh layer 2", "LayerNorm layer 2", "Linear layer 1", "Input"]
    click(browser, "#chain li:nth-child(2) button")
    assert find(browser, "#layer h3").text == "Linear output, net[4]"


def test_it_links_to_the_demo_only_where_that_lies_beside_it(browser, visit):
    browser.get(PLAYGROUND.as_uri())
    links = [it.get_attribute("href") for it in browser.find_elements("css selector", "a")]
    assert links == [DEMO.as_uri()]
    visit()
    assert browser.find_elements("css selector", "a") == []


def test_the_walk_has_a_way_back_to_the_network(browser, visit):
    visit(SMALL)
    click(browser, "#back")
    assert script(browser, "scrollY") > 300
    click(browser, "#up")
    assert script(browser, "document.querySelector('.network').getBoundingClientRect().top") >= 0
