"""Predictions for image files, rows and arrays: `python -m torchnet predict`."""

import argparse
from pathlib import Path

DESCRIPTION = "Predict images, or the rows of a table or an array."
EPILOG = """\
examples:
  python -m torchnet predict last digit.png more/*.jpg
  python -m torchnet predict best digit.png --output what_it_saw.png
  python -m torchnet predict last customers.csv --output answers.csv

Images are resized to the size of the training images; the picture shows the
result. A network of MNIST-like digits gets the digit that is in the picture:
one digit, of any size and color, on a background of another color. Rows are
those of a .csv, .tsv or .parquet file with the columns of training, other
columns are copied; or of an array in a .npy or .npz file (x_test or x).
python train.py predict --ckpt_path RUN FILES does the same.

If an image cannot be predicted, such as a file without a digit (65), the exit
code is that of the first such image.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="images; or one table or array")
    parser.add_argument(
        "--output",
        type=Path,
        help="a .png, .pdf or .svg file, for rows a .csv file (predictions.png or predictions.csv in the folder of the "
        "run)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--raw", action="store_const", dest="form", const="raw", help="only resize images, also of digits"
    )
    form.add_argument(
        "--as-digits", action="store_const", dest="form", const="digits", help="look for a digit in each image"
    )


def run(options: argparse.Namespace) -> int:
    """Predict the files; return the exit code."""
    from torchnet.runs.prediction.files import predict_files
    from torchnet.runs.prediction.loaded_run import find_network

    return predict_files(
        find_network(options.named, options.root, trust=options.trust_run), options.files, options.output, options.form
    )
