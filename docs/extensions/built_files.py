"""Every link, picture and script of the built site exists on it, and no page loads anything from another host."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
FROM_ANOTHER_HOST = re.compile(r"(?:@import\s+|url\()[\"']?(?:https?:)?//")  # in a style sheet


class Page(HTMLParser):
    """The links of a page, what it loads, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = {""}
        self.style = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if "href" in given:
            (self.loads if tag == "link" else self.links).append(given["href"])
        self.loads += [given[name] for name in ("src", "data", "poster") if name in given]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "style":
            self.style += data


def page_has(page: Page, fragment: str) -> bool:
    """Return whether a page has an anchor; a fragment such as #layers=3 is a state of the playground."""
    return "=" in fragment or fragment in page.anchors


def faults(folder: Path) -> list[str]:
    """Return what is wrong with a built site, a line each."""
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    styles = {path: page.style for path, page in pages.items()}
    styles |= {path: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.css"))}
    found = [
        f"{path.relative_to(folder)} loads something from another host"
        for path, style in styles.items()
        if FROM_ANOTHER_HOST.search(style)
    ]
    for path, page in pages.items():
        for link in [*page.loads, *page.links]:
            parts, name = urlsplit(link), path.relative_to(folder)
            if parts.scheme or parts.netloc:
                if link in page.loads and parts.scheme != "data":
                    found.append(f"{name} loads {link} from another host")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{name}: there is no {link}")
            elif target in pages and not page_has(pages[target], unquote(parts.fragment)):
                found.append(f"{name}: there is no anchor {link}")
    return found


def check(app: Sphinx, error: Exception | None) -> None:
    """Warn of each fault; with -W, a warning fails the build."""
    if error or app.builder.format != "html":
        return
    found = faults(Path(app.outdir))
    for fault in found:
        LOGGER.warning(fault)
    files = [path for path in Path(app.outdir).rglob("*") if path.is_file()]
    pages, size = sum(path.suffix == ".html" for path in files), sum(path.stat().st_size for path in files)
    LOGGER.info(f"{pages} pages, {size / 1e6:.1f} MB, {len(found)} missing links and pictures")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("build-finished", check, priority=900)  # after everything is written
    return {"parallel_read_safe": True, "parallel_write_safe": True}
