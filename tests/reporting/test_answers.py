"""Predictions for image files: the table, which never cuts anything off, and the picture."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from torchnet.reporting import Answer, print_answers, write_answers_picture


def answer(k: int, name: str | None = None) -> Answer:
    rng = np.random.default_rng(k)
    probabilities = rng.dirichlet(np.full(10, 0.2))
    picture = rng.integers(0, 256, (20 + k % 7, 30, 3), dtype=np.uint8)
    return Answer(Path(name or f"digit{k}.png"), picture, rng.integers(0, 256, (28, 28), dtype=np.uint8), probabilities)


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
        assert int(label) == it.probabilities.argmax()
        np.testing.assert_allclose([float(percent) for percent in percents], 100 * it.probabilities, atol=0.0501)
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("width", [20, 80, 100, 300])
def test_a_terminal_shows_every_letter_and_number(width):
    answers = [answer(k, f"folder/{'abcdefghij' * 5}{k}.png") for k in range(3)]
    text = printed(answers, width=width, force_terminal=True, color_system=None, highlight=False)
    names = ["".join(line.split(" ")[0] for line in text.splitlines()[2:])]
    assert names == ["".join(str(it.path) for it in answers)]
    for it in answers:
        for probability in it.probabilities:
            assert f"{100 * probability:.1f}" in text


def test_the_probability_of_the_label_is_emphasized():
    it = answer(4)
    text = printed([it], width=120, force_terminal=True, color_system="standard")
    assert f"\x1b[1;32m{100 * it.probabilities.max():.1f}" in text.replace(" ", "")


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
            assert -bar.get_height() == pytest.approx(it.probabilities[label])  # y counts down
            assert (bar.get_facecolor() == bars[it.label].get_facecolor()) == (label == it.label)
    for image in axes.images:  # square pixels
        left, right, bottom, top = image.get_extent()
        height, width = image.get_array().shape[:2]
        assert (right - left) / (bottom - top) == pytest.approx(width / height)
    box = axes.get_window_extent()
    assert box.width / box.height == pytest.approx(axes.get_xlim()[1] / axes.get_ylim()[0])


@pytest.mark.parametrize("n", [1, 2, 3, pytest.param(30, marks=pytest.mark.sweep)])
def test_no_text_is_cut_off_or_overlaps(tmp_path, figures, expect_legible, n):
    answers = [answer(k, f"pictures/of digits $x_{k}$/{'abcdefgh' * 6} {k}.jpeg") for k in range(n)]
    write_answers_picture(answers, "accurate, after 28,200 steps", tmp_path / "picture.png")
    texts = [text for axes in figures[0].axes for text in axes.texts]
    expect_legible(figures[0], texts)
    assert any("show one\ndigit alone, on an even background" in text.get_text() for text in texts)


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
