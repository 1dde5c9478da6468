"""Compare torchnet with other implementations on this machine.

    python -m benchmarks                            # all peers train MNIST, one epoch at a time, in turns
    python -m benchmarks --peers torchnet,autograd  # only these peers
    python -m benchmarks recipes                    # seconds to 97.46 %: configs/fast.yaml and the notebook's recipe
    python -m benchmarks scale                      # the time of a step over width, depth and batch size
    python -m benchmarks convnet                    # a step of a convolutional network: torchnet and autograd
    python -m benchmarks depth                      # gradients in 20 layers: sigmoid layers and residual blocks
    python -m benchmarks saving                     # the cost of checkpoints and the NaN check in the default run
    python -m benchmarks report                     # the cost of the report and of gradient health in the default run
    python -m benchmarks processes                  # training in two processes; estimates for up to 1,024 GPUs
    python -m benchmarks gpu                        # on an NVIDIA GPU: steps, their kernels, `python train.py`

The table is printed. Table, numbers and plots are written to the folder --out.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.child_process import ChildError
from benchmarks.commands import run_convnet, run_depth, run_overhead, run_peers, run_processes, run_recipes, run_scale
from benchmarks.peers import PEERS

_SEEDS = 5
_TURNS = 9


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark that the arguments name; return the exit code."""
    options = _parse(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="torchnet-benchmarks-") as folder:
            _set_environment(folder, options.what)
            options.out.mkdir(parents=True, exist_ok=True)
            if options.what == "scale":
                run_scale(options.out)
            elif options.what == "convnet":
                run_convnet(_TURNS, options.out)
            elif options.what == "depth":
                run_depth(Path(folder), options.out)
            elif options.what == "recipes":
                run_recipes(_SEEDS, Path(folder), options.out)
            elif options.what in ("saving", "report"):
                run_overhead(options.what, _TURNS, options.epochs, options.out)
            elif options.what == "processes":
                run_processes(_TURNS, Path(folder), options.out)
            elif options.what == "gpu":
                from benchmarks.gpu.run import run_gpu  # imported late, as it imports torch: see commands.py

                run_gpu(options.epochs, options.seed, Path(folder), options.out)
            else:
                run_peers(options.peers, options.epochs, options.seed, Path(folder), options.out)
    except ChildError as error:
        print("error:", error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what",
        nargs="?",
        choices=("peers", "recipes", "scale", "convnet", "depth", "saving", "report", "processes", "gpu"),
        default="peers",
    )
    parser.add_argument("--epochs", type=_from_one_up, default=40, metavar="N", help="epochs per peer (default: 40)")
    parser.add_argument("--peers", type=_peers, default=list(PEERS), metavar="A,B", help=f"some of {', '.join(PEERS)}")
    parser.add_argument("--seed", type=int, default=10, help="seed of the weights and the sample order (default: 10)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/benchmarks"), metavar="FOLDER", help="where to write results"
    )
    return parser.parse_args(arguments)


def _peers(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"expected names of {', '.join(PEERS)}, got {name!r}")
    return list(dict.fromkeys(names))


def _from_one_up(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 up, got {text!r}")
    return int(text)


def _set_environment(folder: str, what: str) -> None:
    """Set the device, threads and temporary folder of all child processes through environment variables."""
    if what == "gpu":
        os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # JAX would take three quarters of the GPU's memory
        os.environ["TRITON_CACHE_DIR"] = f"{folder}/triton"  # starts empty, like the cache of torch.compile
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["JAX_PLATFORMS"] = "cpu"
    if what == "processes":
        os.environ["OMP_NUM_THREADS"] = "1"  # one thread per process, also for the products they are compared with
    os.environ["TMPDIR"] = folder  # checkpoints, logs, and the cache of torch.compile, which so starts empty
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker"  # about the semaphores of killed child processes


if __name__ == "__main__":
    sys.exit(main())
