"""The digits on pictures of one's own: `python -m torchnet predict`."""

import argparse
from pathlib import Path

DESCRIPTION = "Predict the digits on images of any kind, and draw what the network saw of them."
EPILOG = """\
examples:
  python -m torchnet predict last digit.png more/*.jpg
  python -m torchnet predict best digit.png --output what_it_saw.png

An image shows one digit, of any size and color, on a background of another
color. It is brought into the form of the training images; the picture shows
the result.

exit code: 0 when every image is answered; else that of the first one that is
not, 65 for what is no image with a digit; 2 for wrong usage, 66 for a
checkpoint that cannot be used, 74 for a file that cannot be written.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "checkpoint", help="a file or the folder of a run; last or best, of the newest run under --root"
    )
    parser.add_argument("images", type=Path, nargs="+", metavar="image", help="a file in any format that Pillow reads")
    parser.add_argument(
        "--output", type=Path, help="a .png, .pdf or .svg file (predictions.png in the folder of the run)"
    )
    parser.add_argument("--root", type=Path, default=Path("runs"), metavar="FOLDER", help="of the runs (runs)")


def run(options: argparse.Namespace) -> int:
    """Predict the digits on the images that the options name; return the exit code."""
    from torchnet.runs.folders import find_checkpoint
    from torchnet.runs.predict_images import predict_image_files

    return predict_image_files(find_checkpoint(options.checkpoint, options.root), options.images, options.output)
