"""`train.py predict` with image files: which of the arguments are files, and what may stand beside them."""

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

from torchnet.runs.errors import UsageError
from torchnet.runs.folders import RUNS, checkpoint_needed, find_checkpoint
from torchnet.runs.predict_images import predict_image_files

_FLAGS = ("-h", "--help", "--print_config")  # every other option takes a value


@dataclass(frozen=True)
class Words:
    """The arguments of a command, apart: options with their values, and files."""

    options: list[str]
    files: list[str]

    @property
    def ask_for_help(self) -> bool:
        return not {"-h", "--help"}.isdisjoint(self.options)


def part(arguments: list[str]) -> Words:
    """Part options, `--x value` or `--x=value`, from files; behind `--` there are only files."""
    words = Words([], [])
    remaining = iter(arguments)
    for word in remaining:
        if word == "--":
            words.files.extend(remaining)
        elif not word.startswith("-"):
            words.files.append(word)
        else:
            words.options.append(word)
            if "=" not in word and word not in _FLAGS:
                words.options.extend(itertools.islice(remaining, 1))
    return words


def predict_named_files(words: Words) -> int:
    """Predict the digits on the images that are named; return the exit code.

    Raises:
        UsageError: if there is no checkpoint among the options, or one that has no meaning for images.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--ckpt_path")
    parser.add_argument("--name", default="*")
    parser.add_argument("--trainer.default_root_dir", dest="root", type=Path, default=Path(RUNS))
    parser.add_argument("--output", type=Path)
    try:
        named, others = parser.parse_known_args(words.options)
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from error
    if others:
        raise UsageError(
            f"predict of images takes --ckpt_path, --name, --trainer.default_root_dir and --output, got {others[0]}: "
            "leave it out, or name no image to predict the test images of the run's data"
        )
    if named.ckpt_path is None:
        raise checkpoint_needed("predict")
    checkpoint = find_checkpoint(named.ckpt_path, named.root, named.name)
    return predict_image_files(checkpoint, [Path(file) for file in words.files], named.output)
