"""The time to read and prepare a large table, next to pandas, and to train one epoch on it.

    python -m benchmarks.large_table [--rows 1000000] [--turns 3]

A table has 20 columns: 17 of numbers, two of categories and the target. torchnet (polars) and pandas (pip install
pandas) read it in turns, in this process, and the medians are printed.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from torchnet.data import Preparation, load, prepare

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    import pandas  # only here

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.csv"
        write_table(path, options.rows)
        print(f"{options.rows:,} rows x 20 columns, {path.stat().st_size / 2**20:.0f} MiB")
        times: dict[str, list[float]] = {"pandas.read_csv": [], "torchnet, reading": [], "torchnet, preparing": []}
        for _ in range(options.turns):
            times["pandas.read_csv"].append(_seconds(lambda: pandas.read_csv(path))[0])
            seconds, data = _seconds(lambda: load(str(path), "target"))
            times["torchnet, reading"].append(seconds)
            times["torchnet, preparing"].append(_seconds(lambda data=data: prepare(data, Preparation()))[0])
        for name, of_turns in times.items():
            print(f"{name:32}{statistics.median(of_turns):8.2f} s")
        command = [sys.executable, str(ROOT / "train.py"), "--config", str(ROOT / "configs/table.yaml")]
        command += [f"--data.source={path}", "--data.target=target", "--data.batch_size=500", "--trainer.max_epochs=1"]
        seconds, _ = _seconds(lambda: subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL))
        print(f"{'train.py, one epoch, in all':32}{seconds:8.2f} s")


def write_table(path: Path, rows: int) -> None:
    """Write a table whose target depends on its columns."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(rows, 17)).round(6)
    city, color = random.choice(["Oslo", "Roma", "Lima"], rows), random.choice(["red", "green", "blue", "gray"], rows)
    score = numbers @ random.normal(size=17) + (city == "Roma") - (color == "red")
    columns = {f"x{k}": numbers[:, k] for k in range(17)} | {"city": city, "color": color}
    pl.DataFrame(columns | {"target": np.where(score > 0, "yes", "no")}).write_csv(path)


def _seconds(work: Callable[[], object]) -> tuple[float, object]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


if __name__ == "__main__":
    main()
