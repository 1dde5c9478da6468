"""Read checkpoints, each in its own process with limited memory and time.

    python -m tests.storage.sandbox < paths > outcomes

A single-threaded process imports torch and forks for each file. Tests use `read_each`.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from torchnet.storage import CheckpointError, read_checkpoint

from .rules import violations

MEGABYTES, SECONDS = 512, 5  # memory in addition to torch's own, and CPU time


@dataclass(frozen=True)
class Outcome:
    """The outcome for a file: "refused", "accepted" or a kind of failure, with a message."""

    kind: str
    message: str
    seconds: float = 0.0


def read_each(paths: Iterable[Path]) -> Iterator[Outcome]:
    """Yield the outcome for each file before the next path is requested."""
    command = [sys.executable, "-m", "tests.storage.sandbox"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        for path in paths:
            print(json.dumps(str(path)), file=process.stdin, flush=True)
            yield Outcome(**json.loads(process.stdout.readline()))
        process.stdin.close()


def read_contents(path: Path, contents: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, Outcome]]:
    """Write each content to `path` and read it; yield its name and the outcome."""
    names = []

    def files() -> Iterator[Path]:
        for name, content in contents:
            path.write_bytes(content)
            names.append(name)
            yield path

    for outcome in read_each(files()):
        yield names[-1], outcome


def _read_in_fork(path: str) -> Outcome:
    start, (reading, writing) = time.monotonic(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        outcome = _read_with_limits(path)
        os.write(writing, json.dumps(asdict(outcome)).encode()[:60_000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    seconds = time.monotonic() - start
    if status != 0 or not said:
        number = os.WTERMSIG(status)
        kind = "hung" if number in (signal.SIGALRM, signal.SIGXCPU, signal.SIGKILL) else "crashed"
        return Outcome(kind, f"wait status {status}, signal {number}", seconds)
    return Outcome(**(json.loads(said) | {"seconds": seconds}))


def _read_with_limits(path: str) -> Outcome:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + MEGABYTES * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    signal.alarm(60)  # in case it waits forever; long enough for a busy machine
    try:
        contents = read_checkpoint(Path(path))
    except CheckpointError as error:
        return Outcome("refused", str(error))
    except BaseException as error:
        return Outcome("escaped", f"{type(error).__name__}: {error}"[:1000])
    wrong = violations(contents)
    return Outcome("wrongly accepted", ", ".join(wrong)[:1000]) if wrong else Outcome("accepted", "")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in sys.stdin:
        print(json.dumps(asdict(_read_in_fork(json.loads(line)))), flush=True)
