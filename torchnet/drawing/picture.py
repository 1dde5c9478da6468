"""A figure as the bytes of an image file."""

import io
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE_SUFFIXES = (".png", ".pdf", ".svg")


def encoded(figure: "Figure", suffix: str, **options: Any) -> bytes:
    """Return a figure as the content of a file: .png, .pdf or .svg. The options are those of `Figure.savefig`."""
    file = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):  # about characters that the font does not have
        figure.savefig(file, format=suffix[1:].lower(), **options)
    return file.getvalue()
