"""The home page is the README, and what only the site has is appended to it and to the README of the notebooks."""

import shutil

from sphinx.application import Sphinx

APPENDED = {
    "README": """

```{toctree}
:hidden:
:caption: Learn

docs/browser
notebooks/README
TUTORIAL
docs/teaching
docs/catalog/index
docs/notebook
docs/map
```

```{toctree}
:hidden:
:caption: Use

docs/layers
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
docs/api/learning
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
""",
    "notebooks/README": """

They were run when this site was built:

````{container} runs
```{nb-exec-table}
```
````

```{toctree}
:hidden:
:glob:

*
```
""",
}


def append(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append to a page what only the site has."""
    source[0] += APPENDED.get(docname, "")


def copy_to_index(app: Sphinx, error: Exception | None) -> None:
    """Let the address of the site itself show the home page."""
    if not error:
        shutil.copy(app.outdir / f"{app.config.root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", append)
    app.connect("build-finished", copy_to_index, priority=100)  # before the built files are checked
    return {"parallel_read_safe": True, "parallel_write_safe": True}
