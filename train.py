"""Train the network: `python train.py [fit|validate|test|predict] [options]`; see `python train.py --help`."""

import os
import signal
from pathlib import Path

if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "agg"  # the figures need no display; matplotlib would refuse an unknown name
    if "OMP_WAIT_POLICY" not in os.environ:
        # Idle threads of torch let go of their core after 0.1 ms, not after several: docs/speed.md. libgomp reads it.
        os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while the libraries load, Ctrl-C just ends the process
    from torchnet.cli.start import main
    from torchnet.runs.fast_exit import exit_with

    exit_with(lambda: main(configs=Path(__file__).parent / "configs"))
