"""The documentation site: what is on it, and the parts of its build."""

import re

import pytest
import torch
from docutils import nodes
from sphinx.config import Config
from sphinx.util.matching import get_matching_files
from sphinx.util.tags import Tags

import torchnet
from docs.extensions.built_files import faults
from docs.extensions.catalog import entries
from docs.extensions.docstrings import to_restructured_text
from docs.extensions.home import APPENDED
from docs.extensions.mathml import to_mathml
from docs.extensions.source_pages import linkcode_resolve
from torchnet.checking.catalog import COLUMNS, worst_errors
from torchnet.layers import Layer
from torchnet.losses import LOSSES

from .conftest import ROOT
from .repository_address import account_and_name, files, in_pyproject, mentions, rewritten

X = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
CONFIG = Config.read(ROOT / "docs", overrides={}, tags=Tags([]))


def test_every_page_is_in_the_contents():
    listed = set(re.findall(r"^([\w/]+)$", APPENDED["README"], re.MULTILINE)) | {"README"}
    found = get_matching_files(ROOT, CONFIG["include_patterns"], CONFIG["exclude_patterns"])
    pages = {path.rpartition(".")[0] for path in found if not re.match("docs/catalog/|notebooks/.*ipynb", path)}
    assert pages == listed - {"docs/catalog/index"}


def test_every_public_name_is_in_the_reference():
    text = "".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    named = set(re.findall(r"torchnet\.(\w+)$", text, re.MULTILINE)) | {entry.name for entry in entries()}
    assert set(torchnet.__all__) - named == {"estimators", "layers", "losses", "network", "optimizers"}


def test_every_layer_and_loss_is_in_the_catalog():
    names = [entry.name for entry in entries()]
    layers = [it for it in vars(torchnet.layers).values() if isinstance(it, type) and issubclass(it, Layer)]
    assert sorted(names) == sorted([*LOSSES, *(layer.__name__ for layer in layers if layer is not Layer)])
    assert {entry.name: entry.group for entry in entries()}["GELU"] == "Activations"
    for entry in entries():
        assert (ROOT / entry.file).is_file()
        assert entry.summary.endswith(".")
        assert entry.widget is None or f"<title>{entry.name} at work" in entry.widget
    assert {entry.name for entry in entries() if entry.widget is None}.isdisjoint({"Linear", "Conv2d", "GELU"})
    assert len({entry.page for entry in entries()}) == len(names)


def test_a_row_of_the_table_has_the_worst_errors():
    good = torchnet.check(torchnet.Tanh(), X, oracles=["autograd", "complex step", "Taylor"])
    bad = torchnet.check((lambda x: x.sin(), lambda grad, x: grad * x), X, oracles=["autograd"])
    row = dict(zip(COLUMNS, worst_errors([good]), strict=True))
    assert (row["central differences"], row["Taylor slope"], row[""]) == ("-", "2.00", "right")
    assert float(worst_errors([good, bad])[0]) == pytest.approx(bad.tensors[0].comparisons["autograd"].error, rel=0.1)
    assert worst_errors([good, bad])[-1] == "WRONG"


def test_equations_in_docstrings_are_preformatted_and_text_is_not_markup():
    lines = [
        "Return y_, *twice*.",
        "",
        "With `x_`:",
        "",
        "    y = x*",
        "",
        "    z",
        "",
        "Raises:",
        "    E: if |x| > *y.",
    ]
    assert to_restructured_text(lines) == [
        "Return y\\_, \\*twice\\*.",
        "",
        "With `x_`:",
        "",
        "::",
        "",
        "    y = x*",
        "",
        "    z",
        "",
        "Raises:",
        "    E: if \\|x\\| > \\*y.",
    ]


def test_equations_become_mathml():
    assert "<mi>x</mi>" in to_mathml(nodes.math("", "x"))
    assert 'display="block"' in to_mathml(nodes.math_block("", r"\big[ x, \dots \big]"))
    for latex in (r"\hat x_n", r"\hat{x}_n", r"\overline{\sigma^2}_n", r"\bar\mu^2"):
        assert "munderover" not in to_mathml(nodes.math("", latex))
    assert "mspace" in to_mathml(nodes.math("", r"\log x"))
    assert "mspace" not in to_mathml(nodes.math("", r"\log(x)"))


@pytest.mark.parametrize(
    ("name", "line"),
    [("Linear.forward", "def forward(self"), ("cross_entropy", "@explains_backward"), ("nn", None), ("Linear.x", None)],
)
def test_a_name_in_the_reference_links_to_its_line(name, line):
    link = linkcode_resolve(
        "py", {"module": "torchnet.layers.linear" if name == "nn" else "torchnet", "fullname": name}
    )
    if line is None:
        assert link is None
    else:
        path, number = re.fullmatch(r"source:(.*)#L-(\d+)", link).groups()
        assert (ROOT / path).read_text().splitlines()[int(number) - 1].strip().startswith(line)


GOOD = '<a id="here" href="#here"></a><a href="b.html#there">b</a><a href="b.html#x=3"></a><img src="p.png">'


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        (GOOD, None),
        ('<a href="https://elsewhere.org">elsewhere</a>', None),
        ('<img src="data:image/png;base64,AA">', None),
        ('<a href="c.html">c</a>', "a.html: there is no c.html"),
        ('<a href="#nowhere">c</a>', "a.html: there is no anchor #nowhere"),
        ('<a href="b.html#here">b</a>', "a.html: there is no anchor b.html#here"),
        ('<img src="q.png">', "a.html: there is no q.png"),
        ('<iframe src="sub/c.html"></iframe>', "a.html: there is no sub/c.html"),
        ('<script src="https://cdn.org/x.js"></script>', "a.html loads https://cdn.org/x.js from another host"),
        ('<link rel="stylesheet" href="//cdn.org/x.css">', "a.html loads //cdn.org/x.css from another host"),
        ("<style>@import 'https://cdn.org/x.css'</style>", "a.html loads something from another host"),
    ],
)
def test_missing_links_and_pictures_are_found(html, fault, tmp_path):
    (tmp_path / "a.html").write_text(html)
    (tmp_path / "b.html").write_text('<p id="there">')
    (tmp_path / "p.png").touch()
    assert faults(tmp_path) == ([] if fault is None else [fault])


def test_the_repository_has_one_address():
    account, name = account_and_name(in_pyproject())
    found = {}
    for path in files():
        for mention in mentions(name).finditer(path.read_text(encoding="utf-8")):
            found.setdefault(re.split(r"/|\.github\.io/", mention[0])[0], path)
    assert found.keys() == {account}, found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://github.com/me/net", "https://github.com/ada/nets"),
        ("git+https://github.com/me/net.git'", "git+https://github.com/ada/nets.git'"),
        (
            "https://colab.research.google.com/github/me/net/blob/main/x",
            "https://colab.research.google.com/github/ada/nets/blob/main/x",
        ),
        ("https://mybinder.org/v2/gh/me/net/main?x", "https://mybinder.org/v2/gh/ada/nets/main?x"),
        ("(https://me.github.io/net/docs/x.html)", "(https://ada.github.io/nets/docs/x.html)"),
        ("https://github.com/me/network file:///me/net me/net", "https://github.com/me/network file:///me/net me/net"),
    ],
)
def test_the_address_is_rewritten_in_all_its_forms(old, new):
    assert rewritten(old, "net", ("ada", "nets")) == new


def test_an_address_has_an_account_and_a_name():
    assert account_and_name("https://github.com/ada/nets.git") == ("ada", "nets")
    with pytest.raises(ValueError, match=r"expected https://github\.com/ACCOUNT/NAME, got 'http://x'"):
        account_and_name("http://x")
