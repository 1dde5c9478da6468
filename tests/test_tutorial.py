"""The tutorial: its code runs, and prints what the page shows."""

import contextlib
import io
import re

import pytest

from torchnet.checking import GradientError, check

from .conftest import ROOT

PAGE = ROOT / "TUTORIAL.md"
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def rounded(text: str) -> str:
    """Leave of each number what does not depend on the processor: errors at rounding level are its own."""
    text = re.sub(r"\d\.\de-(0[789]|1\d)", "tiny", text)
    text = re.sub(r"[\d.]+e\+1\d ulps", "many ulps", text)
    return re.sub(r"-?\d+\.\d{6,}", lambda number: f"{float(number[0]):.6g}", text)


def run_page() -> list[tuple[str, str]]:
    """Run the page's code from top to bottom; return what each printing block printed and what the page shows."""
    names: dict[str, object] = {}
    printed, pairs = "", []
    for kind, block in BLOCK.findall(PAGE.read_text()):
        if kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(block, str(PAGE), "exec"), names)
            printed = output.getvalue()
        else:
            pairs.append((printed, block))
    names_of_layers = names["Forgetful"], names["x"]
    with pytest.raises(GradientError, match="the gradient of input is wrong"):
        check(names_of_layers[0](), names_of_layers[1]).raise_if_failed()
    return pairs


def test_the_page_shows_what_its_code_prints():
    pairs = run_page()
    assert len(pairs) == 6
    for printed, shown in pairs:
        assert rounded(printed) == rounded(shown)
