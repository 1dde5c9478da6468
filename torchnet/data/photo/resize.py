"""Image files as the pixels of a network that takes any images, not only digits."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from torchnet.data.photo.image_file import decoded


def read_pixels(path: Path, size: tuple[int, int] | None, mode: str | None = None) -> np.ndarray:
    """Return an image as bytes. Transparent pixels become white.

    Args:
        path: the file.
        size: the height and width to which the middle of the image is resized; None to leave it as it is.
        mode: "L" for gray, "RGB" for colors; None for gray if the image is gray, else colors.

    Shape:
        returns: (height, width) if gray, else (height, width, 3) uint8.

    Raises:
        DataError: if the file is not a readable image, or is too large; OSError: if the disk fails.
    """
    with decoded(path, size and max(size)) as image:
        if image.mode == "RGBA":
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        if image.mode == "F":
            image = image.convert("L")
        if size is not None:
            image = ImageOps.fit(image, (size[1], size[0]), Image.Resampling.BICUBIC)
        pixels = np.asarray(image if mode is None else image.convert(mode))
    is_gray = pixels.ndim == 2 or (mode is None and (pixels[..., :1] == pixels[..., 1:]).all())
    return pixels[..., 0] if is_gray and pixels.ndim == 3 else pixels
