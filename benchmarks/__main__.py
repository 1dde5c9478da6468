"""Measure torchnet beside its peers on this machine.

    python -m benchmarks                            # the race: every peer trains MNIST, an epoch at a time, in turns
    python -m benchmarks recipes                    # the seconds to 97.46 %: configs/fast.yaml, the notebook's recipe
    python -m benchmarks scale                      # how the cost of a step grows with width, depth and batch
    python -m benchmarks depth                      # what 20 layers do to gradients, of sigmoids and of residual blocks
    python -m benchmarks saving                     # what checkpoints, and the watch on numbers, cost the default run
    python -m benchmarks report                     # what its page and gradient health in its logs cost the default run
    python -m benchmarks together                   # two processes that train one network; on paper, a thousand GPUs
    python -m benchmarks gpu                        # on an NVIDIA GPU: the step eager, compiled, and as a CUDA graph
    python -m benchmarks --peers torchnet,autograd  # some of the peers

The table is printed, and written with the numbers and the plots to the folder --out.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.children import ChildError
from benchmarks.commands import run_depth, run_gpu, run_race, run_recipes, run_scale, run_together, run_ways
from benchmarks.peers import PEERS

_SEEDS = 5
_TURNS = 9


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; return the exit code."""
    options = _parse(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="torchnet-benchmarks-") as folder:
            _set_the_stage(folder, options.what)
            options.out.mkdir(parents=True, exist_ok=True)
            if options.what == "scale":
                run_scale(options.out)
            elif options.what == "depth":
                run_depth(Path(folder), options.out)
            elif options.what == "recipes":
                run_recipes(_SEEDS, Path(folder), options.out)
            elif options.what in ("saving", "report"):
                run_ways(options.what, _TURNS, options.epochs, options.out)
            elif options.what == "together":
                run_together(_TURNS, Path(folder), options.out)
            elif options.what == "gpu":
                run_gpu(options.epochs, options.seed, options.out)
            else:
                run_race(options.peers, options.epochs, options.seed, Path(folder), options.out)
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
        choices=("peers", "recipes", "scale", "depth", "saving", "report", "together", "gpu"),
        default="peers",
    )
    parser.add_argument("--epochs", type=_from_one_up, default=40, metavar="N", help="of each peer (default: 40)")
    parser.add_argument("--peers", type=_peers, default=list(PEERS), metavar="A,B", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--seed", type=int, default=10, help="of the weights and the order of the samples")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), metavar="FOLDER", help="of the results")
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


def _set_the_stage(folder: str, what: str) -> None:
    """Give all children, by the environment, one device and a place for what they write that is removed after."""
    if what != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if what == "together":
        os.environ["OMP_NUM_THREADS"] = "1"  # a thread for each process, and for the products they are held against
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["TMPDIR"] = folder  # checkpoints and logs; and the cache of torch.compile, which starts empty so
    os.environ["PYTHONWARNINGS"] = "ignore:resource_tracker"  # of the semaphore that a killed child leaves behind


if __name__ == "__main__":
    sys.exit(main())
