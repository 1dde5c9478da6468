"""Take the screenshots for the README from a run: `python -m tests.pictures RUN`.

    python train.py
    python -m tests.pictures last

docs/demo.png shows the top of docs/demo.html, docs/report.png the top of the report of the run.
"""

import io
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from selenium.webdriver import Chrome

from torchnet.commands import main

from .browser import set_width, start_browser

DOCS = Path(__file__).parent.parent / "docs"


def take(chrome: Chrome, page: Path, width: int, height: int, picture: Path) -> None:
    """Open a page, and write a screenshot as a PNG file."""
    set_width(chrome, width, height, scale=1.25)
    chrome.get(page.absolute().as_uri())
    time.sleep(1)  # the demo computes the losses after a step when nothing was drawn for a while
    image = Image.open(io.BytesIO(chrome.get_screenshot_as_png())).convert("RGB")
    image.quantize(128, dither=Image.Dither.NONE).save(picture, optimize=True)
    print(picture)


if __name__ == "__main__":
    (run,) = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.html")
        if main(["report", run, "--output", str(report)]):
            sys.exit(1)
        chrome = start_browser(Path(folder, "profile"))
        take(chrome, DOCS / "demo.html", 1280, 1400, DOCS / "demo.png")
        take(chrome, report, 1180, 1400, DOCS / "report.png")
        chrome.quit()
