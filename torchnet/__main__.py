"""The command line `python -m torchnet`."""

import os

from torchnet.commands import main
from torchnet.runs.fast_exit import exit_with

if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "agg"  # as in train.py
    exit_with(main)
