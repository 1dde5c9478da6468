"""The pages about gradient checks and exercises: their code runs, and prints what they show."""

import pytest

from docs.extensions.examples import CHECK, LAYERS, PAGES, TEACHING, TUTORIAL, rounded, run_page
from torchnet.checking import GradientError, check

from .checking.operators import OPERATORS
from .rewrite_outputs import EXERCISES, TABLE, table_of_exercises


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_shows_what_its_code_prints(page):
    pairs, names = run_page(page)
    assert len(pairs) == {TUTORIAL: 11, LAYERS: 1, CHECK: 2, TEACHING: 1}[page]
    for printed, shown in pairs:
        assert printed
        assert rounded(printed) == rounded(shown), "python -m tests.rewrite_outputs writes what is printed"
    if page == TUTORIAL:
        with pytest.raises(GradientError, match="the gradient of input is wrong"):
            check(names["Forgetful"](), names["x"]).raise_if_failed()


def test_the_table_of_operators_has_all_of_them():
    table = TABLE.search(CHECK.read_text())[0]
    *rows, total = table.splitlines()[2:]
    names = [name for row in rows for name in row.split("|")[1].split(":", 1)[1].strip().split(", ")]
    assert sorted(", ".join(names).split(", ")) == sorted(", ".join(o.name for o in OPERATORS).split(", "))
    mistakes = sum(len(operator.mistakes) for operator in OPERATORS)
    right, wrong = (total.split("|")[i].strip() for i in (2, 3))
    assert (right, wrong) == (f"{len(OPERATORS)} of {len(OPERATORS)}", f"{mistakes} of {mistakes}")


def test_the_table_of_exercises_is_theirs():
    assert EXERCISES.search(TEACHING.read_text())[0] == table_of_exercises(), (
        "python -m tests.rewrite_outputs writes the table"
    )
