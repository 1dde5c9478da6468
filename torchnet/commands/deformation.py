"""A picture of what a deformation does to training images: `python -m torchnet deformation`."""

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torchnet.data import Deformation

DESCRIPTION = "Draw training images before and after a random deformation,\nto choose its settings."
EPILOG = """\
examples:
  python -m torchnet deformation --config configs/accurate.yaml
  python -m torchnet deformation --rotation 15 --scale 0.15 --translation 1.5
  python -m torchnet deformation --elastic_strength 1.4 --elastic_smoothness 4
  python -m torchnet deformation --source digits --rotation 10 --output out.pdf

Options override the configuration. A setting of 0 switches its part off.

exit codes: 0 picture written, 2 wrong usage, 65 bad data, 74 cannot write.
"""
_HELP = {
    "rotation": "degrees, the largest angle to either side",
    "scale": "width and height are multiplied by 1 - scale to 1 + scale",
    "shear": "degrees, the largest slant of vertical lines to either side",
    "translation": "pixels, the largest shift along each axis",
    "elastic_strength": "pixels, the standard deviation of each pixel's displacement along each axis",
    "elastic_smoothness": "pixels, the standard deviation of the Gaussian that smooths the displacements",
    "seed": "seed of the random numbers",
}
_DRAWS = 6
_CLASSES = 20  # at most, one column each


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--source",
        help="mnist, digits, or the path of a .mat file, an .npz file or a folder (default: as configured, else mnist)",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a configuration with a data.deformation")
    for name, text in _HELP.items():
        whole = name == "seed"
        parser.add_argument(
            f"--{name}", type=int if whole else float, metavar="WHOLE_NUMBER" if whole else "NUMBER", help=text
        )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("deformation.png"),
        metavar="FILE",
        help="a .png, .pdf or .svg file (default: deformation.png)",
    )


def run(options: argparse.Namespace) -> int:
    """Draw the picture; return the exit code."""
    from torchnet.data import DataError, Deformation
    from torchnet.printable import printable
    from torchnet.reporting import PICTURE_SUFFIXES
    from torchnet.runs.errors import UsageError
    from torchnet.runs.output_file import check_output

    check_output(options.output, PICTURE_SUFFIXES)
    source, deformation = options.source or "mnist", Deformation()
    if options.config is not None:
        from torchnet.cli.check_config import parts_of_config  # imports Lightning

        _, data = parts_of_config(options.config)
        if data.deformation is None:
            raise UsageError(f"{options.config}: expected a data.deformation, got none")
        source, deformation = options.source or data.source, data.deformation
    try:
        named = {name: getattr(options, name) for name in _HELP if getattr(options, name) is not None}
        deformation = replace(deformation, **named, steps=None)  # whatever the step, it is drawn
        if not deformation.is_affine and not deformation.is_elastic:
            raise ValueError("expected a setting that deforms images, such as --rotation 15: all of them are 0")
        draw_deformation(deformation, source, options.output)
    except DataError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from error
    print(printable(options.output))
    return 0


def draw_deformation(deformation: "Deformation", source: str, path: Path) -> None:
    """Draw the first training image of each class, and its deformations in several steps."""
    import numpy as np
    import torch

    from torchnet.data import DataError, Preparation, load, prepare
    from torchnet.reporting import write_batch_picture
    from torchnet.step import scale_pixels

    data = prepare(load(source), Preparation())
    train, shape = data.parts["train"], data.preprocessing.inputs.shape
    if len(shape) != 2:
        raise DataError(
            f"{source}: expected gray images of shape (n, height, width), got samples of shape {shape}: "
            "without height and width they cannot be deformed"
        )
    first = np.unique(train.targets[train.rows], return_index=True)[1][:_CLASSES]
    before = scale_pixels(torch.from_numpy(train.inputs[train.rows[first]]), torch.float32)
    after = torch.stack([deformation(before, torch.tensor(step)) for step in range(_DRAWS)])
    settings = [(field.name, getattr(deformation, field.name)) for field in fields(deformation)]
    named = ", ".join(f"{name} {value:g}" for name, value in settings if value and name != "seed")
    write_batch_picture(before, after, f"Random deformation of {source}", named, path)
