"""Pages for images that are not digits: what is painted, or read from a file, is the input of the network."""

import numpy as np
import pytest
from PIL import Image, ImageOps
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from .pages import (
    KINDS,
    SHAPES,
    expect_torchnets_numbers,
    find,
    gradient_of,
    input_of,
    network_for,
    paint,
    pixels_of,
    put,
    two_frames,
)


@pytest.mark.parametrize("kind", SHAPES)
def test_a_painting_is_the_input(kind, show, browser, expect_equal):
    net = network_for(KINDS[kind])
    show(net, KINDS[kind])
    assert input_of(browser).any()  # an example, which the first line replaces
    paint(browser, (-0.3, -0.3), (-0.2, -0.3))
    assert not pixels_of(browser, find(browser, "#board"))[3:, ..., :3].any()
    find(browser, "#clear").click()
    two_frames(browser)
    assert find(browser, "#answer").text == "Nothing is drawn yet."
    find(browser, "#fill").click()
    put(browser, "#brush", "#808080" if kind == "gray" else "#2080f0")
    paint(browser, (-0.3, -0.3), (0.3, -0.3), (0.1, 0.3))
    pixels = pixels_of(browser, find(browser, "#board"))[..., :3]
    assert pixels[1, 3].tolist() == ([128, 128, 128] if kind == "gray" else [32, 128, 240])
    image = pixels[..., 0] if kind == "gray" else pixels.transpose(2, 0, 1) if kind == "channels first" else pixels
    np.testing.assert_array_equal(input_of(browser), image.reshape(-1) / 255)
    find(browser, "#backward").click()
    find(browser, "label[for=label-2]").click()
    expect_torchnets_numbers(browser, net, "cross_entropy", 2, expect_equal)

    gradient, x = browser.find_elements(By.CSS_SELECTOR, "#rows > li:last-child canvas")
    np.testing.assert_array_equal(pixels_of(browser, x)[..., :3], pixels)
    if kind != "gray":
        expected = 127.5 + 127.5 * gradient_of(browser) / abs(gradient_of(browser)).max()
        expected = expected.reshape(SHAPES[kind])
        expected = expected.transpose(1, 2, 0) if kind == "channels first" else expected
        np.testing.assert_allclose(pixels_of(browser, gradient)[..., :3], expected, atol=0.51)
    find(browser, "#clear").click()
    two_frames(browser)
    assert not input_of(browser).any()
    assert find(browser, ".invitation").is_displayed()


@pytest.mark.parametrize("kind", ["gray", "channels last"])
def test_an_image_file_is_opened(kind, show, browser, tmp_path):
    side = 8
    preprocessing = KINDS[kind]
    show(network_for(preprocessing), preprocessing)
    colors = np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)
    blank = Image.new("RGB", (3 * side, side), "red")  # the middle is shown
    blank.paste(Image.fromarray(colors), (side, 0))
    blank.save(tmp_path / "wide.png")
    find(browser, "#clear").click()
    find(browser, "#file").send_keys(str(tmp_path / "wide.png"))
    WebDriverWait(browser, 20).until(lambda _: input_of(browser).any())
    two_frames(browser)
    expected = np.asarray(Image.fromarray(colors).convert("L")) if kind == "gray" else colors
    np.testing.assert_allclose(input_of(browser) * 255, expected.reshape(-1), atol=1.01)

    (tmp_path / "text.png").write_text("no image")
    find(browser, "#file").send_keys(str(tmp_path / "text.png"))
    note = find(browser, "#file-note")
    WebDriverWait(browser, 20).until(lambda _: note.text == "This browser cannot read the file as an image.")
    np.testing.assert_allclose(input_of(browser) * 255, expected.reshape(-1), atol=1.01)


def test_a_large_photograph_is_resized_as_folders_of_images_are(show, browser, tmp_path):
    show(network_for(KINDS["channels last"]), KINDS["channels last"])
    across, down = np.meshgrid(np.arange(600), np.arange(400))
    smooth = np.stack([across / 600, down / 400, (across + down) / 1000], axis=-1)
    photo = Image.fromarray(np.rint(255 * smooth).astype(np.uint8))
    photo.save(tmp_path / "photo.jpg", quality=95)
    find(browser, "#clear").click()
    find(browser, "#file").send_keys(str(tmp_path / "photo.jpg"))
    WebDriverWait(browser, 20).until(lambda _: input_of(browser).any())
    expected = np.asarray(ImageOps.fit(photo, (8, 8), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(
        input_of(browser) * 255, expected.reshape(-1), atol=8
    )  # browsers filter in a way of their own
