"""Write into the pages what their code prints: `python -m tests.rewrite_outputs`.

On these pages, a ```text block shows what the ```python block above it prints; tests/test_tutorial.py compares them.
With --operators, the table of operators in docs/check.md is measured again, which takes half a minute.
"""

import argparse
import contextlib
import io
import re
import sys
from pathlib import Path
from typing import Any

import torchnet

from .checking.operators import OPERATORS
from .checking.operators.judgement import Row, judge, shares
from .conftest import ROOT

TUTORIAL, CHECK, TEACHING = ROOT / "TUTORIAL.md", ROOT / "docs" / "check.md", ROOT / "docs" / "teaching.md"
PAGES = (TUTORIAL, CHECK, TEACHING)
BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(?<=<!-- operators -->\n)(.*?)(?=<!-- end of operators -->)", re.DOTALL)
EXERCISES = re.compile(r"(?<=<!-- exercises -->\n)(.*?)(?=<!-- end of exercises -->)", re.DOTALL)


def run_page(page: Path) -> tuple[list[tuple[str, str]], dict[str, Any]]:
    """Run the code of a page; return what each block printed with what the page shows, and the names it defined."""
    names: dict[str, Any] = {}
    printed, pairs = "", []
    for kind, block in BLOCK.findall(page.read_text()):
        if kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(block, str(page), "exec"), names)
            printed = output.getvalue()
        else:
            pairs.append((printed, block))
    return pairs, names


def with_outputs(page: Path) -> str:
    """Return the page with what its code prints in its ```text blocks."""
    printed = iter([output for output, _ in run_page(page)[0]])

    def block(match: re.Match[str]) -> str:
        return match[0] if match[1] == "python" else f"```text\n{next(printed)}```"

    return BLOCK.sub(block, page.read_text())


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
    for page in PAGES:
        text = EXERCISES.sub(lambda _: table_of_exercises(), with_outputs(page))
        if options.operators:
            table = table_of_operators() if TABLE.search(text) else ""
            text = TABLE.sub(lambda _, table=table: table, text)
        changed = text != page.read_text()
        page.write_text(text)
        print(f"{page.relative_to(ROOT)}: {'rewritten' if changed else 'unchanged'}", file=sys.stderr)


if __name__ == "__main__":
    main()
