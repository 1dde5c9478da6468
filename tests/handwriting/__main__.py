"""The full check of a network on drawings: `python -m tests.handwriting RUN`.

It draws the twenty digits of the tests and as many others as are asked for, predicts them, prints how many are right,
names those that are not, and leaves the drawings, and the picture of what the network saw, in a folder.
"""

import argparse
import sys
from pathlib import Path

from torchnet.reporting import Answer, write_answers_picture
from torchnet.runs.folders import find_checkpoint
from torchnet.runs.load_network import load_trained
from torchnet.runs.predict_images import answers_to

from .drawings import Drawing, drawings

TWENTY = 20
_LARGEST_ERROR = 0.05  # the share of drawings that may be wrong


def main() -> int:
    parser = argparse.ArgumentParser("python -m tests.handwriting", description=__doc__)
    parser.add_argument(
        "checkpoint", help="a file or the folder of a run; last or best, of the newest run under --root"
    )
    parser.add_argument("--root", type=Path, default=Path("runs"), help="of the runs (runs)")
    parser.add_argument("--drawings", type=int, default=200, metavar="NUMBER", help="beside the twenty (200)")
    parser.add_argument("--folder", type=Path, default=Path("runs/handwriting"), help="for the drawings")
    options = parser.parse_args()
    trained = load_trained(find_checkpoint(options.checkpoint, options.root))
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
        print(f"{title}: right: {right} of {len(some)}; what the network saw: {picture}")
        wrong += len(some) - right
    return int(wrong > _LARGEST_ERROR * (TWENTY + options.drawings))


def _write(drawing: Drawing, folder: Path) -> Path:
    path = folder / drawing.name
    path.write_bytes(drawing.content)
    return path


if __name__ == "__main__":
    sys.exit(main())
