"""Train on data of every kind from the command line, next to scikit-learn, and use the result in every way.

    python -m tests.any_data [--only TEXT]

Prints a line per data set: the score on its test set, that of scikit-learn's MLP on the same inputs (mean of five
seeds), and whether a run that was killed with SIGKILL resumed to the bit, and exported files give equal outputs for
raw data. The exit code is 1 if anything failed.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.any_data.cases import CASES
from tests.any_data.check_case import check_case


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="the data sets whose names contain this text")
    only = parser.parse_args().only
    print(f"{'data':24}{'score':>16}{'scikit-learn':>14}  {'resumed':9}{'exports, largest difference'}", flush=True)
    failed = 0
    for case in CASES:
        if only in case.name:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    print(check_case(case, Path(folder)), flush=True)
                except AssertionError as error:
                    failed += 1
                    print(f"{case.name:24}FAILED: {error}", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
