"""The settings of the playground in the address of the page: they survive a round trip, and garbage is reported."""

import random
from urllib.parse import parse_qsl, urlencode

import pytest

READ = "return settingsOfText(given)"
WRITE = "return textOfSettings(given)"


@pytest.fixture
def defaults(run_script):
    return run_script("return defaultSettings()")


def values_of(run_script):
    """Return a few valid values of each setting, also its limits."""
    code = """
        return Object.fromEntries(Object.entries(SETTINGS).map(([name, { values, low, high, standard, most }]) =>
          [name, values ?? (most ? [[], [low], Array(most).fill(high), [3, 8, 5]] : [low, high, standard])]));
    """
    return run_script(code)


def test_settings_survive_the_address(run_script):
    draw, values = random.Random(4), values_of(run_script)
    for _ in range(30):
        settings = {name: draw.choice(allowed) for name, allowed in values.items()}
        if settings["dataset"] == "curve":
            settings["loss"] = "mean_squared_error"
        text = run_script(WRITE, settings)
        assert run_script(READ, f"#{text}") == {"settings": settings, "problems": []}
        assert not set(text) & set(" \"'<>#")


def test_numbers_survive_to_the_last_digit(run_script, defaults):
    for lr in (0.1 + 0.2, 1e-7, 1.5e-300, 99.99999999999999):
        text = run_script(WRITE, defaults | {"lr": lr})
        assert run_script(READ, text)["settings"]["lr"] == lr


def test_no_text_means_the_defaults(run_script, defaults):
    for text in ("", "#"):
        assert run_script(READ, text) == {"settings": defaults, "problems": []}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("lr=abc", 'lr: expected a number from 0 to 100, got "abc".'),
        ("lr=-1", 'lr: expected a number from 0 to 100, got "-1".'),
        ("lr=1e999", 'lr: expected a number from 0 to 100, got "1e999".'),
        ("lr=Infinity", 'lr: expected a number from 0 to 100, got "Infinity".'),
        ("lr=", 'lr: expected a number from 0 to 100, got "".'),
        ("lr=0x10", 'lr: expected a number from 0 to 100, got "0x10".'),
        ("lr", 'lr: expected a number from 0 to 100, got "".'),
        ("batch_size=1", 'batch_size: expected a whole number from 2 to 200, got "1".'),
        ("batch_size=2.5", 'batch_size: expected a whole number from 2 to 200, got "2.5".'),
        (
            "hidden_sizes=16,0",
            'hidden_sizes: expected at most 24 whole numbers from 1 to 64, as in 16,16,16, got "16,0".',
        ),
        ("residual=1", 'residual: expected one of false, true, got "1".'),
        ("activation=toString", None),
        ("__proto__=1", 'Unknown setting "__proto__".'),
        ("constructor=1", 'Unknown setting "constructor".'),
        ("widths=4", 'Unknown setting "widths".'),
        ("%FF%FE=%00", None),
        ("<script>alert(1)</script>", 'Unknown setting "<script>alert(1)</script>".'),
        ("?&&=&==", None),
    ],
)
def test_garbage_is_reported_and_leaves_the_defaults(text, problem, run_script, defaults):
    found = run_script(READ, text)
    assert found["settings"] == defaults
    assert found["problems"]
    if problem is not None:
        assert found["problems"] == [problem]


def test_long_garbage_is_cut_and_the_rest_is_read(run_script, defaults):
    found = run_script(READ, "hidden_sizes=" + "16," * 10000 + "&lr=0.5&" + "x" * 10000 + "=1")
    assert found["settings"] == defaults | {"lr": 0.5}
    assert [len(problem) < 140 for problem in found["problems"]] == [True, True]


def test_random_garbage_never_fails(run_script):
    draw, values = random.Random(8), values_of(run_script)
    names = [*values, "x", "", "__proto__"]
    scraps = ["", "-", "1e5", "16,16", ",", "nan", "none", "true", "%", "\u0000", "ä", "1e-400", "9" * 30]
    for _ in range(100):
        pairs = [(draw.choice(names), draw.choice(scraps) + draw.choice(scraps)) for _ in range(draw.randint(0, 9))]
        found = run_script(READ, urlencode(pairs))
        for name, value in found["settings"].items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                low, high, _ = values[name]
                assert low <= value <= high
        assert run_script(READ, run_script(WRITE, found["settings"]))["problems"] == []


def test_a_regression_has_the_mean_squared_error(run_script):
    found = run_script(READ, "dataset=curve&loss=cross_entropy")
    assert found["settings"]["loss"] == "mean_squared_error"
    assert found["problems"] == ["loss: expected mean_squared_error for the data set curve, got cross_entropy."]


def test_the_address_names_every_setting(run_script, defaults):
    names = [name for name, _ in parse_qsl(run_script(WRITE, defaults))]
    assert names == list(defaults)


def test_a_comparison_changes_one_setting(run_script, defaults):
    changed = {"no_normalization": ("normalization", "none"), "no_residual": ("residual", False)}
    for compare, (name, value) in changed.items():
        given = defaults | {"compare": compare, "normalization": "batch_norm", "residual": True}
        expected = given | {name: value, "compare": "none"}
        assert run_script("return comparedSettings(given)", given) == expected
    assert run_script("return comparedSettings(given)", defaults) is None
