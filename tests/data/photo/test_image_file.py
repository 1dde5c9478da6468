"""Image files of all formats and modes give the same colors; other files are refused in one sentence."""

import io
import os
import socket
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from torchnet.data import DataError, read_image, to_mnist_form
from torchnet.data.photo.image_file import LONGEST_SIDE

from ...handwriting.drawings import FORMATS, STORED, WITH_EXIF, stored


@pytest.fixture
def seven() -> Image.Image:
    """A gray picture from black to white that is neither symmetric nor square."""
    picture = Image.new("L", (90, 120), 255)
    ImageDraw.Draw(picture).line([(20, 20), (70, 25), (45, 105)], fill=0, width=9, joint="curve")
    return picture


def in_mode(picture: Image.Image, mode: str) -> Image.Image:
    pixels = np.asarray(picture)
    if mode == "I;16":
        return Image.fromarray(pixels.astype(np.uint16) * 257)
    if mode == "I":
        return Image.fromarray(pixels.astype(np.int32) * 1000 - 70_000)
    if mode == "F":
        return Image.fromarray(pixels.astype(np.float32) / 255 - 0.5)
    if mode in ("ink in LA", "ink in RGBA", "ink in P"):  # on a transparent background
        opacity = Image.fromarray(255 - pixels)
        if mode == "ink in LA":
            return Image.merge("LA", (Image.new("L", picture.size, 0), opacity))
        if mode == "ink in RGBA":
            return Image.merge("RGBA", (*Image.new("RGB", picture.size, "black").split(), opacity))
        indexed = picture.convert("P")  # its palette is the gray levels
        indexed.info["transparency"] = bytes(255 - gray for gray in range(256))
        indexed.putpalette(bytes(768))
        return indexed
    return picture.convert("RGB").convert(mode) if mode == "CMYK" else picture.convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *((mode, "PNG") for mode in ("LA", "P", "RGB", "RGBA", "I;16", "ink in LA", "ink in RGBA", "ink in P")),
        *((mode, "TIFF") for mode in ("L", "CMYK", "I", "F", "I;16")),
        *((mode, kind) for mode in ("L", "RGB") for kind in ("BMP", "GIF", "PPM")),
    ],
)
def test_every_mode_gives_the_same_form(seven, tmp_path, mode, kind):
    path = tmp_path / "image"
    in_mode(seven, mode).save(path, kind)
    expected = to_mnist_form(np.repeat(np.asarray(seven, dtype=np.float32)[..., None] / 255, 3, axis=2))
    difference = to_mnist_form(read_image(path)).astype(int) - expected
    assert abs(difference).max() <= 2, mode


@pytest.mark.parametrize("color", ["black", "white", "yellow", "#300060"])
def test_ink_of_any_color_is_visible_on_a_transparent_background(seven, tmp_path, color):
    picture = Image.new("RGBA", seven.size, color)
    picture.putalpha(Image.fromarray(255 - np.asarray(seven)))
    picture.save(tmp_path / "image.png")
    expected = to_mnist_form(np.repeat(np.asarray(seven, dtype=np.float32)[..., None] / 255, 3, axis=2))
    assert abs(to_mnist_form(read_image(tmp_path / "image.png")).astype(int) - expected).max() <= 2


def test_the_background_of_a_sheet_has_the_color_of_the_sheet(seven, tmp_path):
    picture = Image.new("RGBA", (200, 200), (0, 0, 0, 0))
    picture.paste(seven.convert("RGBA"), (40, 40))
    picture.save(tmp_path / "image.png")
    colors = read_image(tmp_path / "image.png")
    np.testing.assert_array_equal(colors[:40], 1)


@pytest.mark.parametrize("kind", WITH_EXIF)
@pytest.mark.parametrize("orientation", STORED)
def test_every_exif_orientation_is_turned_upright(seven, tmp_path, kind, orientation):
    (tmp_path / "image").write_bytes(stored(seven.convert("RGB"), kind, orientation))
    colors = read_image(tmp_path / "image")
    assert colors.shape == (120, 90, 3)
    assert abs(colors[..., 0] - np.asarray(seven) / 255).mean() < 0.03  # some formats are lossy


def test_a_large_image_is_reduced_by_averaging(tmp_path):
    checks = (np.indices((4096, 2048)).sum(axis=0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "image.png")
    colors = read_image(tmp_path / "image.png")
    assert colors.shape == (LONGEST_SIDE, LONGEST_SIDE // 2, 3)
    assert abs(colors - 0.5).max() < 0.01


def test_a_large_photograph_is_decoded_at_a_smaller_size(tmp_path):
    Image.new("L", (8000, 8000), 128).save(tmp_path / "image.jpg")  # 64 megapixels
    tracemalloc.start()
    try:
        assert read_image(tmp_path / "image.jpg").shape == (LONGEST_SIDE, LONGEST_SIDE, 3)
        assert tracemalloc.get_traced_memory()[1] < 50 * 2**20
    finally:
        tracemalloc.stop()


def png(width: int, height: int, content: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">2I5B", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def make(folder: Path, what: str) -> Path:
    path = folder / what
    contents = {
        "empty.png": b"",
        "text.png": b"no image\n",
        "photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
        "drawing.svg": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>',
        "page.pdf": b"%PDF-1.7\n",
        "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
        "bomb.png": png(100_000, 100_000, zlib.compress(bytes(10_000))),
        "large.png": png(10_000, 6_000, zlib.compress(bytes(1251 * 6000))),
    }
    if what in contents:
        path.write_bytes(contents[what])
    elif what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as it:
            it.bind(str(path))
    elif what == "loop":
        path.symlink_to(path)
    elif what == "device":
        path.symlink_to("/dev/zero")
    elif what == "sparse":
        path.touch()
        os.truncate(path, 10**11)
    elif what == "nan":
        Image.fromarray(np.full((30, 30), np.nan, dtype=np.float32)).save(path, "TIFF")
    elif what == "cut.png":
        file = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50), dtype=np.uint8)).save(file, "PNG")
        path.write_bytes(file.getvalue()[:1000])
    return path


BAD = {
    "missing.png": "expected an image file, got 'No such file or directory'",
    "empty.png": "expected an image, got an empty file",
    "text.png": "expected an image, got a file that Pillow cannot read: convert it to PNG or JPEG",
    "photo.heic": "expected an image such as PNG or JPEG, got HEIC: convert it to PNG or JPEG",
    "drawing.svg": "got SVG: convert it to PNG or JPEG",
    "page.pdf": "got PDF: convert it to PNG or JPEG",
    "page.eps": "got PostScript: convert it to PNG or JPEG",
    "bomb.png": "expected an image of at most 50 megapixels, got far more: make it smaller",
    "large.png": "expected an image of at most 50 megapixels, got 10000 x 6000: make it smaller",
    "folder": "expected an image file, got a folder: name a file in it",
    "pipe": "expected an image file, got a device or a pipe: name a regular file",
    "socket": "expected an image file, got 'No such device or address'",
    "loop": "expected an image file, got 'Too many levels of symbolic links'",
    "device": "expected an image file, got a device or a pipe: name a regular file",
    "sparse": "expected an image of at most 100 MiB, got a larger file",
    "nan": "expected finite pixels, got Inf or NaN",
    "cut.png": "expected an image, got a corrupt or unusual one",
}


@pytest.mark.parametrize("what", BAD)
def test_other_files_are_refused_in_one_sentence(tmp_path, monkeypatch, what):
    monkeypatch.chdir(tmp_path)
    path = make(Path(), what)
    with pytest.raises(DataError) as error:
        read_image(path)
    assert str(error.value).startswith(f"{what}: ")
    assert BAD[what] in str(error.value)


def test_a_failing_disk_is_an_os_error(monkeypatch):
    memory = Path("/proc/self/mem")  # looks like a regular file, but its first byte cannot be read
    with pytest.raises(OSError, match=str(memory)):
        read_image(memory)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_corrupt_file_is_read_or_refused(seven, tmp_path, kind):
    rng = np.random.default_rng(0)
    good = np.frombuffer(stored(seven.convert("RGB"), kind, 6 if kind in WITH_EXIF else 1), dtype=np.uint8)
    outcomes = set()
    for trial in range(60):
        content = good[: rng.integers(1, len(good))].copy() if trial % 3 == 0 else good.copy()
        for _ in range(trial % 3 * 3):
            content[rng.integers(min(len(content), 400))] = rng.integers(256)
        (tmp_path / "image").write_bytes(content.tobytes())
        try:
            colors = read_image(tmp_path / "image")
        except DataError:
            outcomes.add("refused")
        else:
            outcomes.add("read")
            assert np.isfinite(colors).all()
            assert 0 <= colors.min() <= colors.max() <= 1
    assert outcomes <= {"refused", "read"}
    assert "refused" in outcomes
