"""A folder of images with one folder per class, or with train/ and test/ that hold one folder per class.

Images are gray if all are gray, else RGB. Their sizes are the same, or they are brought to one.
"""

import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress

from torchnet.data.dataset import DataError, Dataset, verify
from torchnet.data.memory import expect_fits
from torchnet.data.photo.resize import read_pixels

_TRAIN, _TEST = ("train", "training"), ("test", "testing", "val", "valid", "validation")  # in the order of preference
_IGNORED = {"thumbs.db", "desktop.ini", "__macosx"}  # and hidden files
_MOST_SIDE = 4096
_TOGETHER = 32  # images that a thread reads at a time
_QUIET_SECONDS = 1.0  # before a progress bar appears


class _ColorError(Exception):
    """An image has colors, after others that are gray."""


def read_image_folder(folder: Path, image_size: int | None = None) -> Dataset:
    """Read images and their classes, which are the names of the folders.

    Where there is a folder train/, its classes are the training set, and those of test/, or else of val/, the test set.

    Args:
        folder: the folder.
        image_size: the side of the square to which the middle of each image is resized; None if all have one size.

    Raises:
        DataError: if a file is not an image, or images differ in size; it names the file.
    """
    if image_size is not None and not 1 <= image_size <= _MOST_SIDE:
        raise DataError(f"image_size: expected a number of pixels from 1 to {_MOST_SIDE}, got {image_size}")
    inside = {path.name.lower(): path for path in _folders_in(folder)}
    train = next((inside[name] for name in _TRAIN if name in inside), None)
    test = next((inside[name] for name in _TEST if name in inside), None) if train else None
    files, names = _files_of_classes(train or folder)
    count = len(files)
    if test is not None:
        more, more_names = _files_of_classes(test)
        files, names = files + more, names + more_names
    with warnings.catch_warnings(action="ignore"):  # of Pillow
        images = _read_images(files, (image_size, image_size) if image_size else None)
    labels = _as_labels(names)
    if test is None:
        return verify(folder, images, labels)
    return verify(folder, images[:count], labels[:count], images[count:], labels[count:])


def holds_folders(folder: Path) -> bool:
    """Return whether a folder holds others, which may be classes."""
    return bool(_folders_in(folder))


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.is_dir()]


def _visible(folder: Path) -> list[Path]:
    return sorted(it for it in folder.iterdir() if not it.name.startswith(".") and it.name.lower() not in _IGNORED)


def _files_of_classes(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the files in the folders of classes, and the class of each."""
    files: list[Path] = []
    names: list[str] = []
    for place in _folders_in(folder):
        found = _visible(place)
        if inner := next((path for path in found if path.is_dir()), None):
            raise DataError(f"{inner}: expected an image, got a folder: name the folder with one folder per class")
        if not found:
            raise DataError(f"{place}: expected images of a class, got an empty folder: remove it")
        files += found
        names += [place.name] * len(found)
    if not files:
        raise DataError(f"{folder}: expected a folder of images for each class, got none")
    return files, names


def _as_labels(names: Sequence[str]) -> np.ndarray:
    are_numbers = all(name.isascii() and name.isdecimal() and str(int(name)) == name for name in {*names})
    return np.array(names).astype(np.int64) if are_numbers and max(map(len, names)) < 19 else np.array(names)


def _read_images(files: Sequence[Path], size: tuple[int, int] | None) -> np.ndarray:
    """Return images as (n, height, width) if all are gray, else (n, height, width, 3)."""
    first = read_pixels(files[0], size)
    height, width = first.shape[:2]
    for channels in ((), (3,)) if first.ndim == 2 else ((3,),):
        shape = (len(files), height, width, *channels)
        expect_fits(files[0].parent, np.prod(shape, dtype=float))
        images = np.empty(shape, np.uint8)
        try:
            _fill(images, files, size)
        except _ColorError:
            continue
        return images
    raise AssertionError("images of colors take any image")


def _fill(images: np.ndarray, files: Sequence[Path], size: tuple[int, int] | None) -> None:
    """Read the images of files into an array, in several threads."""

    def read(start: int) -> None:
        for row, path in enumerate(files[start : start + _TOGETHER], start):
            pixels = read_pixels(path, size)
            if pixels.shape[:2] != images.shape[1:3]:
                raise DataError(
                    f"{path}: expected an image of {_size(images[0])} pixels, as {files[0]}, got {_size(pixels)}: "
                    "bring all to one size with --data.image_size"
                )
            if pixels.ndim == 3 and images.ndim == 3:
                raise _ColorError
            images[row] = pixels if pixels.ndim == images.ndim - 1 else pixels[..., None]

    progress = Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    task, began = progress.add_task("images", total=len(files)), time.monotonic()
    try:
        with ThreadPoolExecutor() as pool:
            for _ in pool.map(read, range(0, len(files), _TOGETHER)):
                progress.advance(task, _TOGETHER)
                if not progress.live.is_started and time.monotonic() - began > _QUIET_SECONDS:
                    progress.start()
    finally:
        progress.stop()


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"
