"""Mutants of the fused step in C++: each is compiled, and the tests of the step have to fail with it.

    python -m tests.mutation.compiled               # all mutants
    python -m tests.mutation.compiled --only sgd    # those of the lines that contain a text
    python -m tests.mutation.compiled --every 10    # a sample

A mutant is one changed operator, number or condition. It is killed if a test fails, crashes or takes too long.
"""

import argparse
import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import track

from torchnet.engine.fused import build, cpu

from ..engine import fused_cases as cases
from ..engine import test_fused_cpu as tests
from ..engine.test_fused_cpu import fused

_SECONDS = 60  # for the tests of a mutant
_OPERATORS = {
    r" \+ ": (" - ",),
    r" - ": (" + ",),
    r" \* ": (" / ",),
    r" / ": (" * ",),
    r" \+= ": (" -= ", " = "),
    r" -= ": (" += ",),
    r" < ": (" <= ", " > "),
    r" > ": (" >= ", " < "),
    r" == ": (" != ",),
    r" != ": (" == ",),
    r" && ": (" || ",),
    r"\b0\b(?!\.)": ("1",),
    r"\b1\b(?!\.)": ("0", "2"),
    r"\b2\b(?!\.)": ("1", "3"),
    r"(?<=[( ,])-(?=[a-z(])": ("",),
    r"\b\d+\.\d+f": ("0.9f",),
}
_COMPARISONS = (r" < ", r" > ")
# Lines whose mutants change no result: what is declared and set up for others, and what only makes it faster.
_IDLE = re.compile(
    r"^\s*(#|//|constexpr|template|typedef|struct|class|extern|return x;)|pause|prefetch|AHEAD|Barrier|barrier|yield|"
    r"round_up|stride\(|#pragma|_mm512|MOST|__builtin|emplace_back|spins|turn|arrived"
)


@dataclass(frozen=True)
class Mutant:
    """One change: of a line of a file."""

    file: str
    line: int
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.old.strip()}  ->  {self.new.strip()}"


def mutants(file: str, text: str) -> Iterator[Mutant]:
    """Yield all mutants of a file."""
    for number, line in enumerate(text.splitlines(), start=1):
        code = line.split("//")[0]
        if _IDLE.search(line) or not code.strip():
            continue
        for pattern, replacements in _OPERATORS.items():
            if pattern in _COMPARISONS and code.strip().startswith("for "):
                continue  # reads what lies behind an array, which may or may not show
            for match in re.finditer(pattern, code):
                for replacement in replacements:
                    yield Mutant(file, number, line, code[: match.start()] + replacement + code[match.end() :])


def compiled(mutant: Mutant | None, folder: Path) -> Path | None:
    """Compile the step with a mutant; return None if the compiler refuses it."""
    for name in build._SOURCES:
        lines = (build._FOLDER / name).read_text().splitlines()
        if mutant is not None and name == mutant.file:
            lines[mutant.line - 1] = mutant.new
        (folder / name).write_text("\n".join(lines) + "\n")
    result = folder / f"step-{abs(hash(mutant))}.so"
    options = [option for option in build._OPTIONS if not option.startswith("-O")]
    command = [build._compiler(), "-march=native", "-O1", *options, "-o", str(result), str(folder / "step.cpp")]
    return result if subprocess.run(command, capture_output=True, check=False).returncode == 0 else None


def run_tests() -> None:
    """Run the tests of the step, without pytest."""
    torch.set_num_threads(2)
    for optimizer in cases.OPTIMIZERS:
        cases.expect_parity(cases.Case((33, 40, 18, 5), 70, "tanh", optimizer=optimizer, divisor=71), fused)
    for activation in cases.ACTIVATION_NAMES:
        for loss in ("cross_entropy", "mean_squared_error"):
            cases.expect_parity(cases.Case((20, 30, 24, 7), 41, activation, loss, is_rows=loss[0] == "m"), fused)
    for sizes, batch in (((230, 70, 3), 450), ((5, 1), 1), ((7, 3, 2, 4), 33), ((300, 150, 10), 97)):
        cases.expect_parity(cases.Case(sizes, batch, "sigmoid", is_rows=batch == 33), fused)
    if torch.cpu._is_avx512_bf16_supported():
        for batch in (1, 40, 333):
            case = cases.Case((33, 17, 130, 5), batch, optimizer="Nesterov", steps=2, matmul_dtype=torch.bfloat16)
            exact = cases.run_case(case, cases.plain, torch.float64)
            plainly, found = cases.run_case(case, cases.plain), cases.run_case(case, fused)
            for name, tensor in exact.items():
                error, allowed = ((it[name].double() - tensor).norm().item() for it in (found, plainly))
                assert error <= 2 * allowed + 2**-9 * tensor.norm().item(), name
        tests.test_operands_are_rounded_to_the_nearest_bfloat16()
    tests.test_inf_and_nan_are_passed_on()
    tests.test_an_infinite_bias_stays_infinite()
    tests.test_logits_of_any_size_are_as_exact()
    tests.test_velocities_exist_only_with_momentum_and_rest_without_it()


def is_killed(library: Path) -> bool:
    """Run the tests with a library in a process of its own; return whether they fail."""
    child = os.fork()
    if child == 0:
        signal.alarm(_SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            loaded = ctypes.CDLL(str(library))
            cpu.load = lambda notice=None: loaded  # type: ignore[assignment]
            run_tests()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def main() -> int:
    """Run all mutants; print the survivors."""
    parser = argparse.ArgumentParser("python -m tests.mutation.compiled", description=__doc__)
    parser.add_argument("--only", default="", help="a text of the line")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every n-th mutant")
    options = parser.parse_args()
    found = [it for name in build._SOURCES for it in mutants(name, (build._FOLDER / name).read_text())]
    found = [it for it in found if options.only in it.old][:: options.every]
    survivors, refused = [], 0
    with tempfile.TemporaryDirectory() as folder:
        original = compiled(None, Path(folder))
        if original is None or is_killed(original):
            print("error: the tests fail without a mutant", file=sys.stderr)
            return 1
        for mutant in track(found, "mutants"):
            library = compiled(mutant, Path(folder))
            if library is None:
                refused += 1
            elif not is_killed(library):
                survivors.append(mutant)
                print("survived:", mutant, flush=True)
            if library is not None:
                library.unlink()
    print(f"{len(found) - refused} mutants, {len(survivors)} survived; {refused} more do not compile")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
