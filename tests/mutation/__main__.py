"""Mutation testing: apply every mutation operator to the mathematics and check that a test fails.

    python -m tests.mutation                  # all mutants
    python -m tests.mutation --only relu      # those with "relu" in their name
    python -m tests.mutation --sample 40      # about 40 from the syntax tree, and 40 written by hand

The exit code is 1 if a mutant survives that is not listed as equivalent, or if one of the lists is out of date.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.progress import Progress

from .project import TORCHNET, Mutant, Project, StaleListError
from .runner import RedTestsError, Runner

MOST_EQUIVALENT = 0.05


def main(arguments: Sequence[str] | None = None, project: Project = TORCHNET) -> int:
    """Run the mutants; return the exit code, 0 if every mutant is killed or listed as equivalent."""
    parser = argparse.ArgumentParser("python -m tests.mutation", description="Mutation tests of the mathematics.")
    parser.add_argument("--sample", type=int, metavar="K", help="test about K of each kind, always the same")
    parser.add_argument("--only", metavar="TEXT", default="", help="test only mutants whose name contains this text")
    parser.add_argument("--show", action="store_true", help="print the diff of each survivor")
    options = parser.parse_args(arguments)
    if options.sample is not None and options.sample < 1:
        parser.error(f"--sample: expected a whole number from 1 up, got {options.sample}")
    start = time.monotonic()
    try:
        everything = project.mutants()
        chosen = [mutant for mutant in sample(everything, options.sample) if options.only in mutant.name]
        if not chosen:
            parser.error(f"--only: expected part of a mutant's name, got {options.only!r}: no mutant matches")
        print(f"{len(chosen)} of {len(everything)} mutants", flush=True)
        verdicts = judge(Runner(project), chosen)
    except (StaleListError, RedTestsError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    print(f"{time.monotonic() - start:.0f} seconds")
    return report(project, everything, verdicts, options.show)


def sample(mutants: Sequence[Mutant], size: int | None) -> list[Mutant]:
    """Return about `size` mutants from the syntax tree and as many planted ones, spread evenly over the code."""
    kinds = [[mutant for mutant in mutants if mutant.planted == planted] for planted in (False, True)]
    return [mutant for kind in kinds for mutant in kind[:: 1 if size is None else max(1, round(len(kind) / size))]]


def judge(runner: Runner, mutants: Sequence[Mutant]) -> dict[Mutant, str]:
    """Return the verdict on each mutant; show a progress bar on a terminal."""
    console, verdicts = Console(), {}
    # auto_refresh would start a thread, and a process with threads is not safe to fork.
    with Progress(console=console, auto_refresh=False, disable=not console.is_terminal) as progress:
        task = progress.add_task("mutants", total=len(mutants))
        for mutant, verdict in runner.verdicts(mutants):
            verdicts[mutant] = verdict
            progress.advance(task)
            progress.refresh()
    return verdicts


def report(project: Project, everything: Sequence[Mutant], verdicts: dict[Mutant, str], show: bool) -> int:
    """Print the results; return 1 if an unlisted mutant survives or the list of equivalents is out of date."""
    listed = project.equivalent
    equivalent = [m for m in verdicts if m.key in listed and verdicts[m] == "survived"]
    survivors = [m for m in verdicts if m.key not in listed and verdicts[m] == "survived"]
    faults = [f"survived: {m.name}" + (f"\n{project.diff(m)}" if show else "") for m in survivors]
    faults += [
        f"listed as equivalent, but {verdicts[m]}: {m.name}"
        for m in verdicts
        if m.key in listed and m not in equivalent
    ]
    faults += [
        f"listed as equivalent, but no such mutant: {key}"
        for key in sorted(listed.keys() - {m.key for m in everything})
    ]
    if len(listed) > MOST_EQUIVALENT * len(everything):
        faults.append(
            f"expected at most {MOST_EQUIVALENT:.0%} equivalents, got {len(listed)} of {len(everything)} mutants"
        )
    for mutant in equivalent:
        print(f"equivalent: {mutant.name}\n    {listed[mutant.key]}")
    for fault in faults:
        print(fault)
    kinds = Counter(verdicts.values())
    planted = sum(mutant.planted for mutant in verdicts)
    killed = kinds["killed"] + kinds["timed out"]
    print(
        f"{len(verdicts)} mutants ({len(verdicts) - planted} of the syntax tree, {planted} written by hand): "
        f"{killed} killed ({kinds['timed out']} by the time limit), {len(equivalent)} equivalent, "
        f"{len(survivors)} survived; score {killed / max(1, len(verdicts) - len(equivalent)):.1%}"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
