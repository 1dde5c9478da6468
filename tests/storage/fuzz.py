"""Change valid checkpoints at random, add a correct digest, and read them.

    python -m tests.storage.fuzz --cases 2000

Each is read in its own process with limited memory and time. The exit code is 1 if a process crashes or hangs, if it
raises anything but CheckpointError, or if it accepts contents that a checkpoint must not have.
"""

import argparse
import pickletools
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from torchnet.storage.checkpoint import add_digest

from .damaged_files import flipped
from .examples import CONTENTS
from .forge import archive, good, taken_apart, usual
from .sandbox import read_contents

SMALL = {key: CONTENTS[key] for key in ("optimizer_states", "empty", "values", "tuples", "epoch")}
_OPCODES = [opcode.code.encode("latin-1") for opcode in pickletools.opcodes]


def cases(folder: Path, count: int) -> Iterator[tuple[str, bytes]]:
    """Yield each case: its seed and the kind of change, and the content of the file."""
    pickle, storages = taken_apart(good(folder, SMALL))
    for seed in range(count):
        draw = random.Random(seed)
        change = draw.choices(list(_CHANGES), weights=[6, 3, 3, 3, 3, 2, 2, 2])[0]
        yield f"{seed}, {change.__name__.strip('_').replace('_', ' ')}", change(pickle, storages, draw)


def run(count: int) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Return how often each change had each outcome, and the faults."""
    counts: Counter[tuple[str, str]] = Counter()
    faults = []
    with tempfile.TemporaryDirectory() as name:
        for case, outcome in read_contents(Path(name) / "fuzz.ckpt", cases(Path(name), count)):
            counts[case.split(", ")[1], outcome.kind] += 1
            if outcome.kind not in ("refused", "accepted"):
                faults.append(f"case {case}: {outcome}")
            if "SHA-256" in outcome.message:
                faults.append(f"case {case}: its digest should be correct")
    return counts, faults


def _bytes_of_the_pickle(pickle: bytes, storages: list[bytes], draw: random.Random) -> bytes:
    changed = bytearray(pickle)
    for _ in range(draw.choice((1, 1, 2, 8))):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return _sealed(bytes(changed), storages)


def _an_added_instruction(pickle: bytes, storages: list[bytes], draw: random.Random) -> bytes:
    at = draw.choice(_starts(pickle))
    more = draw.choice(_OPCODES) + bytes(draw.randrange(256) for _ in range(draw.choice((0, 0, 1, 4))))
    return _sealed(pickle[:at] + more + pickle[at:], storages)


def _a_removed_instruction(pickle: bytes, storages: list[bytes], draw: random.Random) -> bytes:
    starts = _starts(pickle)
    i = draw.randrange(len(starts) - 1)
    return _sealed(pickle[: starts[i]] + pickle[starts[i + 1] :], storages)


def _a_repeated_part(pickle: bytes, storages: list[bytes], draw: random.Random) -> bytes:
    starts = _starts(pickle)
    start, end = sorted(draw.sample(starts, 2))
    at = draw.choice(starts)
    return _sealed(pickle[:at] + pickle[start:end] + pickle[at:], storages)


def _a_number(pickle: bytes, storages: list[bytes], draw: random.Random) -> bytes:
    """Change a small integer: a size, stride, offset, memo index or value."""
    at = draw.choice([start for start in _starts(pickle) if pickle[start : start + 1] in b"Kqh"])
    return _sealed(pickle[: at + 1] + bytes([draw.choice((0, 1, 2, 3, 4, 255))]) + pickle[at + 2 :], storages)


def _the_storages(pickle: bytes, storages: list[bytes], draw: random.Random) -> bytes:
    changed = list(storages)
    i = draw.randrange(len(changed))
    changed[i] = draw.choice((changed[i][:-1], changed[i] + b"\0", b"", bytes(draw.randrange(256) for _ in changed[i])))
    draw.choice((lambda: None, lambda: draw.shuffle(changed), changed.pop, lambda: changed.append(b"\0")))()
    return _sealed(pickle, changed)


def _the_members(pickle: bytes, storages: list[bytes], draw: random.Random) -> bytes:
    items = list(usual(pickle, storages).items())
    i, j = draw.sample(range(len(items)), 2)
    (name, content), (other, _) = items[i], items[j]
    items[i] = draw.choice(((other, content), (name, content + b"\0"), (f"{name}.", content), (name, items[j][1])))
    return add_digest(archive(dict(items)))


def _bits_of_the_archive(pickle: bytes, storages: list[bytes], draw: random.Random) -> bytes:
    content = archive(usual(pickle, storages))
    records = [i for i in range(len(content) - 2) if content[i : i + 1] == b"P" or i > len(content) - 200]
    at = draw.choice((draw.choice(records), draw.randrange(len(content) - 2)))
    return add_digest(flipped(content, min(at + draw.randrange(46), len(content) - 3) * 8 + draw.randrange(8)))


_CHANGES: Sequence[Callable[[bytes, list[bytes], random.Random], bytes]] = (
    _bytes_of_the_pickle,
    _an_added_instruction,
    _a_removed_instruction,
    _a_repeated_part,
    _a_number,
    _the_storages,
    _the_members,
    _bits_of_the_archive,
)


def _starts(pickle: bytes) -> list[int]:
    return [start for _, _, start in pickletools.genops(pickle) if start is not None]


def _sealed(pickle: bytes, storages: list[bytes]) -> bytes:
    return add_digest(archive(usual(pickle, storages)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases, print a table, and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.storage.fuzz", description="Randomly changed checkpoints.")
    parser.add_argument("--cases", type=int, default=2000)
    options = parser.parse_args(arguments)
    counts, faults = run(options.cases)
    for fault in faults:
        print(fault)
    kinds = sorted({kind for _, kind in counts})
    for change in sorted({change for change, _ in counts}):
        print(f"{change:22}", *(f"{counts[change, kind]:6} {kind}" for kind in kinds))
    print(f"{counts.total()} of {options.cases} cases, {len(faults)} faults")
    return 0 if counts.total() == options.cases and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
