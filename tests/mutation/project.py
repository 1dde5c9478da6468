"""The files to mutate, and the tests that must fail."""

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .equivalent import EQUIVALENT
from .planted import PLANTED, Planted
from .syntax_tree import meaning_of, mutations


class StaleListError(Exception):
    """A list of mutants is out of date with the code."""


@dataclass(frozen=True)
class Mutant:
    """A file with one mutation. Its key contains no line number, so it survives changes elsewhere in the file."""

    path: str
    line: int
    key: str
    source: str
    planted: bool = False

    @property
    def name(self) -> str:
        return self.key.replace(self.path, f"{self.path}:{self.line}", 1)

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@dataclass(frozen=True)
class Project:
    """The files below a root to mutate, the tests to run, and the two lists written by hand."""

    root: Path
    files: tuple[str, ...]
    tests: tuple[str, ...]
    planted: tuple[Planted, ...] = ()
    equivalent: Mapping[str, str] = field(default_factory=dict)

    def mutants(self) -> list[Mutant]:
        """Return all mutants in a fixed order, those from the syntax tree first.

        Raises:
            StaleListError: if the text of a planted mutant does not occur exactly once in its file.
        """
        planted = [self._plant(slip) for slip in self.planted]
        known = {meaning_of(mutant.source) for mutant in planted}
        found, times = [], Counter[str]()
        for path in self.files:
            for m in mutations((self.root / path).read_text()):
                if m.meaning in known:
                    continue
                key = f"{path} {m.function}: {m.old} -> {m.new}"
                times[key] += 1
                number = f" ({times[key]})" if times[key] > 1 else ""
                found.append(Mutant(path, m.line, key + number, m.source))
        return found + planted

    def _plant(self, planted: Planted) -> Mutant:
        source = (self.root / planted.path).read_text()
        if (count := source.count(planted.old)) != 1:
            raise StaleListError(
                f"planted mutant {planted.name!r}: expected its old text exactly once in {planted.path}, found it "
                f"{count} times: bring the entry in planted.py up to date with the code\n{planted.old}"
            )
        line = source[: source.index(planted.old)].count("\n") + 1
        mutated = source.replace(planted.old, planted.new)
        return Mutant(planted.path, line, f"{planted.path} {planted.name}", mutated, planted=True)

    def diff(self, mutant: Mutant) -> str:
        """Return the lines that a mutant removes and adds."""
        before = (self.root / mutant.path).read_text().splitlines()
        lines = difflib.unified_diff(before, mutant.source.splitlines(), n=0, lineterm="")
        return "\n".join(f"    {line}" for line in list(lines)[2:] if not line.startswith("@@"))


ROOT = Path(__file__).parents[2]

TORCHNET = Project(
    root=ROOT,
    files=(
        *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "torchnet/layers").glob("*.py")),
        *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "torchnet/losses").glob("*.py")),
        "torchnet/averaging.py",
        "torchnet/clipping.py",
        "torchnet/network/convnet.py",
        "torchnet/network/from_options.py",
        "torchnet/network/mlp.py",
        "torchnet/network/network.py",
        "torchnet/optimizers.py",
        "torchnet/randomness.py",
    ),
    # Fast tests first: the run of a mutant stops at the first failing test.
    tests=(
        "tests/layers",
        "tests/test_step.py",
        "tests/test_randomness.py",
        "tests/test_optimizers.py",
        "tests/test_averaging.py",
        "tests/test_clipping.py",
        "tests/test_losses.py",
        "tests/test_network.py",
        "tests/test_convnet.py",
        "tests/test_from_options.py",
        "tests/html",
        "tests/test_properties.py",
    ),
    planted=PLANTED,
    equivalent=EQUIVALENT,
)
