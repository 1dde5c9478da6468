"""Train the network: `python train.py [fit|validate|test|predict] [options]`; see `python train.py fit --help`."""

import sys
from pathlib import Path

from torchnet.training.cli import main

if __name__ == "__main__":
    sys.exit(main(configs=Path(__file__).parent / "configs"))
