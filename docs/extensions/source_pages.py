"""Links to files of the repository lead to a page that shows the file; a link to a folder leads to the repository.

A page in HTML, such as the demo, is copied as it is, and opened by links to it.
"""

import importlib
import inspect
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

ROOT = Path(__file__).parent.parent.parent
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]
REPOSITORY, SITE = URLS["Repository"], URLS["Documentation"]
SCHEME = "source:"  # of a link to a file, until the pages are written
BINARY = (".png", ".jpg")


class LinksToFiles(SphinxTransform):
    """Recognize links to files and folders that are not pages of the site, and to the site itself."""

    default_priority = 5

    def apply(self, **kwargs: Any) -> None:
        links = [*self.document.findall(addnodes.download_reference), *self.document.findall(addnodes.pending_xref)]
        for link in links:
            target = link["reftarget"]
            if link.get("reftype") != "myst" or link.get("refdomain") or target.startswith("#"):
                continue
            path = Path(self.env.relfn2path(target)[1])
            if path.exists() and path.is_relative_to(ROOT) and path.suffix not in BINARY:
                name = path.relative_to(ROOT).as_posix()
                uri = f"{REPOSITORY}/tree/main/{name}" if path.is_dir() else SCHEME + name
                link.replace_self(nodes.reference("", "", *link.children, refuri=uri))
        for reference in self.document.findall(nodes.reference):  # the README links to the published site
            if reference.get("refuri", "").startswith(SITE):
                reference["refuri"] = SCHEME + (reference["refuri"].removeprefix(SITE) or "index.html")


def linkcode_resolve(domain: str, info: dict[str, str]) -> str | None:
    """Return the link from an object of the API reference to the line that defines it."""
    found: Any = importlib.import_module(info["module"])
    for name in info["fullname"].split("."):
        found = getattr(found, name, None)  # None: an attribute without a value
    try:
        found = inspect.unwrap(found)
        path, (_, line) = Path(inspect.getsourcefile(found) or ""), inspect.getsourcelines(found)
    except (TypeError, OSError):  # not a class or function
        return None
    is_ours = path.is_relative_to(ROOT / "torchnet")  # not in an environment below the root
    return f"{SCHEME}{path.relative_to(ROOT).as_posix()}#L-{line}" if is_ours else None


def linked_files(doctree: nodes.document) -> Iterator[tuple[nodes.reference, str, str]]:
    """Yield each link to a file, the file's path in the repository, and the fragment."""
    for link in doctree.findall(nodes.reference):
        if link.get("refuri", "").startswith(SCHEME):
            path, hash_, fragment = link["refuri"].removeprefix(SCHEME).partition("#")
            yield link, path, hash_ + fragment


def page_of(path: str) -> str:
    """Return the name of the page that shows a file; hosts leave out folders that begin with a dot."""
    return f"source/{path.lstrip('.')}"


def write_links(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Make the links relative to the page."""
    here = app.builder.get_target_uri(docname)
    for link, path, fragment in linked_files(doctree):
        there = path if path.endswith(".html") else f"{page_of(path)}.html"
        link["refuri"] = "../" * here.count("/") + there + fragment


def pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield a page for each file that a link leads to."""
    found = {path for name in app.env.found_docs for _, path, _ in linked_files(app.env.get_doctree(name))}
    for path in sorted(found):
        if path.endswith(".html"):
            if not (ROOT / path).exists():  # a page of the site
                continue
            (app.outdir / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, app.outdir / path)
            continue
        try:
            language = get_lexer_for_filename(path).aliases[0]
        except ClassNotFound:
            language = "text"
        code = app.builder.highlighter.highlight_block(  # type: ignore[attr-defined]  # of builders of HTML
            (ROOT / path).read_text(), language, linenos="inline", lineanchors="L", anchorlinenos=True
        )
        link = f'<p><a href="{REPOSITORY}/blob/main/{path}">{path} in the repository</a></p>'
        yield page_of(path), {"title": path, "body": f"<h1>{path}</h1>{link}{code}"}, "page.html"


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.config.linkcode_resolve = linkcode_resolve
    app.add_transform(LinksToFiles)
    app.connect("doctree-resolved", write_links)
    app.connect("html-collect-pages", pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
