"""What a deformation does to training images, as a picture: `python -m torchnet deformation`."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchnet.data import Deformation

DESCRIPTION = "Draw training images before and after a random deformation, to see whether its settings are sensible."
EPILOG = """\
examples:
  python -m torchnet deformation --config configs/accurate.yaml
  python -m torchnet deformation --rotation 15 --scale 0.15 --translation 1.5
  python -m torchnet deformation --elastic_strength 1.4 --elastic_smoothness 4
  python -m torchnet deformation --source digits --rotation 10 --output out.pdf

Settings that are not named are those of the configuration, or 0, which leaves
their part out.

exit code: 0 when the picture is written, 2 for wrong usage, 65 for bad data,
74 for a file that cannot be written.
"""
_HELP = {
    "rotation": "degrees, the largest angle to either side",
    "scale": "the most by which width and height are multiplied: by 1 - scale to 1 + scale",
    "shear": "degrees, the largest angle by which vertical lines lean to either side",
    "translation": "pixels, the most by which the image moves along each axis",
    "elastic_strength": "pixels, the standard deviation of each pixel's displacement along each axis",
    "elastic_smoothness": "pixels, of the Gaussian that smooths displacements: the larger, the longer the waves",
    "seed": "of the random numbers",
}
_DRAWS = 6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--source",
        default="mnist",
        help="mnist, digits, or the path of a .mat file, an .npz file or a folder (default: mnist)",
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
    """Draw the picture that the options ask for; return the exit code."""
    from torchnet.data import DataError, Deformation
    from torchnet.runs.errors import UsageError

    try:
        named = {name: getattr(options, name) for name in _HELP}
        settings = {} if options.config is None else _settings_of(options.config)
        deformation = Deformation(**settings | {name: value for name, value in named.items() if value is not None})
        if not deformation.is_affine and not deformation.is_elastic:
            raise ValueError("expected a setting that deforms images, such as --rotation 15: all of them are 0")
        draw_deformation(deformation, options.source, options.output)
    except DataError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from error
    print(options.output)
    return 0


def _settings_of(config: Path) -> dict[str, Any]:
    """Return the settings of the deformation in a configuration.

    Raises:
        ValueError: if there are none, or it is no plain YAML file; OSError: if it cannot be read.
    """
    import yaml

    from torchnet.cli.config_file import check_config_file

    check_config_file(config)
    try:
        settings = yaml.safe_load(config.read_text())["data"]["deformation"]
        if settings.keys() <= _HELP.keys() and all(isinstance(value, (int, float)) for value in settings.values()):
            return dict(settings)
    except (KeyError, TypeError, AttributeError):
        pass
    raise ValueError(f"{config}: expected data.deformation with numbers for some of {', '.join(sorted(_HELP))}")


def draw_deformation(deformation: "Deformation", source: str, path: Path) -> None:
    """Draw the first training image of each class, and what becomes of it in several steps.

    Raises:
        DataError: if the data are not there, are not what they should be, or have no height and width.
        ValueError: if the path has a suffix that is not one of a picture; OSError: if it cannot be written.
    """
    import torch

    from torchnet.data import DataError, load, scale_pixels
    from torchnet.reporting import write_batch_picture

    data = load(source)
    if data.train_images.ndim != 3:
        raise DataError(
            f"{source}: expected images of shape (n, height, width), got {data.train_images.shape}: "
            "without height and width they cannot be deformed"
        )
    first = [(data.train_labels == label).argmax() for label in range(data.num_classes)]
    before = scale_pixels(torch.from_numpy(data.train_images[first]), torch.float32)
    after = torch.stack([deformation(before, torch.tensor(step)) for step in range(_DRAWS)])
    settings = [(field.name, getattr(deformation, field.name)) for field in fields(deformation)]
    named = ", ".join(f"{name} {value:g}" for name, value in settings if value and name != "seed")
    write_batch_picture(before, after, f"Random deformation of {source}", named, path)
