"""Shared fixtures: MNIST, a browser, the command line, and a comparison of tensors that reports the worst errors."""

import atexit
import contextlib
import gc
import itertools
import json
import os
import signal
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import hypothesis
import numpy as np
import pytest
import scipy.io
import torch
from selenium.webdriver import Chrome
from torch import Tensor

import torchnet.checking.proof  # noqa: F401  # an import error here is reported clearly; in a pytest plugin it is not
from torchnet.cli.start import main
from torchnet.data import MnistUnavailableError, load
from torchnet.data.mnist import mnist_path
from torchnet.engine.fused.build import build
from torchnet.engine.fused.description import NotFusedError

from .browser import NoBrowserError, start_browser
from .datasets import Arrays, by_label

pytest_plugins = ["torchnet.checking.pytest_plugin"]

ROOT = Path(__file__).parent.parent
FSYNC = os.fsync
WORST = "worst relative errors"  # a key of report.user_properties, which xdist sends from its workers
CHECKS = "scikit-learn's checks of the estimators"  # another key

# A shell starts background jobs with SIGINT ignored. The tests, and the programs they start, would inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / ".pytest_cache" / "hypothesis"))
# The same examples in every run, also in CI, where Hypothesis would load a profile of its own.
# For many new examples in every run: HYPOTHESIS_PROFILE=nightly, or --hypothesis-profile nightly.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None, max_examples=100)
hypothesis.settings.register_profile(
    "nightly", derandomize=False, database=None, deadline=None, max_examples=2000, print_blob=True
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session", autouse=True)
def _compiled_step() -> None:
    """Compile the CPU's step before any test, as its notice would appear in the output of one."""
    with contextlib.suppress(NotFusedError):
        build()


@pytest.fixture(scope="session", autouse=True)
def _no_wait_for_the_disk() -> Iterator[None]:
    """Replace fsync by a call that only fails for a wrong descriptor, except where a test asks for `real_fsync`.

    A run waits for the disk about twenty times, which took a large part of the time of all tests. No test could see it:
    a process that is killed loses nothing that was written.
    """
    with mock.patch("os.fsync", os.fstat):
        yield


@pytest.fixture
def real_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", FSYNC)


@pytest.fixture(scope="session")
def mnist_place() -> Path:
    """Return the file or folder with MNIST; download it if it is missing."""
    try:
        return mnist_path().absolute()
    except MnistUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mnist(mnist_place: Path) -> Arrays:
    return by_label(load(str(mnist_place)))


@pytest.fixture(scope="session")
def mat_file(mnist: Arrays, mnist_place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of mnist_all.mat; write it from another format of MNIST if it is missing."""
    for folder in (mnist_place, mnist_place.parent):
        if (folder / "mnist_all.mat").is_file():
            return folder / "mnist_all.mat"
    arrays = {}
    for split in ("train", "test"):
        images, labels = getattr(mnist, f"{split}_images"), getattr(mnist, f"{split}_labels")
        arrays |= {f"{split}{digit}": images[labels == digit].reshape(-1, 784) for digit in range(10)}
    path = tmp_path_factory.mktemp("mat") / "mnist_all.mat"
    scipy.io.savemat(path, arrays)
    return path


@pytest.fixture(scope="session")
def some_of_mnist(mnist: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with every 30th image of MNIST: the largest network would need a minute for all of them."""
    path = tmp_path_factory.mktemp("some") / "some.npz"
    some = slice(None, None, 30)  # they are sorted by class
    np.savez(
        path,
        x_train=mnist.train_images[some],
        y_train=mnist.train_labels[some],
        x_test=mnist.test_images[some],
        y_test=mnist.test_labels[some],
    )
    return path


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    try:
        chrome = start_browser(tmp_path_factory.mktemp("browser"))
    except NoBrowserError as error:
        # CI sets the variable: a skip would hide that the tests never ran.
        pytest.fail(str(error)) if os.environ.get("TORCHNET_REQUIRE_BROWSER") else pytest.skip(str(error))
    yield chrome
    chrome.quit()


@pytest.fixture(scope="session")
def notebook_numbers() -> dict:
    """Return every number that the notebook printed, as text."""
    return json.loads((Path(__file__).parent / "notebook_numbers.json").read_text())


@pytest.fixture
def expect_equal(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Assert that two tensors agree up to rounding, relative to the norm of the second; keep the worst error."""
    worst: dict[str, tuple[float, str]] = {}
    record_property(WORST, worst)

    def check(
        what: str,
        got: Tensor | np.ndarray,
        expected: Tensor | np.ndarray | float,
        oracle: str,
        tolerance: float = 1e-12,
    ):
        got = torch.as_tensor(got)
        expected = torch.as_tensor(expected, dtype=got.dtype)
        assert got.shape == expected.shape, f"{what}: shape {tuple(got.shape)}, {oracle} has {tuple(expected.shape)}"
        difference, norm = (got - expected).norm().item(), expected.norm().item()
        error = 0.0 if difference == 0 else difference / norm if norm > 0 else float("inf")
        worst[oracle] = max(worst.get(oracle, (-1.0, "")), (error, what))
        assert error <= tolerance, f"{what}: relative error {error:.3g} against {oracle}, allowed is {tolerance:.3g}"

    return check


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every later search for garbage."""
    gc.freeze()
    atexit.register(gc.unfreeze)  # Python's end frees it


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = list(itertools.chain.from_iterable(terminalreporter.stats.values()))
    worst: dict[str, tuple[float, str]] = {}
    for report in reports:
        for oracle, error in dict(getattr(report, "user_properties", ())).get(WORST, {}).items():
            worst[oracle] = max(worst.get(oracle, (-1.0, "")), error)
    properties = (dict(getattr(report, "user_properties", ())) for report in reports)
    if checks := dict.fromkeys(it[CHECKS] for it in properties if CHECKS in it):  # a test has several reports
        terminalreporter.section(CHECKS)
        terminalreporter.write_line("\n".join(textwrap.fill(line, 120) for it in checks for line in it.splitlines()))
    if worst:
        terminalreporter.section("worst relative errors, relative to the norm of the tensor")
    for oracle, (error, what) in sorted(worst.items()):
        terminalreporter.write_line(f"{error:.2e} against {oracle}: {what}")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Call `train.py` with arguments and return the exit code; without `--report`, no report page is drawn."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> int:
        words = [str(argument) for argument in arguments]
        trains = not words or words[0] == "fit" or words[0].startswith("-")
        page = ["--report=false"] if trains and not any(word.startswith("--report") for word in words) else []
        return main(ROOT / "configs", [*words, *page])

    return call
