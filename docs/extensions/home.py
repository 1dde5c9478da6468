"""The home page is the README, followed by the contents of the site."""

import shutil

from sphinx.application import Sphinx

CONTENTS = """

```{toctree}
:hidden:
:caption: Learn

docs/notebooks
TUTORIAL
docs/catalog/index
docs/map
```

```{toctree}
:hidden:
:caption: Use

docs/check
docs/training
docs/data
docs/resume
docs/distributed
docs/speed
```

```{toctree}
:hidden:
:caption: Reference

docs/api/networks
docs/api/training
docs/api/checking
docs/api/data
```

```{toctree}
:hidden:
:caption: Project

docs/proof
benchmarks/README
CONTRIBUTING
CHANGELOG
```
"""


def add_contents(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append the contents to the README."""
    if docname == app.config.root_doc:
        source[0] += CONTENTS


def copy_to_index(app: Sphinx, error: Exception | None) -> None:
    """Let the address of the site itself show the home page."""
    if not error:
        shutil.copy(app.outdir / f"{app.config.root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", add_contents)
    app.connect("build-finished", copy_to_index, priority=100)  # before the built files are checked
    return {"parallel_read_safe": True, "parallel_write_safe": True}
