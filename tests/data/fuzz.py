"""Random damage to small data files of every format: what is read is right, and all else is a DataError.

    python -m tests.data.fuzz                   # 20,000 files
    python -m tests.data.fuzz --cases 500       # the first 500 of them
    python -m tests.data.fuzz --first 1234 --cases 1

A case is known by its number. What is damaged is the file as it is, or what is in it, packed up again so that all
checksums are right. A damaged file may only be accepted

- with the arrays of the original, if a checksum protects them;
- or else with the arrays that another reader finds in it, if they are a sound data set.

SciPy's parser of .mat files runs in processes of a hundred cases each; where one ends such a process, the case is tried
anew as users have it. The exit code is 1 if a case ends in anything else, or takes more than ten seconds.
"""

import argparse
import gzip
import io
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import numpy as np
import scipy.io

from torchnet.data import DataError, load, mat, mat_child
from torchnet.data.dataset import Dataset
from torchnet.data.idx import FILES

from .formats import TEST_LABELS, TRAIN_LABELS, idx
from .mutations import mutated

FORMATS = ("idx", "gzip", "gzipped idx", "npz", "npz member", "mat", "mat compressed")
CHECKED = ("gzip", "npz", "mat compressed")  # a checksum protects the arrays
ALLOWED = ("refused", "the same", "another data set", "refused, the parser's process died")
BATCH = 100
MOST_SECONDS = 10
MOST_MEMORY = 2**34  # of addresses, for a process that parses .mat files: torch alone takes some 2**32
_KEYS = ("train_images", "train_labels", "test_images", "test_labels")


class HangError(Exception):
    """A case has taken too long."""


def _data(side: int) -> Dataset:
    random = np.random.default_rng(1)
    images = [random.integers(256, size=(n, side, side), dtype=np.uint8) for n in (30, 20)]
    return Dataset(images[0], TRAIN_LABELS, images[1], TEST_LABELS)


DATA, WIDE = _data(4), _data(28).by_label()
IDX = {FILES[key]: idx(0x803 if "images" in key else 0x801, getattr(DATA, key)) for key in _KEYS}
MEMBERS = dict(zip(("x_train", "y_train", "x_test", "y_test"), _KEYS, strict=True))
NPY: dict[str, bytes] = {}
for member, key in MEMBERS.items():
    buffer = io.BytesIO()
    np.save(buffer, getattr(DATA, key))
    NPY[f"{member}.npy"] = buffer.getvalue()


def _mat(compressed: bool) -> bytes:
    arrays = {}
    for split in ("train", "test"):
        images, labels = getattr(WIDE, f"{split}_images"), getattr(WIDE, f"{split}_labels")
        arrays |= {f"{split}{digit}": images[labels == digit].reshape(-1, 784) for digit in range(10)}
    file = io.BytesIO()
    scipy.io.savemat(file, arrays, do_compression=compressed)
    return file.getvalue()


MAT = {"mat": _mat(False), "mat compressed": _mat(True)}


def npz(members: dict[str, bytes], compression: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return file.getvalue()


def write_case(number: int, folder: Path) -> tuple[str, Path]:
    """Write the damaged file of a case, and return its format and the source to load."""
    random = Random(number)
    kind = FORMATS[number % len(FORMATS)]
    if kind in MAT:
        path = folder / "mnist_all.mat"
        path.write_bytes(mutated(MAT[kind], random))
        return kind, path
    if kind.startswith("npz"):
        path = folder / "mnist.npz"
        compression = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
        if kind == "npz":
            path.write_bytes(mutated(npz(NPY, compression), random))
        else:
            name = random.choice(sorted(NPY))
            path.write_bytes(npz(NPY | {name: mutated(NPY[name], random)}, compression))
        return kind, path
    damaged = random.choice(sorted(IDX))
    for name, sound in IDX.items():
        content = mutated(sound, random) if name == damaged and kind != "gzip" else sound
        packed = content if kind == "idx" else gzip.compress(content, mtime=0)
        packed = mutated(packed, random) if name == damaged and kind == "gzip" else packed
        (folder / (name if kind == "idx" else f"{name}.gz")).write_bytes(packed)
    return kind, folder


def verdict(kind: str, source: Path) -> str:
    """Load a damaged source; return one of ALLOWED if that went as it should, else what went wrong."""
    try:
        got = load(str(source))
    except DataError as error:
        text = str(error)
        return "refused" if str(source) in text and len(text) < 2000 else f"a DataError without a name: {text[:300]!r}"
    except HangError:
        return f"hangs for more than {MOST_SECONDS} seconds"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    if _same(got, WIDE if kind in MAT else DATA):
        return "the same"
    if kind in CHECKED:
        return "accepted with other arrays, although there is a checksum"
    if fault := _unsound(got):
        return f"accepted, but {fault}"
    expected = {"idx": _other_idx, "gzipped idx": _other_idx, "npz member": _other_npz, "mat": _other_mat}[kind](source)
    return "another data set" if _same(got, expected) else "accepted with other arrays than another reader finds"


def _same(got: Dataset, expected: Dataset) -> bool:
    return all(np.array_equal(getattr(got, key), getattr(expected, key)) for key in _KEYS)


def _unsound(data: Dataset) -> str | None:
    for split in ("train", "test"):
        images, labels = getattr(data, f"{split}_images"), getattr(data, f"{split}_labels")
        if images.dtype != np.uint8 or len(images) != len(labels) or images.size == 0:
            return f"its {split} images are {images.dtype} {images.shape} with {len(labels)} labels"
        if sorted({*labels.tolist()}) != list(range(10)):
            return f"its {split} labels are not 0..9"
    return None


def _other_idx(folder: Path) -> Dataset:
    """Read the header and take all the rest, where it has the size that the header says."""
    arrays = []
    for key in _KEYS:
        plain, packed = folder / FILES[key], folder / f"{FILES[key]}.gz"
        content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        (magic,) = struct.unpack(">I", content[:4])
        shape = struct.unpack_from(f">{magic % 256}I", content, 4)
        arrays.append(np.array([*content[4 + 4 * len(shape) :]], np.uint8).reshape(shape))
    return Dataset(*arrays)


def _other_npz(path: Path) -> Dataset:
    with np.load(path, allow_pickle=False) as archive:
        return Dataset(*(archive[name] for name in MEMBERS))


def _other_mat(path: Path) -> Dataset:
    """Take the pixels that stand, undamaged in length, behind the names of the arrays."""
    content, arrays = path.read_bytes(), []
    for split in ("train", "test"):
        digits = []
        for digit in range(10):
            name = f"{split}{digit}".encode()
            start = content.index(name) + -(-len(name) // 8) * 8
            kind, size = struct.unpack_from("<II", content, start)
            assert kind == 2, "unsigned bytes"
            digits.append(np.frombuffer(content, np.uint8, size, start + 8).reshape(784, -1).T)
        labels = np.repeat(np.arange(10), [len(rows) for rows in digits])
        arrays += [np.concatenate(digits).reshape(-1, 28, 28), labels]
    return Dataset(*arrays)


def _hang(number: int, frame: FrameType | None) -> None:
    raise HangError


def verdicts_here(numbers: list[int]) -> Iterator[tuple[int, str, str]]:
    """Yield number, format and verdict of cases that are tried in this process."""
    before = signal.signal(signal.SIGALRM, _hang)
    try:
        for number in numbers:
            with tempfile.TemporaryDirectory() as folder:
                kind, source = write_case(number, Path(folder))
                signal.alarm(MOST_SECONDS)
                try:
                    yield number, kind, verdict(kind, source)
                finally:
                    signal.alarm(0)
    finally:
        signal.signal(signal.SIGALRM, before)


def verdicts_of_parser(numbers: list[int]) -> Iterator[tuple[int, str, str]]:
    """As `verdicts_here`, with SciPy's parser in forked processes, which it may end; then it counts what users see."""
    todo = list(numbers)
    while todo:
        batch = todo[:BATCH]
        lines = _in_a_fork(batch)
        for number, line in zip(batch, lines, strict=False):
            yield number, FORMATS[number % len(FORMATS)], line
        todo = todo[len(lines) :]
        if len(lines) < len(batch):  # the next one has ended the process
            ((number, kind, seen),) = verdicts_here(todo[:1])
            yield number, kind, f"{seen}, the parser's process died" if seen == "refused" else seen
            todo = todo[1:]


def _in_a_fork(batch: list[int]) -> list[str]:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        mat._read_in_a_process = mat_child.read_digits  # this is one already
        for _, _, line in verdicts_here(batch):
            os.write(writer, " ".join(line.split()).encode() + b"\n")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        said = lines.read().splitlines()
    os.waitpid(child, 0)
    return said


def verdicts(numbers: range) -> Iterator[tuple[int, str, str]]:
    """Yield number, format and verdict of each case."""
    parsed = [number for number in numbers if FORMATS[number % len(FORMATS)] in MAT]
    yield from verdicts_here(sorted({*numbers} - {*parsed}))
    yield from verdicts_of_parser(parsed)


def main(arguments: list[str] | None = None, tell: Callable[[str], Any] = print) -> int:
    """Try the cases that the arguments ask for; print what came of them and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.data.fuzz", description="Damaged data files of every format.")
    parser.add_argument("--cases", type=int, default=20_000, help="how many (20,000)")
    parser.add_argument("--first", type=int, default=0, help="the number of the first (0)")
    options = parser.parse_args(arguments)
    start, counts, misses = time.monotonic(), Counter[tuple[str, str]](), 0
    for number, kind, seen in verdicts(range(options.first, options.first + options.cases)):
        allowed = seen in ALLOWED
        counts[kind, seen if allowed else "WRONG"] += 1
        misses += not allowed
        if not allowed:
            tell(f"case {number} ({kind}): {seen}")
    for (kind, seen), count in sorted(counts.items()):
        tell(f"{kind:15} {seen:40} {count:6}")
    tell(f"{counts.total()} of {options.cases} cases tried, {misses} wrong, {time.monotonic() - start:.0f} seconds")
    return int(misses > 0 or counts.total() != options.cases)


if __name__ == "__main__":
    sys.exit(main())
