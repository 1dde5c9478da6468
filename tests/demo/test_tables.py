"""Pages for tables: the controls set the input that Table.encode gives, and its gradient is shown with names."""

import math

import numpy as np
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from torchnet.data import NumericColumn

from .pages import (
    COLUMNS,
    KINDS,
    TABLE,
    TABLE_JSON,
    expect_torchnets_numbers,
    find,
    gradient_of,
    input_of,
    network_for,
    put,
    texts,
    two_frames,
)


def test_rows_are_encoded_as_table_encode_does(show, browser):
    show(network_for(KINDS["table"]), KINDS["table"])
    draw = np.random.default_rng(3)
    values = {
        column.name: draw.normal(column.mean, column.std, 50)
        if isinstance(column, NumericColumn)
        else draw.choice([*column.categories, "never seen"], 50).astype(object)
        for column in COLUMNS
    }
    for column in COLUMNS:
        if isinstance(column, NumericColumn) and column.missing != "refuse":
            values[column.name][draw.random(50) < 0.5] = math.nan
    rows = [
        [None if it != it else it for it in row] for row in zip(*(it.tolist() for it in values.values()), strict=True)
    ]
    code = """
        const [columns, rows] = arguments;
        return rows.map((row) => torchnet.encode(columns, row.map((it) => it ?? NaN)));
    """
    got = browser.execute_script(code, TABLE_JSON["columns"], rows)
    np.testing.assert_allclose(got, TABLE.encode(values, np.float64), rtol=1e-15, atol=0)


def test_controls_of_a_table_set_the_input(show, browser, expect_equal):
    net = network_for(KINDS["table"])
    show(net, KINDS["table"])
    two_frames(browser)
    assert texts(browser, ".column > label:first-child") == [column.name for column in COLUMNS[:12]]
    assert "3 more columns stay at their mean or first category." in texts(browser, "#columns .fact")
    slider = find(browser, "#column-0")
    assert [float(slider.get_attribute(end)) for end in ("min", "max")] == [42.25 - 1.5, 42.25 + 1.5]
    find(browser, "#clear").click()
    two_frames(browser)
    row = {
        it.name: [it.mean] if isinstance(it, NumericColumn) else [next(filter(None, it.categories))] for it in COLUMNS
    }
    row = {name: np.array(value, object if isinstance(value[0], str) else np.float64) for name, value in row.items()}
    np.testing.assert_array_equal(input_of(browser), TABLE.encode(row, np.float64)[0])

    put(browser, "#column-0", "41.5")
    put(browser, "#column-1", "4")
    Select(find(browser, "#column-2")).select_by_visible_text("<b>red</b>")
    find(browser, "#backward").click()
    row |= {"age": np.array([41.5]), "__proto__": np.array([4.0]), "color": np.array(["<b>red</b>"], object)}
    assert find(browser, ".column:first-child output").text == "41.500"
    np.testing.assert_allclose(input_of(browser), TABLE.encode(row, np.float64)[0], rtol=1e-15)
    find(browser, "label[for=label-1]").click()
    expect_torchnets_numbers(browser, net, "cross_entropy", 1, expect_equal)

    find(browser, ".missing input").click()
    two_frames(browser)
    row["__proto__"] = np.array([math.nan])
    np.testing.assert_allclose(input_of(browser), TABLE.encode(row, np.float64)[0], rtol=1e-15)
    assert not find(browser, "#column-1").is_enabled()
    find(browser, "#random").click()
    two_frames(browser)
    assert find(browser, "#column-1").is_enabled()
    assert not np.isin(input_of(browser)[[0, 1]], [0.0, (41.5 - 42.25) / 0.5]).any()


def test_the_gradient_of_a_row_has_the_names_of_its_inputs(show, browser):
    show(network_for(KINDS["table"]), KINDS["table"])
    find(browser, "#backward").click()
    two_frames(browser)
    lines = browser.find_elements(By.CSS_SELECTOR, "#rows > li:last-child figure:first-child li")
    names = ["age", "__proto__", "__proto__ is missing", "color = (missing)", "color = a long name of a color"]
    names += [
        "color = blue",
        "color = <b>red</b>",
        "year",
        *(f"column {k}" for k in range(10)),
        "last = no",
        "last = yes",
    ]
    assert [line.find_element(By.TAG_NAME, "b").get_attribute("title") for line in lines] == names
    gradient = gradient_of(browser)
    shares = [browser.execute_script("return arguments[0].style.getPropertyValue('--share')", line) for line in lines]
    np.testing.assert_allclose(np.array(shares, float), gradient / abs(gradient).max(), atol=1e-6)
    assert [("negative" in line.get_attribute("class")) for line in lines] == (gradient < 0).tolist()
