"""Print whether `check` passes the right kernels and fails the wrong ones."""

import sys
import time
from itertools import groupby

from rich.console import Console
from rich.table import Table

from . import DEVICE, HAS_TRITON
from .functions import Variant, variants
from .verdicts import accused, report_on


def judge(variant: Variant) -> tuple[bool, str]:
    """Return whether the verdict is the expected one, and the verdict."""
    try:
        report = report_on(variant)
    except Exception as error:
        return False, f"{type(error).__name__}: {error}".split("\n")[0]
    names = ", ".join(sorted(accused(report)))
    if variant.mistake is None:
        return report.passed, "right" if report.passed else f"false alarm: {names or report.diagnoses}"
    if report.passed:
        return False, f"{variant.mistake}: missed"
    return accused(report) == variant.wrong, f"{variant.mistake}: {names}"


def main() -> int:
    """Check every variant; return 1 if a verdict is not the expected one."""
    console = Console(width=160 if not sys.stdout.isatty() else None)
    title = f"Kernels against their references, on {DEVICE}" + ("" if HAS_TRITON else "; Triton is not installed")
    table = Table("kernel", "backend", "dtype", "right one", "wrong ones: tensors accused", "seconds", title=title)
    failures = 0
    chosen = (variant for variant in variants() if HAS_TRITON or variant.backend != "triton")
    for (kernel, backend, dtype), group in groupby(chosen, key=lambda v: (v.kernel, v.backend, v.dtype)):
        start = time.perf_counter()
        results = [judge(variant) for variant in group]
        failures += sum(not as_expected for as_expected, _ in results)
        cells = [text if as_expected else f"[red]{text} (!)[/red]" for as_expected, text in results]
        seconds = f"{time.perf_counter() - start:.1f}"
        table.add_row(kernel, backend, str(dtype).removeprefix("torch."), cells[0], "\n".join(cells[1:]), seconds)
    console.print(table)
    console.print(f"{failures} verdicts are not the expected ones")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
