"""The trained weights alone, for other programs: `python -m torchnet export`."""

import argparse
from pathlib import Path

DESCRIPTION = "Write the weights of a checkpoint, and nothing else, to a file of the format safetensors."
EPILOG = """\
examples:
  python -m torchnet export last
  python -m torchnet export runs/accurate/2026-01-31_12-00-00.000/checkpoints/best.ckpt weights.safetensors

The weights have the names and shapes of the same network built from torch.nn: "0.weight", "0.bias", "2.weight", ...
If the run kept a moving average of its weights, they are the average.

exit code: 0 when the file is written, 2 for wrong usage, 66 for a checkpoint that cannot be used, 74 for a file that
cannot be written.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("checkpoint", help="a file; or last or best, of the newest run under --root")
    parser.add_argument("output", type=Path, nargs="?", help="the file to write (beside the checkpoint)")
    parser.add_argument("--root", type=Path, default=Path("runs"), metavar="FOLDER", help="of the runs (runs)")


def run(options: argparse.Namespace) -> int:
    """Write the weights that the options ask for; return the exit code."""
    from torchnet.storage import CheckpointError, read_checkpoint, write_weights
    from torchnet.training.errors import UsageError
    from torchnet.training.runs import find_checkpoint
    from torchnet.training.trained import trained_weights

    checkpoint = find_checkpoint(options.checkpoint, options.root)
    output = options.output or checkpoint.with_suffix(".safetensors")
    if output.suffix != ".safetensors":
        raise UsageError(f"{output}: expected the name of a .safetensors file")
    contents = read_checkpoint(checkpoint)
    weights = trained_weights(contents)
    if not weights:
        raise CheckpointError(f"{checkpoint}: expected a checkpoint of a run, there are no weights in it")
    write_weights(output, weights, {"global_step": str(contents.get("global_step"))})
    print(f"{len(weights)} tensors, {sum(tensor.numel() for tensor in weights.values()):,} numbers, in {output}")
    return 0
