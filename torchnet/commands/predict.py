"""Predictions for image files: `python -m torchnet predict`."""

import argparse
from pathlib import Path

DESCRIPTION = "Predict the digits in image files, and draw what the network saw."
EPILOG = """\
examples:
  python -m torchnet predict last digit.png more/*.jpg
  python -m torchnet predict best digit.png --output what_it_saw.png

An image shows one digit, of any size and color, on a background of another
color. It is converted to the form of the training images; the picture shows
the result. python train.py predict --ckpt_path RUN FILES does the same.

If an image cannot be predicted, such as a file without a digit (65), the exit
code is that of the first such image.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("images", type=Path, nargs="+", metavar="image", help="a file in any format that Pillow reads")
    parser.add_argument(
        "--output", type=Path, help="a .png, .pdf or .svg file (predictions.png in the folder of the run)"
    )


def run(options: argparse.Namespace) -> int:
    """Predict the images; return the exit code."""
    from torchnet.runs.folders import find_checkpoint
    from torchnet.runs.predict_images import predict_image_files

    found = find_checkpoint(options.named, options.root)
    return predict_image_files(found, options.images, options.output, options.trust_run)
