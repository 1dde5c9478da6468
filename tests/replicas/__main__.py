"""Train in several processes by every configuration, and kill some of them.

    python -m tests.replicas          # both
    python -m tests.replicas configs  # 200 steps of each configuration in 1, 2 and 4 processes, float64
    python -m tests.replicas kills    # kill -9 of one of 2 processes, at 10 random times

The exit code is 1 if anything differs by more than rounding, or does not end as it should.
"""

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from torchnet.storage import read_checkpoint

from .runs import ROOT, same_bits, start, train, worst_difference
from .test_runs import ALL, LOST

TOLERANCE, STEPS, KILLS, SEED = 1e-12, 200, 10, 8
LENGTH = "--trainer.max_epochs=20"  # of a run that is killed: 500 steps
CONFIGS = {
    "notebook": (),
    "default": (),
    "fast": (),
    "digits": (),
    "deep_sigmoid": (),
    "deep_residual": (),
    "accurate": (),
    # a tenth as wide, for two cores; bfloat16 is for products of float32
    "record": ("--model.matmul_dtype=null", "--model.hidden_sizes=[250,200,150,100,50]"),
}


def compare_configs(folder: Path) -> bool:
    """Print, for every configuration, the largest relative difference of weights and optimizer after 200 steps."""
    recipes = {name: (f"--config={ROOT / 'configs' / f'{name}.yaml'}", *options) for name, options in CONFIGS.items()}
    recipes["batch norm, dropout and all the rest"] = ALL
    all_equal = True
    for name, options in recipes.items():
        words = (*options, f"--trainer.max_steps={STEPS}", "--trainer.max_epochs=-1")
        alone, *others = [train(folder / f"{name} {n}", *words, processes=n) for n in (1, 2, 4)]
        found = [worst_difference(other, alone) for other in others]
        all_equal &= all(error <= TOLERANCE for error, _ in found)
        print(
            f"{name:40}",
            *(f"{n} processes {error:.1e} ({key})" for n, (error, key) in zip((2, 4), found, strict=True)),
            flush=True,
        )
    return all_equal


def kill_some(folder: Path) -> bool:
    """Kill one of two processes again and again; print how the other ends, and what a resume comes to."""
    run = start(folder / "whole", *ALL, LENGTH, processes=2)
    run.first_weights()
    began = time.monotonic()
    assert run.end()[0] == 0
    lasts = time.monotonic() - began
    whole = read_checkpoint(run.checkpoints()[0])
    print(f"{whole['global_step']} steps; {lasts:.1f} s from the first checkpoint to the end", flush=True)
    chance = random.Random(SEED)
    plans = [(chance.uniform(0, 0.8 * lasts), chance.randrange(2)) for _ in range(KILLS)]
    return all([_kill_and_resume(folder / str(n), *plan, whole) for n, plan in enumerate(plans)])  # noqa: C419 - all run


def _kill_and_resume(folder: Path, after: float, victim: int, whole: dict[str, Any]) -> bool:
    run = start(folder, *ALL, LENGTH, processes=2)
    run.first_weights()
    time.sleep(after)
    os.kill(run.command.pid if victim == 0 else run.child(), signal.SIGKILL)
    began = time.monotonic()
    code, _, err = run.end()  # of both processes
    seconds = time.monotonic() - began
    is_orderly = LOST in err and err.count("\n") == 1 and code == (-signal.SIGKILL if victim == 0 else 75)
    steps = [read_checkpoint(path)["global_step"] for path in run.checkpoints()]  # raises if one is not whole
    resume = (LENGTH, f"--ckpt_path={run.checkpoints()[0].absolute()}")
    in_two = train(folder / "two", *resume, processes=2)
    error, _ = worst_difference(train(folder / "one", *resume, "--allow-environment-change"), whole)
    is_same = same_bits(in_two, whole)
    print(
        f"killed process {victim} after {after:4.1f} s; the other ended {seconds:.1f} s later,",
        f"{'with its sentence' if is_orderly else f'with code {code}, {err}'}; resumed from step {steps[0]}",
        f"in 2 processes: {'the same bits' if is_same else 'OTHER BITS'}, in 1: {error:.1e}",
        flush=True,
    )
    return is_orderly and is_same and error <= TOLERANCE


def main() -> int:
    chosen = sys.argv[1:] or ["configs", "kills"]
    what = {"configs": compare_configs, "kills": kill_some}
    if not set(chosen) <= what.keys():
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="torchnet-replicas-") as folder:
        return 0 if all([what[each](Path(folder) / each) for each in chosen]) else 1  # noqa: C419 - all are run


if __name__ == "__main__":
    sys.exit(main())
