"""`python -m torchnet export`: a trained network as a file for other programs."""

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from torchnet.runs.load_network import TrainedNetwork

DESCRIPTION = "Write a trained network to a file that plain PyTorch or\nONNX Runtime can run, with the same outputs."
EPILOG = """\
examples:
  python -m torchnet export last                 safetensors, in checkpoints/
  python -m torchnet export last digits.onnx     for ONNX Runtime and others
  python -m torchnet export best weights.pt      a state_dict, for torch.load
  python -m torchnet export runs/accurate/2026-01-31_12-00-00.000 --to onnx

safetensors and torch files hold the weights, with the names and shapes of the
same network built from torch.nn: "0.weight", "0.bias", "2.weight", ... An onnx
file also holds the layers; it requires pip install onnx. The command prints a
Python program that runs the file on raw images or rows: it prepares them as
training did. A safetensors file has this program in its metadata, under
"source", and torchnet.load reads it.

If the run kept a moving average of the weights, the average is exported. The
exported network does not round operands of matrix products, even if the run
did (model.matmul_dtype). From a checkpoint outside of a run, only the weights
can be exported, as safetensors or torch.
"""
_SUFFIXES = {"safetensors": ".safetensors", "onnx": ".onnx", "torch": ".pt"}
_LOAD = {".safetensors": "load_file({path!r})", ".pt": "torch.load({path!r}, weights_only=True)"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "output", metavar="OUTPUT", type=Path, nargs="?", help="the file to write (default: next to the checkpoint)"
    )
    parser.add_argument(
        "--to", choices=_SUFFIXES, help="the format (default: from the suffix of OUTPUT, or safetensors)"
    )


def run(options: argparse.Namespace) -> int:
    """Write the network; return the exit code."""
    from torchnet.printable import printable
    from torchnet.runs.folders import CHECKPOINTS, CONFIG, find_run, run_of
    from torchnet.runs.load_network import load_network, trained_weights
    from torchnet.runs.output_file import check_output
    from torchnet.storage import CheckpointError, make_folder

    to = _format(options.to, options.output)
    checkpoint, contents = find_run(options.named, options.root)
    output = options.output or checkpoint.with_suffix(_SUFFIXES[to])
    check_output(output, (_SUFFIXES[to],))
    if options.output is None and checkpoint.parent.name == CHECKPOINTS:
        make_folder(checkpoint.parent)  # refuses a link out of the run
    if to == "onnx" or (run_of(checkpoint) / CONFIG).is_file():
        trained = load_network(checkpoint, contents, options.trust_run)
        weights = trained.net.state_dict()
        program = (_write_onnx if to == "onnx" else _write_weights_of)(trained, output)
    else:  # without config.yaml, the layers between the weights are unknown
        weights, program = trained_weights(contents), None
        if not weights:
            raise CheckpointError(f"{checkpoint}: expected a checkpoint with weights, got one without")
        _write_weights(weights, output, {"global_step": str(contents.get("global_step"))})
    numbers = sum(tensor.numel() for tensor in weights.values())
    print(f"{len(weights)} tensors, {numbers:,} numbers, in {printable(output)}")
    if program is not None:
        print(f"To run it without torchnet:\n\n{program}", end="")
    return 0


def _format(to: str | None, output: Path | None) -> str:
    """Return the format, from its name or from the suffix of the file."""
    from torchnet.runs.errors import UsageError

    if output is None:
        return to or "safetensors"
    by_suffix = {suffix: name for name, suffix in _SUFFIXES.items()}.get(output.suffix)
    if by_suffix is None or to not in (None, by_suffix):
        expected = " or ".join(_SUFFIXES.values()) if to is None else f"{_SUFFIXES[to]}, with --to {to}"
        raise UsageError(f"{output}: expected a file name that ends with {expected}")
    return by_suffix


def _write_onnx(trained: "TrainedNetwork", output: Path) -> str:
    """Write the network as an ONNX graph; return a program that runs it."""
    from torchnet.exporting.onnx_source import onnx_source
    from torchnet.runs.errors import UsageError
    from torchnet.runs.exported import exported_metadata
    from torchnet.storage import write_durably

    try:
        from torchnet.exporting.onnx_model import onnx_model
    except ModuleNotFoundError as error:
        raise UsageError(f"--to onnx requires the package {error.name}: pip install onnx") from error
    try:
        model = onnx_model(trained.net, trained.preprocessing, exported_metadata(trained))
    except ValueError as error:
        raise UsageError(f"{trained.checkpoint}: {error}: export it with --to safetensors or --to torch") from error
    write_durably(output, model.SerializeToString())
    dtype = next(trained.net.parameters()).dtype
    return onnx_source(trained.preprocessing, str(dtype).removeprefix("torch."), str(output))


def _write_weights_of(trained: "TrainedNetwork", output: Path) -> str | None:
    """Write the weights; return a program that builds the network and loads them, if there can be one."""
    from torchnet.exporting.torch_source import torch_source
    from torchnet.runs.exported import exported_metadata, network_metadata

    metadata, printed = exported_metadata(trained) | {"network": network_metadata(trained)}, None
    try:
        metadata["source"], printed = (
            torch_source(trained.net, trained.preprocessing, _LOAD[output.suffix].format(path=path))
            for path in (output.name, str(output))
        )
    except ValueError as error:
        print(f"without a program that runs the weights: {error}")
    _write_weights(trained.net.state_dict(), output, metadata)
    return printed


def _write_weights(weights: "dict[str, Tensor]", output: Path, metadata: dict[str, str]) -> None:
    """Write weights: as safetensors with metadata, or as a `state_dict` for torch.load."""
    import torch

    from torchnet.storage import plain, write_durably, write_weights

    if output.suffix == ".safetensors":
        write_weights(output, weights, metadata)
    else:
        archive = io.BytesIO()
        torch.save(plain(weights), archive)
        write_durably(output, archive.getvalue())
