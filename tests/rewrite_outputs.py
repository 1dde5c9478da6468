"""Write into the pages what their code prints or renders: `python -m tests.rewrite_outputs`.

On the Markdown pages, a ```text block shows what the ```python block above it prints; tests/test_tutorial.py compares
them. The HTML pages in docs/ are rendered anew, docs/demo.html with the networks that it holds already.
With --operators, the table of operators in docs/check.md is measured again, which takes half a minute.
"""

import argparse
import re
import sys
from pathlib import Path

import torchnet
from docs.extensions.examples import BLOCK, PAGES, run_page
from torchnet.demo import content_of, page_of, playground_page

from .checking.operators import OPERATORS
from .checking.operators.judgement import Row, judge, shares
from .conftest import ROOT
from .layers.arguments import table as table_of_arguments

DEMO, PLAYGROUND = ROOT / "docs" / "demo.html", ROOT / "docs" / "playground.html"
TABLE = re.compile(r"(?<=<!-- operators -->\n)(.*?)(?=<!-- end of operators -->)", re.DOTALL)
EXERCISES = re.compile(r"(?<=<!-- exercises -->\n)(.*?)(?=<!-- end of exercises -->)", re.DOTALL)

ARGUMENTS = re.compile(r"(?<=<!-- layers -->\n)(.*?)(?=<!-- end of layers -->)", re.DOTALL)


def with_outputs(page: Path) -> str:
    """Return the page with what its code prints in its ```text blocks."""
    printed = iter([output for output, _ in run_page(page)[0]])

    def block(match: re.Match[str]) -> str:
        return match[0] if match[1] == "python" else f"```text\n{next(printed)}```"

    return BLOCK.sub(block, page.read_text())


def rendered_demo(page: Path) -> str:
    """Return the demo page with the networks that it holds, as the code renders it now."""
    return page_of(content_of(page.read_text(encoding="utf-8")))


RENDERED = {DEMO: rendered_demo, PLAYGROUND: lambda _: playground_page(DEMO.name)}


def table_of_operators() -> str:
    """Judge all operators; return a table with a row for each kind of operator, and the totals."""
    from .checking.operators.gradients import gradcheck

    rows = [judge(operator) for operator in OPERATORS]
    by_gradcheck = {
        row.operator.name: (
            gradcheck(row.operator),
            [not gradcheck(row.operator, mistake) for mistake in row.operator.mistakes],
        )
        for row in rows
    }
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        kind = row.operator.code[0].__module__.rpartition(".")[2].replace("_", " ")
        kinds.setdefault(kind, []).append(row)
    lines = [
        "| operators | right ones pass | mistakes fail | the wrong tensors accused | cause or place named "
        "| `gradcheck`: right ones pass | `gradcheck`: mistakes fail |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, chosen in [*sorted(kinds.items()), ("all", rows)]:
        what = "**all**" if kind == "all" else f"{kind}: {', '.join(row.operator.name for row in chosen)}"
        counts = [count for count, _, _ in shares(chosen).values()]
        accepted = sum(by_gradcheck[row.operator.name][0] for row in chosen)
        rejected = sum(sum(by_gradcheck[row.operator.name][1]) for row in chosen)
        totals = [len(chosen), *[sum(len(row.fails) for row in chosen)] * 3]
        cells = [f"{count} of {total}" for count, total in zip(counts, totals, strict=True)]
        cells += [f"{accepted} of {totals[0]}", f"{rejected} of {totals[1]}"]
        lines.append(f"| {' | '.join([what, *cells])} |")
    return "\n".join(lines) + "\n"


def table_of_exercises() -> str:
    """Return a table with a row for each exercise."""
    lines = ["| level | exercise | what the function computes | typical mistakes |", "|---|---|---|---|"]
    for name in torchnet.exercise():
        task = torchnet.exercise(name)._task
        kinds = ", ".join(dict.fromkeys(mistake.kind for mistake in task.mistakes))
        lines.append(f"| {task.level} | `{name}` | {task.title} | {kinds} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite the pages."""
    parser = argparse.ArgumentParser(prog="python -m tests.rewrite_outputs", description=__doc__.splitlines()[0])
    parser.add_argument("--operators", action="store_true", help="measure the table of operators, too")
    options = parser.parse_args()
    for page, rewritten in {**dict.fromkeys(PAGES, with_outputs), **RENDERED}.items():
        text = EXERCISES.sub(lambda _: table_of_exercises(), rewritten(page))
        text = ARGUMENTS.sub(lambda _: table_of_arguments(), text)
        if options.operators and page in PAGES:
            table = table_of_operators() if TABLE.search(text) else ""
            text = TABLE.sub(lambda _, table=table: table, text)
        changed = text != page.read_text(encoding="utf-8")
        page.write_text(text, encoding="utf-8")
        print(f"{page.relative_to(ROOT)}: {'rewritten' if changed else 'unchanged'}", file=sys.stderr)


if __name__ == "__main__":
    main()
