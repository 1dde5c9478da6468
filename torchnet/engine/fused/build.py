"""Compile the CPU's step once, and keep the library in the user's cache.

The library is named by a hash of everything that it depends on: sources, compiler, options and processor. Another
machine or another version of torchnet therefore never loads it.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from torchnet.engine.fused.description import NotFusedError

_FOLDER = Path(__file__).parent
_SOURCES = ("step.cpp", "activations.h", "barrier.h", "operands.h", "products.h")
_OPTIONS = ("-O3", "-std=c++17", "-shared", "-fPIC", "-pthread", "-fno-math-errno", "-fno-trapping-math")
_TIMEOUT = 120  # seconds; it takes 4 on a current processor


def cache_folder() -> Path:
    """Return the folder that libraries are kept in: torchnet below $XDG_CACHE_HOME, or below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "torchnet"


@cache
def load(notice: Callable[[str], None] = lambda text: None) -> ctypes.CDLL:
    """Return the compiled step; compile it if it is not in the cache.

    Args:
        notice: called with a sentence before the compiler is started.

    Raises:
        NotFusedError: if there is no compiler, or it fails, or the library cannot be loaded.
    """
    try:
        return ctypes.CDLL(str(build(notice)))
    except OSError:
        build(notice).unlink(missing_ok=True)  # a damaged file
    try:
        return ctypes.CDLL(str(build(notice)))
    except OSError as error:
        raise NotFusedError(f"the compiled step cannot be loaded ({error})") from error


def build(notice: Callable[[str], None] = lambda text: None) -> Path:
    """Return the path of the compiled step; compile it if it is not in the cache.

    Raises:
        NotFusedError: as for `load`.
    """
    compiler = _compiler()
    version = _run(compiler, "--version")
    target = "-mcpu=native" if platform.machine() == "arm64" else "-march=native"
    parts = [*((_FOLDER / name).read_bytes() for name in _SOURCES)]
    parts += [text.encode() for text in (compiler, version, target, *_OPTIONS, _processor())]
    digest = hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    path = cache_folder() / f"step-{digest[:32]}.so"
    if path.is_file():
        return path
    notice("compiling the training step for this processor, which takes a few seconds and happens once")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="build-") as folder:
            result = Path(folder) / path.name
            _run(compiler, target, *_OPTIONS, "-o", str(result), str(_FOLDER / "step.cpp"))
            os.replace(result, path)
    except OSError as error:
        raise NotFusedError(f"the compiled step cannot be written to {path.parent} ({error.strerror})") from error
    return path


def _compiler() -> str:
    named = os.environ.get("CXX")
    for name in (named,) if named else ("c++", "g++", "clang++"):
        if (path := shutil.which(name)) is not None:
            return path
    missing = f"CXX names {named}, which is not a program" if named else "there is no C++ compiler: install g++"
    raise NotFusedError(missing)


def _run(*command: str) -> str:
    """Run a compiler and return what it prints."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise NotFusedError(f"{name} did not finish within {_TIMEOUT} s") from error
    except OSError as error:
        raise NotFusedError(f"{name} cannot be run ({error.strerror})") from error
    if done.returncode != 0:
        first = next(
            (line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip() or "no message"
        )
        raise NotFusedError(f"{name} fails ({first.strip()[:200]})")
    return done.stdout


def _processor() -> str:
    """Return what -march=native depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
