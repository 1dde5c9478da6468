"""The command line `python -m torchnet`."""

import os
import sys

from torchnet.commands import main

if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "agg"  # as in train.py
    sys.exit(main())
