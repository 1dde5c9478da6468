"""The settings of the documentation site: `sphinx-build -M html . site -c docs -W`.

The source directory is the root of the repository, so that pages, notebooks and code link to each other on the site as
they do in the repository. With `-t draft`, notebooks are not run and gradients are not checked.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import torchnet

draft = tags.has("draft")  # noqa: F821  # Sphinx defines it

project, author, release = "torchnet", "torchnet's authors", torchnet.__version__
root_doc = "README"
include_patterns = [
    "*.md",
    "docs/*.md",
    "docs/api/*.md",
    "docs/catalog/*.md",
    "benchmarks/*.md",
    "notebooks/*.ipynb",
    "notebooks/*.md",
]
exclude_patterns = [".*", "site", "runs", "data", "torchnet", "tests", "configs"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "docs.extensions.built_files",
    "docs.extensions.catalog",
    "docs.extensions.docstrings",
    "docs.extensions.examples",
    "docs.extensions.home",
    "docs.extensions.mathml",
    "docs.extensions.notebook_runs",
    "docs.extensions.source_pages",
]
suppress_warnings = ["config.cache"]  # linkcode_resolve is a function
nitpicky = True
nitpick_ignore_regex = [("py:class", ".*")]  # annotations name classes of other packages, and private ones

# Text
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
default_role = "literal"
highlight_language = "text"
html_math_renderer = "mathml"

# Docstrings
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Shape", "params_style")]
napoleon_use_ivar = True
napoleon_use_rtype = False

# Notebooks
nb_execution_mode = "off" if draft else "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

# The look
html_theme = "furo"
html_title = "torchnet"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["frames.js"]
html_copy_source = False
html_show_copyright = False
