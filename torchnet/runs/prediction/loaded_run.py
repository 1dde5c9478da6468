"""The way back from a run to Python: `torchnet.load`."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchnet.data import Classes, Pixels, Quantities, Table
from torchnet.network import Network
from torchnet.reporting import read_report
from torchnet.runs.errors import UsageError
from torchnet.runs.exported import SUFFIX, load_exported
from torchnet.runs.folders import LAST, RUNS, FoundCheckpoint, find_run, find_trained, run_of
from torchnet.runs.load_network import TrainedNetwork, load_network
from torchnet.runs.prediction.run_table import run_table
from torchnet.step import scale_pixels
from torchnet.storage import CheckpointError

_REPORT = "report.json"
_AT_ONCE = 8192  # samples that pass through the network together
_MOST_NAMES = 10  # in a representation


class LoadedRun:
    """A trained network, with what turns raw data into its inputs, and its outputs into answers.

    Raw data are what the network was trained on: images (N, height, width) with or without channels, as bytes or in the
    range of the data; rows of numbers (N, features); the columns of a table by name, in a dict or a data frame of
    pandas or polars, with NaN or None where a value is missing. A dict of single values is one row.

    Attributes:
        net: the network in evaluation mode, from prepared inputs to outputs.
        preprocessing: of inputs and targets.
        classes: the labels of the classes as they are in the data; None for a regression.
        name: the name of the run.
        steps: the completed steps of training.
        path: the file that was loaded.
    """

    def __init__(self, trained: TrainedNetwork) -> None:
        self.net: Network = trained.net
        self.preprocessing = trained.preprocessing
        self.name, self.steps, self.path = trained.name, trained.steps, trained.checkpoint
        targets = trained.preprocessing.targets
        self.classes: list[Any] | None = targets.labels.tolist() if isinstance(targets, Classes) else None

    def __call__(self, samples: Any) -> np.ndarray:
        """Return the logits for raw data, (N, C); of a regression the quantities in their units, (N, K).

        Raises:
            ValueError: if the data have another shape, or other columns, than the network was trained on.
        """
        outputs = self.outputs(self.encoded(samples))
        targets = self.preprocessing.targets
        return targets.decode(outputs) if isinstance(targets, Quantities) else outputs

    def predict(self, samples: Any) -> np.ndarray:
        """Return the most probable label for each sample, (N,); of a regression the quantities, (N,) or (N, K)."""
        outputs = self(samples)
        targets = self.preprocessing.targets
        if isinstance(targets, Classes):
            return targets.labels[outputs.argmax(axis=1)]
        return outputs[:, 0] if targets.width == 1 else outputs

    def predict_proba(self, samples: Any) -> np.ndarray:
        """Return the probability of each class, (N, C) float64, in the order of `classes`."""
        if self.classes is None:
            raise ValueError("predict_proba: expected a network of classes, got a regression: use predict")
        return self.answers(self.encoded(samples))

    def encoded(self, samples: Any) -> np.ndarray:
        """Return raw data as the inputs of the network: images of bytes as they are, else numbers of its dtype."""
        inputs, raw = self.preprocessing.inputs, _raw(samples)
        if isinstance(inputs, Pixels):
            raw = _images(raw, inputs)
        encoded = inputs.encode(raw, _numpy_dtype(self.net))
        if len(encoded) == 0:
            raise ValueError(f"expected at least one sample, got {encoded.shape}")
        return encoded

    def outputs(self, encoded: np.ndarray) -> np.ndarray:
        """Return the outputs of the network for its inputs."""
        dtype, outputs = next(self.net.parameters()).dtype, []
        with torch.no_grad():
            for start in range(0, len(encoded), _AT_ONCE):
                part = np.require(encoded[start : start + _AT_ONCE], requirements=["C", "W"])  # as torch wants them
                outputs.append(self.net(scale_pixels(torch.from_numpy(part), dtype)))
        return torch.cat(outputs).numpy()

    def answers(self, encoded: np.ndarray) -> np.ndarray:
        """Return, for inputs of the network, the probability of each class, or the quantities in their units."""
        outputs, targets = self.outputs(encoded), self.preprocessing.targets
        if isinstance(targets, Quantities):
            return targets.decode(outputs)
        return torch.from_numpy(outputs).double().softmax(dim=1).numpy()

    def report(self) -> dict[str, Any]:
        """Return the results of the run, which report.json in its folder holds.

        Raises:
            UsageError: if there is none; DataError: if the file holds something else.
        """
        path = run_of(self.path) / _REPORT
        if self.path.suffix == SUFFIX or not path.is_file():
            raise UsageError(f"{path}: expected the results of the run of {self.path}, found none: load the run itself")
        return read_report(path)

    def __repr__(self) -> str:
        targets = self.preprocessing.targets
        what = f"{targets.width} classes" if isinstance(targets, Classes) else "quantities"
        return (
            f"<run {self.name} after {self.steps:,} steps, {self.path}: {_described(self.preprocessing.inputs)} -> "
            f"{what} {_some(targets.names)}>"
        )

    def _repr_html_(self) -> str:
        return run_table(self)


def load(named: str | Path = LAST, root: str | Path = RUNS, name: str = "*", trust: bool = False) -> LoadedRun:
    """Return the trained network of a run, which takes raw data.

        run = torchnet.load("last")
        labels = run.predict(images)

    Args:
        named: last, for the newest run, with the weights that its report is about: the best ones, if it has a
            validation split; last:NAME; the folder of a run; a checkpoint; or a safetensors file that `python -m
            torchnet export` wrote.
        root: the folder of all runs.
        name: the name of the runs that last and best choose from; "*" for any.
        trust: whether layers that are not torchnet's may be imported, which runs the code of whoever made the run.

    Raises:
        CheckpointError: if there is no such checkpoint, or it is corrupt; DataError or UsageError: if the configuration
            of its run is invalid, or missing.
    """
    return LoadedRun(find_network(str(named), Path(root), name, find_trained, trust))


def find_network(
    named: str, root: Path, name: str = "*", find: Callable[..., FoundCheckpoint] = find_run, trust: bool = False
) -> TrainedNetwork:
    """Return the network that a word or a path names; `find` looks for its checkpoint."""
    if Path(named).suffix == SUFFIX and Path(named).is_file():
        return load_exported(Path(named), trust)
    return load_network(*find(named, root, name), trust)


def expect_finite(place: Path, answers: np.ndarray) -> np.ndarray:
    """Return the answers of the network of a checkpoint.

    Raises:
        CheckpointError: if some are Inf or NaN, as its weights then are.
    """
    if not np.isfinite(answers).all():
        raise CheckpointError(f"{place}: expected a network with finite outputs, got Inf or NaN")
    return answers


def _raw(samples: Any) -> Any:
    """Return samples as an array, or as arrays by the name of their column."""
    if isinstance(samples, Mapping):
        return {str(name): np.atleast_1d(np.asarray(values)) for name, values in samples.items()}
    if hasattr(samples, "columns"):  # a data frame
        return {str(name): np.asarray(samples[name]) for name in samples.columns}
    return np.asarray(samples)


def _images(raw: Any, inputs: Pixels) -> np.ndarray:
    """Return images in the shape in which they are encoded: flat rows are cut, axes of length 1 left out or added."""
    expected = (
        f"images of shape (N, {', '.join(map(str, inputs.shape))}), bytes or from {inputs.low:g} to {inputs.high:g}"
    )
    if isinstance(raw, Mapping):
        raise ValueError(f"expected {expected}, got columns: pass an array")
    if raw.dtype.kind not in "uif":
        raise ValueError(f"expected {expected}, got {raw.dtype}")
    given, wanted = ([size for size in shape if size != 1] for shape in (raw.shape[1:], inputs.shape))
    if raw.ndim < 2 or not (given == wanted or raw.shape[1:] == (inputs.in_features,)):
        hint = ": pass one image as x[None]" if raw.shape == inputs.shape else ""
        raise ValueError(f"expected {expected}, got {raw.shape}{hint}")
    return raw.reshape(-1, *inputs.shape)


def _numpy_dtype(net: Network) -> np.dtype:
    return torch.empty(0, dtype=next(net.parameters()).dtype).numpy().dtype


def _described(inputs: Pixels | Table) -> str:
    if isinstance(inputs, Pixels):
        return f"images {inputs.shape} from {inputs.low:g} to {inputs.high:g}"
    return f"rows with columns {_some([column.name for column in inputs.columns])}"


def _some(names: Collection[str]) -> str:
    shown = ", ".join(name[:60] for name in list(names)[:_MOST_NAMES])
    return shown + (", ..." if len(names) > _MOST_NAMES else "")
