"""From a data set as its files hold it to the inputs and targets of training: split, learn the preprocessing, encode.

Nothing large is copied more than once: parts of a data set are rows of arrays that they share.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from torchnet.choices import expect_one_of
from torchnet.data.dataset import DataError, Dataset, random_split, stratified_split
from torchnet.data.inputs import Inputs, Pixels, Table
from torchnet.data.learn_inputs import learn_inputs
from torchnet.data.memory import expect_fits
from torchnet.data.preprocessing import MISSING, Preprocessing
from torchnet.data.targets import Classes, Targets, learn_classes, learn_quantities

_HASHED_AT_ONCE = 8192  # samples
TASKS = ("auto", "classification", "regression")
_MOST_CLASSES = 10_000


class SplitError(ValueError):
    """A data set cannot be split into these fractions. The message names the option."""


@dataclass(frozen=True)
class Part:
    """A part of a data set: rows of arrays, which parts share.

    Shape:
        inputs: (n, ...) uint8, or floating point.
        targets: (n,) int64, or (n, K) float64.
        rows: (m,) int64, the samples that belong to the part, in an order that does not depend on the file format.
    """

    inputs: np.ndarray
    targets: np.ndarray
    rows: np.ndarray

    def sha256(self) -> str:
        """Return the SHA-256 of the samples, in their order."""
        digest = hashlib.sha256()
        for array in (self.inputs, self.targets):
            digest.update(f"{(len(self.rows), *array.shape[1:])}".encode())
            for start in range(0, len(self.rows), _HASHED_AT_ONCE):
                digest.update(np.ascontiguousarray(array[self.rows[start : start + _HASHED_AT_ONCE]]).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class PreparedData:
    """The parts "train", "test" and, if there is one, "val" of a data set, with the preprocessing of the network.

    The notices are sentences about what the user may not expect.
    """

    parts: dict[str, Part]
    preprocessing: Preprocessing
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preparation:
    """How a data set is prepared.

    Attributes:
        task: classification, regression, or auto: regression if the targets are floating-point numbers.
        missing: what becomes of missing values in columns: refuse, mean or indicator (NumericColumn).
        test_fraction: the fraction of the samples that is split off for testing, if there is no test set.
        validation_fraction: the fraction of the training set that is set aside for validation; 0 for none.
        dtype: the dtype of inputs that are not bytes.
    """

    task: str = "auto"
    missing: str = "refuse"
    test_fraction: float = 0.2
    validation_fraction: float = 0.0
    dtype: str = "float32"

    def __post_init__(self) -> None:
        expect_one_of("task", self.task, TASKS)
        expect_one_of("missing", self.missing, MISSING)
        if not 0 < self.test_fraction < 1:
            raise ValueError(f"test_fraction: expected a number between 0 and 1, got {self.test_fraction}")
        if not 0 <= self.validation_fraction < 1:
            raise ValueError(
                f"validation_fraction: expected a number from 0 to below 1, got {self.validation_fraction}"
            )


def prepare(data: Dataset, how: Preparation, known: Preprocessing | None = None) -> PreparedData:
    """Split a data set, learn the preprocessing on its training set, and encode all of it.

    Samples of classes are ordered by label, and within a label by the file: every file format can give this order
    (mnist_all.mat stores no other), so a run gives the same numbers for all of them.

    Args:
        data: the data set.
        how: how it is prepared.
        known: the preprocessing of a trained network, used as it is; None to learn one.

    Raises:
        DataError: if the data do not fit the task, or `known`.
    """
    try:
        classifies = known.task == "classification" if known else _classifies(data, how.task)
        train_targets = _as_targets(data.train_targets, classifies, data.source)
        test_targets = train_targets
        if data.test_targets is not None:
            test_targets = _as_targets(data.test_targets, classifies, data.source)
        rows = _rows(train_targets, test_targets if data.test_targets is not None else None, classifies, how)
        if known is None:
            learned = train_targets[rows["train"]]
            targets = learn_classes(learned) if classifies else learn_quantities(learned, data.target_names)
            _expect_few_classes(targets, len(learned))
            known = Preprocessing(learn_inputs(data, rows["train"], targets, how.missing), targets)
        dtype = np.dtype(how.dtype)
        _expect_fits(data, known.inputs, dtype)
        inputs, encoded = known.inputs.encode(data.train_inputs, dtype), known.targets.encode(train_targets)
        parts = {split: Part(inputs, encoded, rows[split]) for split in rows}
        if data.test_inputs is not None:
            test = known.inputs.encode(data.test_inputs, dtype), known.targets.encode(test_targets)
            parts["test"] = Part(*test, rows["test"])
    except ValueError as error:
        if isinstance(error, SplitError) or str(error).startswith(data.source):
            raise
        raise DataError(f"{data.source}: {error}") from error
    notices: list[str] = []
    for samples in (data.train_inputs, data.test_inputs):
        if isinstance(known.inputs, Table) and isinstance(samples, Mapping):
            notices += known.inputs.unknown_categories(samples)
    return PreparedData(parts, known, tuple(notices))


def _classifies(data: Dataset, task: str) -> bool:
    """Return whether targets are classes: all but floating-point numbers, unless the task says so."""
    return task == "classification" if task != "auto" else data.train_targets.dtype.kind != "f"


def _as_targets(targets: np.ndarray, classifies: bool, source: str) -> np.ndarray:
    """Return targets as labels of classes, or as quantities in float64."""
    kind = targets.dtype.kind
    if kind == "O" and (is_missing := np.array([it is None for it in targets])).any():
        raise DataError(f"{source}: expected a target in every row, got none in row {int(is_missing.argmax()) + 1}")
    if kind == "f" and not (is_finite := np.isfinite(targets).reshape(len(targets), -1).all(axis=1)).all():
        row = int((~is_finite).argmax())
        raise DataError(f"{source}: expected a finite target in every row, got {targets[row]} in row {row + 1}")
    if not classifies:
        if kind not in "biuf":
            raise DataError(
                f"{source}: expected numbers as targets of a regression, got text such as {targets[0]!s:.40}"
            )
        return targets.astype(np.float64, copy=False)
    if targets.ndim != 1:
        raise DataError(
            f"{source}: expected one label per sample, (n,), got targets of shape {targets.shape}: for several "
            "quantities set --data.task regression"
        )
    if kind == "f":
        if not (is_whole := (targets == np.rint(targets)) & (abs(targets) < 2**53)).all():
            raise DataError(
                f"{source}: expected whole numbers, text or booleans as labels of classes, got "
                f"{targets[(~is_whole).argmax()]:g}: for quantities set --data.task regression"
            )
        return targets.astype(np.int64)
    return targets.astype(str) if kind == "O" else targets


def _expect_few_classes(classes: Targets, samples: int) -> None:
    if isinstance(classes, Classes) and classes.width > _MOST_CLASSES:
        raise DataError(
            f"expected at most {_MOST_CLASSES:,} classes, got {classes.width:,} in {samples:,} samples: if the target "
            "is a quantity, set --data.task regression"
        )


def _expect_fits(data: Dataset, inputs: Inputs, dtype: np.dtype) -> None:
    """Raise a DataError unless there is memory for the inputs that are encoded; bytes are used as they are."""
    is_used_as_it_is = isinstance(inputs, Pixels) and inputs.is_scaled_in_steps
    if not (is_used_as_it_is and isinstance(data.train_inputs, np.ndarray) and data.train_inputs.dtype == np.uint8):
        samples = len(data.train_targets) + (0 if data.test_targets is None else len(data.test_targets))
        expect_fits(data.source, samples * inputs.in_features * dtype.itemsize)


def _rows(train: np.ndarray, test: np.ndarray | None, classifies: bool, how: Preparation) -> dict[str, np.ndarray]:
    """Return the rows of each part of a data set."""
    rows = {"train": np.argsort(train, kind="stable") if classifies else np.arange(len(train))}
    if test is None:
        rows["train"], rows["test"] = _parted("test_fraction", train, rows["train"], how.test_fraction, classifies)
    if how.validation_fraction > 0:
        fraction = how.validation_fraction
        rows["train"], rows["val"] = _parted("validation_fraction", train, rows["train"], fraction, classifies)
    if test is not None:
        rows["test"] = np.argsort(test, kind="stable") if classifies else np.arange(len(test))
    return {split: rows[split] for split in ("train", "val", "test") if split in rows}


def _parted(
    option: str, targets: np.ndarray, rows: np.ndarray, fraction: float, classifies: bool
) -> tuple[np.ndarray, np.ndarray]:
    hint = ": if the target is a quantity, set --data.task regression" if targets.dtype.kind in "iuf" else ""
    if classifies:
        names, counts = np.unique(targets[rows], return_counts=True)
        if counts.min() < 2:
            raise SplitError(
                f"{option} {fraction}: expected at least 2 samples of each class, to split them, got 1 of "
                f"{names[counts.argmin()]!s:.40}{hint}"
            )
    try:
        split = stratified_split(targets[rows], fraction) if classifies else random_split(len(rows), fraction)
    except ValueError as error:
        raise SplitError(f"{option} {fraction}: {error}{hint if classifies else ''}") from error
    if not classifies and len(split[1]) < 2:  # of which there is no variance, and no R²
        raise SplitError(f"{option} {fraction}: expected at least 2 samples, got 1 of {len(rows)}: choose a larger one")
    return rows[split[0]], rows[split[1]]
