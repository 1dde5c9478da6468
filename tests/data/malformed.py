"""Run the command line on 130 malformed data files and downloads.

    python -m tests.data.malformed                # all of them
    python -m tests.data.malformed --only gzip    # those with "gzip" in their name

Each must give exit code 65 and one sentence that names the file, and together they may use little memory. Otherwise
the exit code is 1.
"""

import argparse
import contextlib
import gzip
import hashlib
import io
import os
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np
import scipy.io

from torchnet.data import DataError, Preparation, load, mnist, prepare
from torchnet.data.formats.idx_files import FILES

from . import mirrors
from .formats import TRAIN_LABELS, gzipped_zeros, idx, small_set, write_idx, write_mat

CONFIGS = Path(__file__).parent.parent.parent / "configs"
MOST_MEGABYTES = 256  # by which the process may grow
EXPECTED = {"idx": 60, "gzip": 30, "mat": 30, "download": 10}

IMAGES, LABELS = FILES["train_images"], FILES["train_labels"]
DATA = small_set()
IMAGE_FILE, LABEL_FILE = idx(0x803, DATA.train_inputs), idx(0x801, TRAIN_LABELS)
TEST_IMAGE_FILE = idx(0x803, DATA.test_inputs)
SIZE = len(IMAGE_FILE)


@dataclass(frozen=True)
class Case:
    """A malformed source: `make` writes it to a folder and returns the value of --data.source."""

    name: str
    make: Callable[[Path], Path]
    answer: mirrors.Answer | None = None  # of the mirror, for a download

    @property
    def kind(self) -> str:
        return self.name.split(":")[0]


def flipped(content: bytes, index: int, mask: int = 0xFF) -> bytes:
    return content[:index] + bytes([content[index] ^ mask]) + content[index + 1 :]


def replaced(content: bytes, start: int, new: bytes) -> bytes:
    return content[:start] + new + content[start + len(new) :]


def in_folder(name: str, content: Callable[[], bytes]) -> Callable[[Path], Path]:
    """Write a valid set of IDX files, then replace the content of one."""

    def make(folder: Path) -> Path:
        write_idx(folder, DATA)
        (folder / name).write_bytes(content())
        return folder

    return make


def idx_cases() -> Iterator[Case]:
    wrong = {f"byte {index} of images' header": (IMAGES, flipped(IMAGE_FILE, index)) for index in range(16)}
    wrong |= {f"byte {index} of labels' header": (LABELS, flipped(LABEL_FILE, index)) for index in range(8)}
    for keep in (0, 1, 3, 4, 8, 12, 15, 16, 17, 100, SIZE // 2, SIZE - 1):
        wrong[f"images cut at {keep}"] = (IMAGES, IMAGE_FILE[:keep])
    for keep in (0, 3, 7, 8, 9, 37):
        wrong[f"labels cut at {keep}"] = (LABELS, LABEL_FILE[:keep])
    wrong["a byte after the images"] = (IMAGES, IMAGE_FILE + b"\0")
    wrong["a byte after the labels"] = (LABELS, LABEL_FILE + b"\0")
    for name, label in (("10", 10), ("255", 255), ("no 3", 4)):
        wrong[f"label {name}"] = (LABELS, idx(0x801, np.where(TRAIN_LABELS == 3, label, TRAIN_LABELS)))
    wrong["labels instead of images"] = (IMAGES, LABEL_FILE)
    wrong["images instead of labels"] = (LABELS, IMAGE_FILE)
    wrong["test images instead of training images"] = (IMAGES, TEST_IMAGE_FILE)
    for place, what in enumerate(("images", "rows", "columns")):
        for size in (0, 2**32 - 1):
            wrong[f"{size} {what}"] = (IMAGES, replaced(IMAGE_FILE, 4 + 4 * place, struct.pack(">I", size)))
    wrong["28 x 27"] = (IMAGES, idx(0x803, DATA.train_inputs[:, :, :27]))
    wrong["one image too few"] = (IMAGES, idx(0x803, DATA.train_inputs[:-1]))
    wrong["one label too few"] = (LABELS, idx(0x801, TRAIN_LABELS[:-1]))
    wrong["65536 cubed"] = (IMAGES, struct.pack(">4I", 0x803, 65536, 65536, 65536))
    for name, (file, content) in wrong.items():
        yield Case(f"idx: {name}", in_folder(file, lambda content=content: content))


def gzip_cases() -> Iterator[Case]:
    packed = gzip.compress(IMAGE_FILE, mtime=0)
    size = len(packed)
    wrong: dict[str, Callable[[], bytes]] = {
        "bomb of 1 GB": lambda: gzipped_zeros(2**30),
        "bomb of 1 GB after a valid header": lambda: gzipped_zeros(2**30, IMAGE_FILE[:16]),
        "bomb of 1 GB, as the header says": lambda: gzipped_zeros(2**30, struct.pack(">4I", 0x803, 2**20, 32, 32)),
        "bomb of 1 MB": lambda: gzipped_zeros(2**20, IMAGE_FILE[:16]),
        "bomb within a bomb": lambda: gzip.compress(gzipped_zeros(2**30)),
        "wrong checksum": lambda: flipped(packed, size - 8),
        "wrong length": lambda: flipped(packed, size - 4, 1),
        "length 0": lambda: packed[:-4] + bytes(4),
        "length 2**32 - 1": lambda: packed[:-4] + b"\xff" * 4,
        "two members": lambda: packed + packed,
        "two members that together are the file": lambda: (
            gzip.compress(IMAGE_FILE[:99]) + gzip.compress(IMAGE_FILE[99:])
        ),
        "zeros after the end": lambda: packed + bytes(8),
        "a byte after the end": lambda: packed + b"x",
        "another method": lambda: flipped(packed, 2),
        "reserved flags": lambda: flipped(packed, 3, 0xE0),
        "wrong checksum of the header": lambda: replaced(packed, 3, b"\x02"),
        "gzipped twice": lambda: gzip.compress(packed),
        "zlib, not gzip": lambda: zlib.compress(IMAGE_FILE),
        "not gzip": lambda: b"this is not gzipped",
        "damaged in the middle": lambda: replaced(packed, size // 2, bytes(20)),
    }
    for keep in (0, 1, 2, 5, 10, 11, size // 2, size - 9, size - 8, size - 1):
        wrong[f"cut at {keep}"] = lambda keep=keep: packed[:keep]
    for name, content in wrong.items():

        def make(folder: Path, content: Callable[[], bytes] = content) -> Path:
            write_idx(folder, DATA, pack=True)
            (folder / f"{IMAGES}.gz").write_bytes(content())
            return folder

        yield Case(f"gzip: {name}", make)


def mat_cases() -> Iterator[Case]:
    """Yield corrupt .mat files of version 5: 128 bytes of text, then arrays: tag, flags, dimensions, name, pixels."""

    def damaged(change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            path = write_mat(folder, DATA)
            path.write_bytes(change(path.read_bytes()))
            return path

        return make

    def with_arrays(**changes: np.ndarray | None) -> Callable[[Path], Path]:
        return lambda folder: write_mat(folder, DATA, **changes)

    tag, dimensions, pixels = 128, 160, 184
    for code in (8, 0, 255):
        number = struct.pack("<I", code)
        yield Case(f"mat: type {code} of an array", damaged(lambda c, n=number: replaced(c, tag, n)))
        yield Case(f"mat: type {code} of dimensions", damaged(lambda c, n=number: replaced(c, dimensions - 8, n)))
        yield Case(f"mat: type {code} of pixels", damaged(lambda c, n=number: replaced(c, pixels, n)))
    for keep in (0, 1, 127, 128, 130, 140, 165, 180, 5000, -1):
        yield Case(f"mat: cut at {keep}", damaged(lambda c, keep=keep: c[:keep]))
    for size in (-1, -(2**31), 2**31 - 1):
        number = struct.pack("<i", size)
        yield Case(f"mat: {size} rows", damaged(lambda c, n=number: replaced(c, dimensions, n)))
    yield Case("mat: not a .mat file", damaged(lambda c: b"x" * len(c)))
    hdf5 = b"\x89HDF\r\n\x1a\n"  # MATLAB 7.3 writes 512 bytes of text first, with its version at byte 124
    yield Case("mat: version 7.3", damaged(lambda c: replaced(replaced(c, 124, b"\0\2"), 512, hdf5)))

    def with_bomb(content: bytes) -> bytes:
        pack, zeros = zlib.compressobj(), bytes(2**20)  # in parts, as the memory of the test is measured
        bomb = pack.compress(struct.pack("<IIIIII", 14, 2**30 - 8, 6, 8, 9, 0))
        bomb += b"".join(pack.compress(zeros) for _ in range(2**8)) + pack.flush()
        return content[:128] + struct.pack("<II", 15, len(bomb)) + bomb

    yield Case("mat: bomb", damaged(with_bomb))
    yield Case("mat: a duplicate array", damaged(lambda c: c + c[128:]))
    yield Case("mat: no train3", with_arrays(train3=None))
    yield Case("mat: fractions", with_arrays(train3=np.zeros((3, 784))))
    yield Case("mat: 783 pixels", with_arrays(train3=np.zeros((3, 783), np.uint8)))

    def as_cells(folder: Path) -> Path:
        path = folder / "mnist_all.mat"
        scipy.io.savemat(path, {f"train{digit}": np.array([{}, 1], dtype=object) for digit in range(10)})
        return path

    yield Case("mat: cells", as_cells)


def download_cases() -> Iterator[Case]:
    answers = {
        "another file": mirrors.deliver_another_file,
        "half of the file": mirrors.break_off,
        "endless": mirrors.deliver_endlessly,
        "redirect to http": mirrors.redirect_to_http,
        "404": mirrors.answer_404,
        "500": mirrors.answer_500,
        "silence": mirrors.say_nothing,
        "web page": mirrors.answer_with_a_web_page,
        "reset": mirrors.reset,
        "bomb of 1 GB": mirrors.deliver_a_bomb,
    }
    for name, answer in answers.items():
        yield Case(f"download: {name}", lambda folder: folder / "nothing", mirrors.for_images(answer))


def all_cases() -> list[Case]:
    return [*idx_cases(), *gzip_cases(), *mat_cases(), *download_cases()]


@contextlib.contextmanager
def served(case: Case, folder: Path) -> Iterator[str]:
    """Create the source of a case; yield the value of --data.source."""
    source = case.make(folder)
    if case.answer is None:
        yield str(source)
        return
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in mirrors.CONTENT.items()}
    with (
        contextlib.closing(mirrors.Mirrors(case.answer)) as mirror,
        mock.patch.multiple(mnist, _SHA256=hashes, _MIRRORS=tuple(mirror.urls), _WAIT_SECONDS=1.0),
        mock.patch.dict(os.environ, TORCHNET_DATA=str(source)),
    ):
        yield "mnist"


def fault_of_command(case: Case, folder: Path) -> str | None:
    """Return a description of a wrong refusal by the command line, or None."""
    from torchnet.cli.main import main  # Lightning takes seconds

    out, err = io.StringIO(), io.StringIO()
    with served(case, folder) as source, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(CONFIGS, [f"--config={CONFIGS / 'digits.yaml'}", f"--data.source={source}"])
    lines = [line for line in err.getvalue().splitlines() if not line.startswith("downloading MNIST into ")]
    if code != 65:
        return f"expected exit code 65, got {code}: {lines}"
    return fault_of_sentence("\n".join(lines), folder)


def fault_of_load(case: Case, folder: Path) -> str | None:
    """As `fault_of_command`, for `torchnet.data.load` and `prepare`."""
    with served(case, folder) as source, contextlib.redirect_stderr(io.StringIO()):
        try:
            prepare(load(source), Preparation())
        except DataError as error:
            return fault_of_sentence(" ".join(str(error).split()), folder)
    return "expected a DataError, got a data set"


def fault_of_sentence(text: str, folder: Path) -> str | None:
    if "\n" in text or len(text) > 1000:
        return f"expected one sentence, got {text[:2000]!r}"
    if str(folder) not in text:
        return f"expected a sentence that names the file, got {text!r}"
    return f"expected no partial files, got {left}" if (left := list(folder.rglob("*.part"))) else None


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main() -> int:
    """Run all cases, print the results and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.data.malformed", description="Malformed data files.")
    parser.add_argument("--only", metavar="TEXT", default="", help="run only cases with this text in their name")
    options = parser.parse_args()
    cases = [case for case in all_cases() if options.only in case.name]
    tried, refused = Counter[str](), Counter[str]()
    slowest, before = (0.0, ""), 0.0
    for case in cases:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            fault = fault_of_command(case, Path(folder))
        slowest = max(slowest, (time.monotonic() - start, case.name))
        before = before or peak_megabytes()  # after the first case, which imports the libraries
        tried[case.kind] += 1
        refused[case.kind] += fault is None
        if fault is not None:
            print(f"{case.name}: {fault}")
    growth = peak_megabytes() - before
    for kind, number in tried.items():
        print(f"{kind}: {refused[kind]}/{number} exit code 65")
    print(f"all: {refused.total()}/{tried.total()} exit code 65; {growth:.0f} MB more memory at the peak")
    print(f"slowest: {slowest[0]:.1f} s, {slowest[1]}")
    complete = bool(options.only) or tried == Counter(EXPECTED)
    if not complete:
        print(f"expected {EXPECTED} cases, got {dict(tried)}")
    return int(not cases or refused != tried or not complete or growth > MOST_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
