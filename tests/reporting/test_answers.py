"""Predictions for image files: the table, which never cuts anything off, and the picture."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from torchnet.data import Classes, Quantities
from torchnet.reporting import Answer, print_answers, write_answers_picture

DIGITS = Classes(tuple("0123456789"))
WORDS = Classes(
    tuple(sorted(f"{word} the $x_{word[0]}$" for word in ("cat", "dog", "emu", "fox", "gnu", "hen"))), "str"
)
MANY = Classes(tuple(sorted(f"c{k}" for k in range(47))), "str")
TWO = Classes(("False", "True"), "bool")
PRICES = Quantities(("price", "mass \x1b of a rather long name"), (0.0, 0.0), (1.0, 1.0))


def answer(k: int, name: str | None = None, targets: Classes | Quantities = DIGITS) -> Answer:
    rng = np.random.default_rng(k)
    is_class = isinstance(targets, Classes)
    values = rng.dirichlet(np.full(targets.width, 0.2)) if is_class else rng.normal(0, 1e4, targets.width)
    picture = rng.integers(0, 256, (20 + k % 7, 30, 3), dtype=np.uint8)
    seen = rng.integers(0, 256, (28, 28), dtype=np.uint8)
    return Answer(Path(name or f"digit{k}.png"), picture, seen, values, targets, as_digit=targets == DIGITS)


def printed(answers: list[Answer], **options: object) -> str:
    file = io.StringIO()
    print_answers(answers, Console(file=file, **options))
    return file.getvalue()


def test_without_a_terminal_the_table_has_one_line_per_image():
    answers = [answer(0), answer(1, "a/" + 40 * "long name " + ".jpg")]
    lines = printed(answers, width=80).splitlines()
    assert len(lines) == 2 + len(answers)
    assert lines[0].split() == ["image", "label", *(word for k in range(10) for word in (str(k), "%"))]
    for line, it in zip(lines[2:], answers, strict=True):
        assert line.startswith(str(it.path))
        label, *percents = line.removeprefix(str(it.path)).split()
        assert int(label) == it.values.argmax()
        np.testing.assert_allclose([float(percent) for percent in percents], 100 * it.values, atol=0.0501)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("targets", [WORDS, MANY], ids=["long names", "many classes"])
def test_of_many_classes_the_five_most_probable_are_printed(targets):
    answers = [answer(k, targets=targets) for k in range(3)]
    lines = printed(answers, width=80).splitlines()
    assert lines[0].split() == ["image", "label", "most", "probable,", "%"]
    for line, it in zip(lines[2:], answers, strict=True):
        order = np.argsort(-it.values)[:5]
        expected = ", ".join(f"{targets.names[k]} {100 * it.values[k]:.1f}" for k in order)
        assert " ".join(line.split()) == f"{it.path} {targets.names[order[0]]} {expected}"
        assert it.label == targets.names[order[0]]


def test_labels_of_few_classes_have_a_column_each():
    it = answer(0, targets=TWO)
    head, _, line = printed([it], width=80).splitlines()
    assert head.split() == ["image", "label", "False", "%", "True", "%"]
    assert line.split() == ["digit0.png", str(it.label), *(f"{100 * value:.1f}" for value in it.values)]
    assert type(it.label) is bool


def test_quantities_have_a_column_each():
    it = answer(0, targets=PRICES)
    head, _, line = printed([it], width=80).splitlines()
    assert " ".join(head.split()) == "image price mass \\x1b of a rather long name"
    assert line.split() == ["digit0.png", *(f"{value:.6g}" for value in it.values)]
    assert it.label == it.values[0]


@pytest.mark.parametrize("width", [20, 80, 100, 300])
def test_a_terminal_shows_every_letter_and_number(width):
    answers = [answer(k, f"folder/{'abcdefghij' * 5}{k}.png") for k in range(3)]
    text = printed(answers, width=width, force_terminal=True, color_system=None, highlight=False)
    names = ["".join(line.split(" ")[0] for line in text.splitlines()[2:])]
    assert names == ["".join(str(it.path) for it in answers)]
    for it in answers:
        for probability in it.values:
            assert f"{100 * probability:.1f}" in text


def test_the_probability_of_the_label_is_emphasized():
    it = answer(4)
    text = printed([it], width=120, force_terminal=True, color_system="standard")
    assert f"\x1b[1;32m{100 * it.values.max():.1f}" in text.replace(" ", "")


def test_file_names_are_printed_as_plain_text():
    text = printed([answer(0, "[red]a[/red]\x1b[2J\n\u202eb.png")], width=150)
    assert "[red]a[/red]\\x1b[2J\\n\\u202eb.png" in text


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_images_and_bars_match_the_answers(tmp_path, figures, n):
    answers = [answer(k) for k in range(n)]
    write_answers_picture(answers, "title", tmp_path / "picture.png")
    axes = figures[0].axes[1]
    shown = [image.get_array() for image in axes.images]
    assert len(shown) == 2 * n
    for k, it in enumerate(answers):
        np.testing.assert_array_equal(shown[2 * k], it.picture)
        np.testing.assert_array_equal(shown[2 * k + 1], it.seen)
        bars = axes.containers[k].patches
        assert len({bar.get_facecolor() for bar in bars}) == 2
        for label, bar in enumerate(bars):
            assert -bar.get_height() == pytest.approx(it.values[label])  # y counts down
            assert (bar.get_facecolor() == bars[it.label].get_facecolor()) == (label == it.label)
    for image in axes.images:  # square pixels
        left, right, bottom, top = image.get_extent()
        height, width = image.get_array().shape[:2]
        assert (right - left) / (bottom - top) == pytest.approx(width / height)
    box = axes.get_window_extent()
    assert box.width / box.height == pytest.approx(axes.get_xlim()[1] / axes.get_ylim()[0])


@pytest.mark.parametrize(
    "targets", [DIGITS, WORDS, MANY, TWO, PRICES], ids=["digits", "words", "many", "two", "prices"]
)
@pytest.mark.parametrize("n", [1, 2, 3, pytest.param(30, marks=pytest.mark.sweep)])
def test_no_text_is_cut_off_or_overlaps(tmp_path, figures, expect_legible, n, targets):
    answers = [answer(k, f"pictures/of digits $x_{k}$/{'abcdefgh' * 6} {k}.jpeg", targets) for k in range(n)]
    write_answers_picture(answers, "accurate, after 28,200 steps", tmp_path / "picture.png")
    texts = [text for axes in figures[0].axes for text in axes.texts]
    expect_legible(figures[0], texts)
    said = (
        "show one\ndigit alone, on an even background"
        if targets == DIGITS
        else "Only the middle of the picture is seen"
    )
    assert any(said in text.get_text() for text in texts)


def test_the_picture_lists_the_most_probable_of_many_classes(tmp_path, figures):
    it = answer(3, targets=MANY)
    write_answers_picture([it], "title", tmp_path / "picture.png")
    shown = [text.get_text() for text in figures[0].axes[1].texts]
    for k in np.argsort(-it.values)[:5]:
        assert shown[shown.index(MANY.names[k]) + 1] == f"{100 * it.values[k]:.1f}"
    assert f"{it.label}   {100 * it.values.max():.1f} %" in shown
    assert "probabilities" in shown


def test_the_picture_lists_quantities(tmp_path, figures):
    it = answer(3, targets=PRICES)
    write_answers_picture([it], "title", tmp_path / "picture.png")
    shown = [text.get_text() for text in figures[0].axes[1].texts]
    assert [shown[shown.index("price") + 1], shown[-1]] == [f"{value:.5g}" for value in it.values]
    assert shown[-2] == "mass \\x1b of a rather…"
    assert "quantities" in shown


def test_colors_are_drawn_as_colors(tmp_path, figures):
    it = answer(1)
    seen = np.random.default_rng(0).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    write_answers_picture([replace(it, seen=seen)], "title", tmp_path / "picture.png")
    np.testing.assert_array_equal(figures[0].axes[1].images[1].get_array(), seen)


def test_at_most_one_hundred_images_are_drawn(tmp_path, figures):
    write_answers_picture([answer(k) for k in range(101)], "title", tmp_path / "picture.png")
    assert len(figures[0].axes[1].images) == 200
    assert figures[0].axes[0].texts[0].get_text() == "title, the first 100 of 101 images"


@pytest.mark.parametrize(("suffix", "beginning"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_the_suffix_selects_the_format(tmp_path, suffix, beginning):
    path = tmp_path / f"picture.{suffix}"
    write_answers_picture([answer(0, "数字.png"), answer(1)], "title", path)
    assert path.read_bytes().startswith(beginning)
    if suffix == "png":
        with Image.open(path) as picture:
            assert np.ptp(np.asarray(picture.convert("L"))) == 255


def test_a_link_is_replaced_and_never_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("precious")
    path = tmp_path / "predictions.png"
    path.symlink_to(outside)
    write_answers_picture([answer(0)], "$\\nonsense$\x1b[2J", path)
    assert outside.read_text() == "precious"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert not path.is_symlink()
