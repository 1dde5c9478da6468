"""The command line `python -m torchnet`."""

import sys

from torchnet.commands import main

if __name__ == "__main__":
    sys.exit(main())
