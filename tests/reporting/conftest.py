"""Figures as they would be saved, and a check of their texts."""

from collections.abc import Callable, Iterable

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text


@pytest.fixture
def figures(monkeypatch) -> list[Figure]:
    """The figures that would have been saved."""
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, file, **_: drawn.append(self))
    return drawn


@pytest.fixture
def expect_legible() -> Callable[[Figure, Iterable[Text]], None]:
    """Expect that no text is cut off at the edge of a figure or overlaps another text."""

    def expect(figure: Figure, texts: Iterable[Text]) -> None:
        boxes = [(text, text.get_window_extent()) for text in texts]
        for k, (text, box) in enumerate(boxes):
            assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1, text
            assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1, text
            assert not [other for other, other_box in boxes[:k] if box.overlaps(other_box)], text

    return expect
