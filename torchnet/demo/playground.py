"""The playground page: one self-contained HTML file in which a small network trains before the reader's eyes."""

from torchnet.demo.web_files import PLAYGROUND, render

_STYLES = ("view/base", "view/rows", "playground/playground", "playground/controls", "playground/walk")
_SCRIPTS = (
    *PLAYGROUND,
    *("view/elements", "view/motion", "view/pictures", "view/equations", "view/plots", "view/rows"),
    *("playground/sheet", "playground/chart", "playground/health", "playground/surfaces", "playground/diagram"),
    *("playground/fits", "playground/state", "playground/measurements"),
    *("playground/cells", "playground/details", "playground/walk"),
    *("playground/help", "playground/controls", "playground/loop", "playground/readings"),
    *("playground/address", "playground/playground"),
)


def playground_page(demo: str | None = None) -> str:
    """Return the page as HTML. It needs no run, no server and no internet.

    Args:
        demo: a relative address of a demo page, if one lies beside the page.
    """
    return render("playground/playground.html", _STYLES, _SCRIPTS, demo=demo)
