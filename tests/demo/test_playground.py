"""The playground in a browser: what each control does, the address, training, and the backward pass of a sample."""

import json

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from ..browser import set_media, set_width
from ..layout import cut_texts, overlaps
from .pages import find, texts, two_frames
from .playground import SMALL, change, click, script, steps

OTHER_VALUES = {
    "dataset": "moons", "noise": "0.2", "seed": "7", "activation": "relu", "normalization": "layer_norm",
    "initializer": "xavier_uniform", "gain": "0.5", "loss": "one_vs_rest_cross_entropy", "optimizer": "Adam",
    "lr": "0.01", "momentum": "0.5", "weight_decay": "0.001", "batch_size": "16", "compare": "relu",
}  # fmt: skip


def losses_after(browser, count):
    return script(browser, f"Array.from({{ length: {count} }}, () => state.experiment.step())")


def test_it_trains_on_its_own_within_a_second_and_asks_for_nothing(browser, visit, playground_url):
    set_media(browser, {"prefers-reduced-motion": "no-preference"})
    browser.get_log("performance")
    visit()
    WebDriverWait(browser, 10).until(lambda _: steps(browser) > 5)
    assert find(browser, "#run").text == "Pause"
    assert find(browser, "#presets [aria-pressed=true]").text == "Two spirals"
    assert not find(browser, "#message").is_displayed()
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [it["params"]["request"]["url"] for it in messages if it["method"] == "Network.requestWillBeSent"]
    assert {it.partition("#")[0] for it in requests if not it.startswith("data:")} <= {playground_url, "about:blank"}


def test_with_reduced_motion_it_waits_for_run_pause_step_and_restart(browser, visit):
    visit()
    assert "reduced motion" in find(browser, "#message").text
    assert steps(browser) == 0
    click(browser, "#step")
    assert find(browser, "#stat-step").text == "1"
    click(browser, "#run")
    WebDriverWait(browser, 10).until(lambda _: steps(browser) > 5)
    click(browser, "#run")
    assert find(browser, "#run").text == "Run"
    stopped = steps(browser)
    two_frames(browser)
    assert steps(browser) == stopped
    click(browser, "#restart")
    assert steps(browser) == 0


def test_every_control_changes_its_setting_and_the_address(browser, visit):
    visit()
    assert set(script(browser, "Object.keys(state.settings)")) == {*OTHER_VALUES, "hidden_sizes", "residual"}
    for name, value in OTHER_VALUES.items():
        if name == "momentum":  # of SGD only
            change(browser, "#setting-optimizer", "SGD")
        change(browser, f"#setting-{name}", value)
        assert str(script(browser, f"state.experiment.settings.{name}")) == value, name
        assert f"{name}={value}" in browser.current_url
    change(browser, "#setting-residual", True)
    click(browser, "[aria-label='Add a hidden layer']")
    change(browser, "[aria-label='Units of hidden layer 2']", 9)
    click(browser, "[aria-label='Remove the last hidden layer']")
    assert script(browser, "state.experiment.settings.residual") is True
    assert script(browser, "state.experiment.linears.map((it) => it.out_features)") == [16, 9, 16, 2]
    change(browser, "#setting-dataset", "curve")
    assert script(browser, "state.experiment.settings.loss") == "mean_squared_error"
    change(browser, "#setting-dataset", "digits")
    assert script(browser, "state.experiment.settings.loss") == "cross_entropy"
    assert len(script(browser, "state.input")) == 64


def test_a_new_learning_rate_counts_from_the_next_step(browser, visit):
    visit()
    click(browser, "#step")
    change(browser, "#setting-lr", "0.01")
    change(browser, "#setting-batch_size", "8")
    assert steps(browser) == 1
    assert script(browser, "[state.experiment.settings.lr, state.experiment.settings.batch_size]") == [0.01, 8]


def test_a_link_opens_the_same_experiment_and_the_browser_goes_back(browser, visit):
    visit(f"{SMALL}&dataset=circles&noise=0.1&optimizer=AdamW&lr=0.003&seed=3")
    settings, losses = script(browser, "state.settings"), losses_after(browser, 5)
    click(browser, "#presets button:nth-child(4)")
    assert find(browser, "#presets [aria-pressed=true]").text == "Dead ReLUs"
    assert "never get a gradient again" in find(browser, "#preset-text").text
    assert script(browser, "state.settings.hidden_sizes") == [16] * 4
    assert find(browser, "#run").text == "Pause"  # a preset runs
    browser.back()
    WebDriverWait(browser, 10).until(lambda _: script(browser, "state.settings.seed") == 3)
    click(browser, "#run")
    click(browser, "#restart")
    click(browser, "#copy")
    link = browser.current_url
    visit(link.partition("#")[2])
    assert script(browser, "state.settings") == settings
    assert losses_after(browser, 5) == losses


def test_the_lines_between_units_are_weights_or_gradients(browser, visit):
    visit(SMALL)
    click(browser, "#step")
    picture = "document.getElementById('network').toDataURL()"
    weights = script(browser, picture)
    click(browser, "#gradients")
    assert script(browser, picture) != weights
    assert "Lines: gradients" in find(browser, "#network-text").text
    click(browser, "#weights")
    assert script(browser, picture) == weights


def test_a_second_network_trains_beside_the_first_and_can_be_shown(browser, visit):
    visit(f"{SMALL}&normalization=layer_norm&compare=no_normalization")
    click(browser, "#step")
    assert script(browser, "state.experiments.map((it) => it.steps)") == [1, 1]
    assert "LayerNorm" in find(browser, "#chain").text
    click(browser, "#other")
    assert find(browser, "#other").text == "no normalization"
    assert "LayerNorm" not in find(browser, "#chain").text
    assert "Dashed: these settings." in find(browser, "#norms").text


def test_an_address_that_is_wrong_is_explained(browser, visit):
    visit("lr=fast&seed=4&color=red")
    message = find(browser, "#message").text
    assert 'lr: expected a number from 0 to 100, got "fast".' in message
    assert 'Unknown setting "color".' in message
    assert script(browser, "[state.settings.lr, state.settings.seed]") == [0.1, 4]


def test_the_backward_pass_is_walked_with_the_numbers_of_the_experiment(browser, visit):
    visit(f"{SMALL}&normalization=layer_norm&residual=true&hidden_sizes=4,4&seed=5")
    for _ in range(3):
        click(browser, "#step")
    click(browser, "#worst")
    sample = int(find(browser, "#sample").get_property("value"))
    expected = browser.execute_script(
        """
        const { experiment } = playground.state;
        const { network, loss, gradLogits, gradInput } = experiment.backwardOf(experiment.sample(arguments[0]));
        const numbersOf = ({ kind, gradOutput, gradInput }) => [kind, [...gradOutput], [...gradInput]];
        const layers = [...network.everyLayer()].map(numbersOf);
        return { layers, loss, gradLogits: [...gradLogits], gradInput: [...gradInput] };
        """,
        sample,
    )
    rows = """
        const rows = [...document.querySelectorAll("#layer tbody tr")].map((row) =>
            [row.cells[0].firstChild.textContent, [...row.cells].slice(1).map((cell) => Number(cell.title))]);
        return Object.fromEntries(rows);
    """
    seen, sentences = [], []
    for k in range(len(expected["layers"]) + 2):
        click(browser, "#back")
        assert len(browser.find_elements("css selector", "#chain .waiting")) == len(expected["layers"]) + 1 - k
        shown = browser.execute_script(rows)
        sentences.append(find(browser, "#walk-text").text)
        title = find(browser, "#layer h3").text.split()[0]
        seen.append((title, shown.get("G", shown.get("G = ∂L/∂b")), shown.get("∂L/∂x")))
        if k == 0:
            assert shown["∂L/∂z"] == expected["gradLogits"]
            assert expected["loss"] == pytest.approx(float(find(browser, "#layer .fact .number").text), rel=0.01)
    assert seen[-1] == ("Input", None, expected["gradInput"])
    of_layers = [(title, grad_output, grad_input) for title, grad_output, grad_input in seen[1:-1]]
    assert sorted(of_layers) == sorted(tuple(it) for it in expected["layers"])
    assert [title for title, *_ in of_layers][:4] == ["Linear", "Tanh", "LayerNorm", "Residual"]  # back from the output
    assert sentences[0].startswith("1 of ")
    assert all("receives ‖G‖ = " in sentence for sentence in sentences[1:-1])


def test_a_chart_shows_the_values_of_the_step_that_is_pointed_at(browser, visit):
    visit(SMALL)
    for _ in range(3):
        click(browser, "#step")
    norms = script(browser, "state.experiment.history.records.map((it) => it.gradientNorms[0])")
    shown = "#norms .legend-line .number"
    assert float(find(browser, shown).text) == pytest.approx(norms[2], rel=0.01)
    canvas = find(browser, "#norms canvas")
    ActionChains(browser).move_to_element_with_offset(canvas, 44 - canvas.size["width"] // 2, 0).perform()
    two_frames(browser)
    assert float(find(browser, shown).text) == pytest.approx(norms[0], rel=0.01)
    find(browser, "h1").click()


def test_a_loss_that_is_not_finite_stops_with_a_sentence(browser, visit):
    visit("dataset=curve&loss=mean_squared_error&activation=relu&lr=100&gain=4")
    click(browser, "#run")
    WebDriverWait(browser, 20).until(lambda _: find(browser, "#run").text == "Run")
    message = find(browser, "#message").text
    assert "The loss is no finite number any more after" in message
    assert "Choose a smaller learning rate" in message
    click(browser, "#rescue")
    WebDriverWait(browser, 20).until(lambda _: steps(browser) > 100)  # it trains on, with a rate that is safe
    assert script(browser, "state.settings.lr") == 0.1
    assert not find(browser, "#message").is_displayed()


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_overlaps_and_the_page_is_no_wider_than_the_window(width, browser, visit):
    set_width(browser, width)
    visit()
    for preset in (1, 2, 6):
        click(browser, f"#presets button:nth-child({preset})")
        click(browser, "#run")
        two_frames(browser)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert overlaps(browser) == []
        assert cut_texts(browser) == []


def test_dark_mode_has_other_colors(browser, visit):
    visit()
    pixel = "[...document.getElementById('fit').getContext('2d').getImageData(2, 2, 1, 1).data]"
    light = script(browser, pixel), script(browser, "getComputedStyle(document.body).backgroundColor")
    set_media(browser, {"prefers-color-scheme": "dark", "prefers-reduced-motion": "reduce"})
    two_frames(browser)
    dark = script(browser, pixel), script(browser, "getComputedStyle(document.body).backgroundColor")
    assert light[0] != dark[0]
    assert light[1] != dark[1]


def test_it_is_used_with_the_keyboard(browser, visit):
    visit(SMALL)
    script(browser, "document.getElementById('step').focus()")
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert steps(browser) == 1
    script(browser, "document.getElementById('network').focus()")
    ActionChains(browser).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN).perform()
    two_frames(browser)
    assert script(browser, "state.unit") == {"column": 1, "unit": 1}
    assert find(browser, "#fit-title").text == "Unit 1 of layer 2"
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert script(browser, "state.unit") is None
    script(browser, "document.getElementById('fit').focus()")
    ActionChains(browser).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT).perform()
    two_frames(browser)
    assert find(browser, "#sample").get_property("value") == "2"
    unnamed = """
        return [...document.querySelectorAll("button, input, select, canvas")].filter((it) =>
            !it.textContent.trim() && !it.labels?.length && !it.ariaLabel).map((it) => it.outerHTML)
    """
    assert browser.execute_script(unnamed) == []
    assert texts(browser, "h2")
