"""Test a network on drawings: `python -m tests.handwriting RUN`.

Draw the twenty digits of the test suite and more, predict them, and print how many predictions are right and the names
of the wrong ones. The drawings, and a picture of the inputs of the network, are saved in a folder.
"""

import argparse
import sys
from pathlib import Path

from torchnet.reporting import Answer, write_answers_picture
from torchnet.runs.folders import find_checkpoint
from torchnet.runs.load_network import load_network
from torchnet.runs.prediction.images import answers_to

from .drawings import Drawing, drawings

TWENTY = 20
_LARGEST_ERROR = 0.05  # fraction of drawings that may be wrong


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.handwriting", description=__doc__)
    parser.add_argument("checkpoint", help="a file, the folder of a run, or last or best of the newest run in --root")
    parser.add_argument("--root", type=Path, default=Path("runs"), help="folder of the runs (runs)")
    parser.add_argument("--drawings", type=int, default=200, metavar="NUMBER", help="drawings besides the twenty (200)")
    parser.add_argument("--folder", type=Path, default=Path("runs/handwriting"), help="folder for the drawings")
    options = parser.parse_args()
    trained = load_network(*find_checkpoint(options.checkpoint, options.root))
    options.folder.mkdir(parents=True, exist_ok=True)
    wrong = 0
    for title, some in (
        ("the twenty", drawings(TWENTY)),
        ("others", drawings(options.drawings, first_seed=1000)),
    ):
        files = [_write(it, options.folder) for it in some]
        results = list(answers_to(files, trained))
        right = 0
        for it, result in zip(some, results, strict=True):
            got = result.label if isinstance(result, Answer) else result
            right += got == it.digit
            if got != it.digit:
                print(f"{it.name}: {got}")
        picture = options.folder / f"{title}.png"
        write_answers_picture([it for it in results if isinstance(it, Answer)], f"{trained.name}, {title}", picture)
        print(f"{title}: right: {right} of {len(some)}; inputs of the network: {picture}")
        wrong += len(some) - right
    return int(wrong > _LARGEST_ERROR * (TWENTY + options.drawings))


def _write(drawing: Drawing, folder: Path) -> Path:
    path = folder / drawing.name
    path.write_bytes(drawing.content)
    return path


if __name__ == "__main__":
    sys.exit(main())
