"""Take the screenshots for the README: `python -m tests.pictures [RUN]`.

    python -m tests.pictures
    python train.py
    python -m tests.pictures last

docs/demo.png shows the top of docs/demo.html, docs/playground.webp the playground while it trains. With a run,
docs/report.png shows the top of its report.
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
    image.quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)
    print(picture)


def film(chrome: Chrome, page: Path, frames: int, steps: int, picture: Path) -> None:
    """Train on the playground and write a screenshot of every few steps into an animation."""
    set_width(chrome, 1280, 900)
    chrome.get(page.absolute().as_uri())  # it waits, as start_browser asks for reduced motion
    chrome.execute_script("document.getElementById('message').hidden = true")
    images = []
    for _ in range(frames):
        images.append(Image.open(io.BytesIO(chrome.get_screenshot_as_png())).convert("RGB"))
        chrome.execute_script(f"for (let k = 0; k < {steps}; k++) playground.state.step(); playground.loop.refresh()")
        chrome.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    small = [image.resize((960, 675), Image.Resampling.LANCZOS) for image in images]
    durations = [120] * (frames - 1) + [2500]
    small[0].save(picture, save_all=True, append_images=small[1:], duration=durations, loop=0, quality=60, method=6)
    print(picture)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        chrome = start_browser(Path(folder, "profile"))
        take(chrome, DOCS / "demo.html", 1280, 900, DOCS / "demo.png")
        film(chrome, DOCS / "playground.html", 48, 12, DOCS / "playground.webp")
        for run in sys.argv[1:2]:
            report = Path(folder, "report.html")
            if main(["report", run, "--output", str(report)]) == 0:
                take(chrome, report, 1180, 1400, DOCS / "report.png")
        chrome.quit()
