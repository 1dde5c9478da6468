"""The code of some pages runs, and prints what they show: a ```text block has what the ```python block above prints."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.logging import getLogger

ROOT = Path(__file__).parent.parent.parent
LOGGER = getLogger(__name__)
TUTORIAL, DOCS = ROOT / "TUTORIAL.md", ROOT / "docs"
LAYERS, CHECK, TEACHING = DOCS / "layers.md", DOCS / "check.md", DOCS / "teaching.md"
PAGES = (TUTORIAL, LAYERS, CHECK, TEACHING)
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_page(page: Path) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Run the code of a page; return what each block printed with what the page shows, and the names it defined."""
    names: dict[str, Any] = {}
    printed, pairs = "", []
    for kind, block in BLOCK.findall(page.read_text()):
        if kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(block, str(page), "exec"), names)
            printed = output.getvalue()
        else:
            pairs.append((printed, block))
    return pairs, names


def rounded(text: str) -> str:
    """Leave of each number what does not depend on the processor: errors at rounding level are its own."""
    text = re.sub(r"\d\.\de-(0[789]|1\d)", "tiny", text)
    text = re.sub(r"[\d.]+e\+1\d ulps", "many ulps", text)
    return re.sub(r"-?\d+\.\d{6,}", lambda number: f"{float(number[0]):.6g}", text)


def check_pages(app: Sphinx) -> None:
    """Warn of outputs that have changed; with -W, a warning fails the build, as an example that raises does."""
    for page in () if app.tags.has("draft") else PAGES:
        for printed, shown in run_page(page)[0]:
            if rounded(printed) != rounded(shown):
                LOGGER.warning(f"the code prints {printed!r}, the page shows {shown!r}", location=str(page))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("builder-inited", check_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
