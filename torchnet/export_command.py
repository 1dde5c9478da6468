"""The trained weights alone, for other programs: `python -m torchnet export`."""

import argparse
import sys
from pathlib import Path

from torch import Tensor

from torchnet.storage import CheckpointError, read_checkpoint, write_weights

DESCRIPTION = "Write the weights of a checkpoint, and nothing else, to a file of the format safetensors."
EXAMPLES = """\
examples:
  python -m torchnet export last
  python -m torchnet export runs/accurate/2026-01-31_12-00-00.000/checkpoints/best.ckpt weights.safetensors

The weights have the names and shapes of the same network built from torch.nn: "0.weight", "0.bias", "2.weight", ...
If the run kept a moving average of its weights, they are the average.

exit code: 0 when the file is written, 2 for wrong usage, 66 for a checkpoint that cannot be used, 74 for a file that
cannot be written.
"""


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command and its options to those of `python -m torchnet`."""
    parser = commands.add_parser(
        "export",
        help=DESCRIPTION,
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("checkpoint", help="a file; or last or best, of the newest run under --root")
    parser.add_argument("output", type=Path, nargs="?", help="the file to write (beside the checkpoint)")
    parser.add_argument("--root", type=Path, default=Path("runs"), metavar="FOLDER", help="of the runs (runs)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the weights that the options ask for; return the exit code."""
    from torchnet.training.runs import find_checkpoint  # imports Lightning

    try:
        checkpoint = find_checkpoint(options.checkpoint, options.root)
        output = options.output or checkpoint.with_suffix(".safetensors")
        if output.suffix != ".safetensors":
            print(f"error: {output}: expected the name of a .safetensors file", file=sys.stderr)
            return 2
        contents = read_checkpoint(checkpoint)
        weights = trained_weights(contents)
        if not weights:
            raise CheckpointError(f"{checkpoint}: expected a checkpoint of a run, there are no weights in it")
        write_weights(output, weights, {"global_step": str(contents.get("global_step"))})
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (CheckpointError, OSError) as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 66 if isinstance(error, CheckpointError) else 74
    print(f"{len(weights)} tensors, {sum(map(Tensor.numel, weights.values())):,} numbers, in {output}")
    return 0


def trained_weights(checkpoint: dict[str, object]) -> dict[str, Tensor]:
    """Return the weights and buffers of the network that a checkpoint was trained for, by their names in it."""
    state = checkpoint.get("state_dict")
    tensors = (
        {key: value for key, value in state.items() if isinstance(value, Tensor)} if isinstance(state, dict) else {}
    )
    prefix = "average.net." if any(key.startswith("average.net.") for key in tensors) else "net."
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
