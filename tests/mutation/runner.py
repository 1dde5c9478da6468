"""Run the tests on a mutant, in a fork of a process that has imported all libraries but not the project."""

import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest

from .project import Mutant, Project

OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "--no-header")
WORKERS = 2
# pytest's exit codes if tests fail, if a test file cannot be imported, and if conftest.py cannot be imported
KILLED = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR)
BROKEN = 70  # exit code of a fork that could not finish the tests


class RedTestsError(Exception):
    """The tests fail on the unchanged code, so they would kill every mutant."""


class _MutantLoader(SourceFileLoader):
    """Load the mutant's source under the name of the file, without reading or writing bytecode."""

    def __init__(self, mutant: Mutant, path: str) -> None:
        super().__init__(mutant.module, path)
        self.mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.mutant.source, self.path, "exec", dont_inherit=True)


class _MutantFinder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant, path: str) -> None:
        self.mutant, self.path = mutant, path

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self.mutant.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=_MutantLoader(self.mutant, self.path))


class Runner:
    """Run the tests on mutants, with a time limit derived from a run on the unchanged code.

    Raises:
        RedTestsError: if the tests fail on the unchanged code.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        os.environ["OMP_NUM_THREADS"] = "1"  # no threads in torch and NumPy, so that forking is safe
        with tempfile.TemporaryDirectory() as folder:
            output, modules = Path(folder, "output"), Path(folder, "modules")
            self._expect_green(self._wait(self._fork(None, output, modules)), output)
            # Import what the tests import, except the project, once here instead of in every fork.
            for name in modules.read_text().split():
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
            start = time.monotonic()
            if self._wait(self._fork(self._unchanged())) != 0:
                self._expect_green(self._wait(self._fork(None, output)), output)
                raise RedTestsError(
                    f"expected the tests to pass in a fork that imports {project.files[0]} unchanged, got a failure: "
                    "make the tests independent of earlier imports and of each other"
                )
            self.limit = 10 * (time.monotonic() - start) + 10
        gc.freeze()  # or the garbage collector of each fork would touch, and so copy, all pages

    def _unchanged(self) -> Mutant:
        """Return an unchanged file as a mutant: if the tests kill it, the cause is not a mutation."""
        path = self.project.files[0]
        return Mutant(path, 1, path, (self.project.root / path).read_text())

    @staticmethod
    def _wait(pid: int) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    @staticmethod
    def _expect_green(code: int, output: Path) -> None:
        if code != 0:
            raise RedTestsError(
                f"expected the tests to pass on the unchanged code, got exit code {code} of pytest: fix them before "
                f"testing mutants\n{output.read_text()}"
            )

    def verdicts(self, mutants: Sequence[Mutant]) -> Iterator[tuple[Mutant, str]]:
        """Yield each mutant with "killed", "timed out" or "survived" as soon as that is known."""
        waiting, running = list(reversed(mutants)), dict[int, tuple[Mutant, float]]()
        try:
            while waiting or running:
                while waiting and len(running) < WORKERS:
                    mutant = waiting.pop()
                    running[self._fork(mutant)] = mutant, time.monotonic() + self.limit
                time.sleep(0.01)
                for pid, (mutant, deadline) in list(running.items()):
                    done, status = os.waitpid(pid, os.WNOHANG)
                    if done:
                        del running[pid]
                        yield mutant, _verdict(mutant, os.waitstatus_to_exitcode(status))
                    elif time.monotonic() > deadline:
                        del running[pid]
                        _kill(pid)
                        yield mutant, "timed out"
        finally:
            for pid in running:
                _kill(pid)

    def _fork(self, mutant: Mutant | None, output: Path = Path(os.devnull), modules: Path | None = None) -> int:
        """Fork a process that runs the tests and exits with pytest's exit code; return its process ID.

        Args:
            mutant: the file to import instead of the original, or None.
            output: the file for the output of pytest.
            modules: if given, only collect the tests and write the names of imported modules to this file.
        """
        if pid := os.fork():
            return pid
        code = BROKEN
        try:
            with output.open("w") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            code = int(self._run_tests(mutant, only_import=modules is not None))
            if modules is not None:
                own = tuple(
                    path.split("/")[0].removesuffix(".py") for path in (*self.project.files, *self.project.tests)
                )
                modules.write_text("\n".join(name for name in sys.modules if name.split(".")[0] not in own))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _run_tests(self, mutant: Mutant | None, only_import: bool) -> int:
        root = self.project.root
        os.chdir(root)
        sys.path.insert(0, str(root))
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # ignore other installed plugins
        os.environ.pop("PYTEST_ADDOPTS", None)
        if mutant is not None:
            sys.meta_path.insert(0, _MutantFinder(mutant, str(root / mutant.path)))
        _hasten_hypothesis()
        words = ["--tb=short"] if mutant is None else ["--tb=no", "--assert=plain"]  # the output is discarded
        words += ["--collect-only"] * only_import
        return pytest.main([*OPTIONS, *words, "--rootdir", str(root), *_nearest_first(self.project.tests, mutant)])


def _nearest_first(tests: Sequence[str], mutant: Mutant | None) -> list[str]:
    """Return the tests, those named after part of the mutant's path first: they most likely fail."""
    names = [] if mutant is None else Path(mutant.path).with_suffix("").parts[1:]
    return sorted(tests, key=lambda test: not any(name in test for name in names))


def _verdict(mutant: Mutant, code: int) -> str:
    if code == 0:
        return "survived"
    if code in KILLED or code < 0:  # negative: killed by a signal
        return "killed"
    raise RuntimeError(
        f"{mutant.name}: expected pytest to pass or fail, got its exit code {code}: an error in the runner"
    )


def _hasten_hypothesis() -> None:
    """Configure Hypothesis, if used, for fixed examples, no database and no shrinking."""
    if "hypothesis" in sys.modules:
        from hypothesis import Phase, settings

        phases = (Phase.explicit, Phase.generate)
        settings.register_profile("mutation", derandomize=True, database=None, deadline=None, phases=phases)
        settings.load_profile("mutation")


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
