"""Remove the outputs of the notebooks before a commit: `python -m tests.notebooks.strip`."""

from pathlib import Path

import nbformat

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def stripped(text: str) -> str:
    """Return a notebook without outputs, execution counts and what editors add."""
    notebook = nbformat.reads(text, as_version=4)
    notebook.metadata = METADATA
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def main() -> None:
    """Rewrite the notebooks that have outputs."""
    for path in NOTEBOOKS:
        text = path.read_text(encoding="utf-8")
        if stripped(text) != text:
            path.write_text(stripped(text), encoding="utf-8")
            print(path.name)


if __name__ == "__main__":
    main()
