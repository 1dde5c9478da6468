"""Corrupt small data files of every format at random. Each must be read correctly or refused with a DataError.

    python -m tests.data.fuzz                   # 20,000 files
    python -m tests.data.fuzz --cases 500       # the first 500 of them
    python -m tests.data.fuzz --first 1234 --cases 1

A case is determined by its number. The damage is done to the file, or to its contents before they are compressed or
archived with correct checksums. A corrupt file may be accepted only

- with the original arrays, if a checksum protects them;
- otherwise with the arrays that an independent reader finds in it, if they are a valid data set.

SciPy's parser of .mat files runs in forked processes, a hundred cases in each. If a case crashes the process, it runs
again as it does for users. The exit code is 1 if a case has another result or takes more than ten seconds.
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
from typing import Any, BinaryIO

import numpy as np
import scipy.io

from torchnet.data import DataError, Dataset, Preparation, load, prepare
from torchnet.data.formats import mat, mat_to_npz
from torchnet.data.formats.idx_files import FILES

from .byte_damage import mutated
from .formats import by_key, by_label, idx, mat_arrays, small_set

FORMATS = ("idx", "gzip", "gzipped idx", "npz", "npz member", "mat", "mat compressed")
CHECKED = ("gzip", "npz", "mat compressed")  # a checksum protects the arrays
ALLOWED = ("refused", "the same", "another data set", "refused, the parser's process died")
BATCH = 100
MOST_SECONDS = 10
MOST_MEMORY = 2**34  # bytes of address space to parse .mat files; torch alone takes about 2**32
_KEYS = ("train_inputs", "train_targets", "test_inputs", "test_targets")


class HangError(Exception):
    """A case took too long."""


DATA, WIDE = small_set(4, np.random.default_rng(1)), by_label(small_set(28, np.random.default_rng(1)))
IDX = {FILES[key]: idx(0x803 if "images" in key else 0x801, array) for key, array in by_key(DATA).items()}
MEMBERS = dict(zip(("x_train", "y_train", "x_test", "y_test"), _KEYS, strict=True))
NPY: dict[str, bytes] = {}
for member, key in MEMBERS.items():
    buffer = io.BytesIO()
    np.save(buffer, getattr(DATA, key))
    NPY[f"{member}.npy"] = buffer.getvalue()


def _mat(compressed: bool) -> bytes:
    file = io.BytesIO()
    scipy.io.savemat(file, mat_arrays(WIDE), do_compression=compressed)
    return file.getvalue()


MAT = {"mat": _mat(False), "mat compressed": _mat(True)}


def npz(members: dict[str, bytes], compression: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return file.getvalue()


def write_case(number: int, folder: Path) -> tuple[str, Path]:
    """Write the corrupt file of a case; return its format and the source to load."""
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
    """Load and prepare a corrupt source; return one of ALLOWED if that is right, else a description of the fault."""
    try:
        got = load(str(source))
        prepare(got, Preparation())
    except DataError as error:
        text = str(error)
        return (
            "refused"
            if str(source) in text and len(text) < 2000
            else f"a DataError without the file name: {text[:300]!r}"
        )
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
    return "another data set" if _same(got, expected) else "accepted with other arrays than an independent reader finds"


def _same(got: Dataset, expected: Dataset) -> bool:
    return all(np.array_equal(getattr(got, key), getattr(expected, key)) for key in _KEYS)


def _unsound(data: Dataset) -> str | None:
    for split in ("train", "test"):
        images, labels = getattr(data, f"{split}_inputs"), getattr(data, f"{split}_targets")
        if len(images) != len(labels) or images.size == 0:
            return f"its {split} images are {images.dtype} {images.shape} with {len(labels)} labels"
    return None


def _other_idx(folder: Path) -> Dataset:
    """Read the header and reshape all remaining bytes to its shape."""
    arrays = []
    for key in FILES:
        plain, packed = folder / FILES[key], folder / f"{FILES[key]}.gz"
        content = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        (magic,) = struct.unpack(">I", content[:4])
        shape = struct.unpack_from(f">{magic % 256}I", content, 4)
        arrays.append(np.array([*content[4 + 4 * len(shape) :]], np.uint8).reshape(shape))
    return Dataset("", *arrays)


def _other_npz(path: Path) -> Dataset:
    with np.load(path, allow_pickle=False) as archive:
        return Dataset("", *(archive[name] for name in MEMBERS))


def _other_mat(path: Path) -> Dataset:
    """Read the pixels that follow the names of the arrays."""
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
    return Dataset("", *arrays)


def _hang(number: int, frame: FrameType | None) -> None:
    raise HangError


def verdicts_here(numbers: list[int]) -> Iterator[tuple[int, str, str]]:
    """Yield the number, format and verdict of cases, which run in this process."""
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
    """As `verdicts_here`, in forked processes. A case that crashes one runs again in a subprocess, as for users."""
    todo = list(numbers)
    while todo:
        batch = todo[:BATCH]
        lines = _in_a_fork(batch)
        for number, line in zip(batch, lines, strict=False):
            yield number, FORMATS[number % len(FORMATS)], line
        todo = todo[len(lines) :]
        if len(lines) < len(batch):  # the next case crashed the process
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
        mat._convert = _convert_here  # this process is already a fork
        for _, _, line in verdicts_here(batch):
            os.write(writer, " ".join(line.split()).encode() + b"\n")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as lines:
        said = lines.read().splitlines()
    os.waitpid(child, 0)
    return said


def _convert_here(file: BinaryIO, archive: BinaryIO) -> str | None:
    try:
        mat_to_npz.convert(file, archive)
    except HangError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:500]
    return None


def verdicts(numbers: range) -> Iterator[tuple[int, str, str]]:
    """Yield the number, format and verdict of each case."""
    parsed = [number for number in numbers if FORMATS[number % len(FORMATS)] in MAT]
    yield from verdicts_here(sorted({*numbers} - {*parsed}))
    yield from verdicts_of_parser(parsed)


def main(arguments: list[str] | None = None, tell: Callable[[str], Any] = print) -> int:
    """Run the cases, print the results and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.data.fuzz", description="Corrupt data files of every format.")
    parser.add_argument("--cases", type=int, default=20_000, help="number of cases (20,000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (0)")
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
