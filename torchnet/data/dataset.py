"""A data set as its files hold it: verified arrays of inputs and targets."""

from dataclasses import dataclass

import numpy as np

from torchnet.data.inputs import Columns


class DataError(ValueError):
    """A data file is missing, corrupt or malformed. The message names the file and the fault."""

    exit_code = 65


@dataclass(frozen=True)
class Dataset:
    """Samples and their targets, in a training set and a test set.

    Inputs are images (n, height, width), (n, height, width, channels) or (n, channels, height, width) with 1 or 3
    channels, rows of numbers (n, features), or the columns of a table. Targets are the labels of classes (integers,
    booleans or text), or floating-point quantities.

    Attributes:
        source: where the data come from, for messages.
        train_inputs: the inputs of the training set.
        train_targets: (n,), or (n, K) quantities.
        test_inputs: the inputs of the test set; None if one has to be split off.
        test_targets: the targets of the test set; None if one has to be split off.
        target_names: the names of the quantities.
        is_digits: whether the images are handwritten digits; None if that has to be seen from them.
    """

    source: str
    train_inputs: np.ndarray | Columns
    train_targets: np.ndarray
    test_inputs: np.ndarray | Columns | None = None
    test_targets: np.ndarray | None = None
    target_names: tuple[str, ...] = ("target",)
    is_digits: bool | None = None


def verify(
    source: object,
    train_inputs: np.ndarray,
    train_targets: np.ndarray,
    test_inputs: np.ndarray | None = None,
    test_targets: np.ndarray | None = None,
    is_digits: bool | None = None,
) -> Dataset:
    """Check arrays that were read from `source`; return them as a Dataset.

    Nothing is copied, but pixels that are stored as larger integers than they need.

    Raises:
        DataError: if shapes, types or counts are wrong or disagree.
    """
    inputs, targets = _inputs(source, "training", train_inputs), _targets(source, "training", train_targets)
    _expect_count(source, "training", inputs, targets)
    test: tuple[np.ndarray, np.ndarray] | tuple[None, None] = (None, None)
    if test_inputs is not None and test_targets is not None:
        test = _inputs(source, "test", test_inputs), _targets(source, "test", test_targets)
        _expect_count(source, "test", *test)
        _expect_same(source, "inputs", inputs, test[0])
        _expect_same(source, "targets", targets, test[1])
    names = tuple(f"target {k}" for k in range(targets.shape[1])) if targets.ndim == 2 else ("target",)
    return Dataset(str(source), inputs, targets, test[0], test[1], names, is_digits)


def _inputs(source: object, part: str, inputs: np.ndarray) -> np.ndarray:
    if inputs.dtype.kind not in "uif" or inputs.dtype.itemsize > 8:
        raise DataError(
            f"{source}: expected {part} inputs that are numbers, uint8 or floating point, got {inputs.dtype}"
        )
    if inputs.ndim < 2 or 0 in inputs.shape or not _is_image_shape(inputs.shape[1:]):
        raise DataError(
            f"{source}: expected {part} inputs of shape (n, features), (n, height, width), or with 1 or 3 channels "
            f"first or last, without a 0, got {inputs.shape}"
        )
    if inputs.ndim == 4:  # one channel is none
        inputs = inputs[..., 0] if inputs.shape[-1] == 1 else inputs[:, 0] if inputs.shape[1] == 1 else inputs
    is_large = inputs.dtype.kind in "ui" and inputs.dtype != np.uint8
    if is_large and inputs.ndim > 2 and inputs.min() >= 0 and inputs.max() <= 255:
        return inputs.astype(np.uint8)
    return inputs


def _is_image_shape(shape: tuple[int, ...]) -> bool:
    return len(shape) in (1, 2) or (len(shape) == 3 and (shape[-1] in (1, 3) or shape[0] in (1, 3)))


def _targets(source: object, part: str, targets: np.ndarray) -> np.ndarray:
    kind = targets.dtype.kind
    if kind not in "biufU" or (kind == "f" and targets.dtype.itemsize > 8):
        raise DataError(f"{source}: expected {part} targets that are numbers, text or booleans, got {targets.dtype}")
    if targets.ndim not in (1, 2) or 0 in targets.shape:
        raise DataError(
            f"{source}: expected {part} targets of shape (n,), one per sample, or (n, K), got {targets.shape}"
        )
    if targets.ndim == 2 and targets.shape[1] == 1:
        return targets[:, 0]
    if targets.ndim == 2 and kind != "U" and _are_one_hot(targets):
        raise DataError(f"{source}: expected {part} labels of shape (n,), got one-hot rows: store y.argmax(axis=1)")
    return targets


def _are_one_hot(rows: np.ndarray) -> bool:
    return bool(((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all())


def _expect_count(source: object, part: str, inputs: np.ndarray, targets: np.ndarray) -> None:
    if len(inputs) != len(targets):
        raise DataError(
            f"{source}: expected one target per sample, got {len(inputs)} {part} inputs and {len(targets)} targets"
        )


def _expect_same(source: object, what: str, train: np.ndarray, test: np.ndarray) -> None:
    """Raise a DataError unless the training and the test set have the same kind of inputs or targets."""
    if train.shape[1:] != test.shape[1:]:
        raise DataError(
            f"{source}: expected training and test {what} of one size, got {train.shape[1:]} and {test.shape[1:]}"
        )
    kinds = ["number" if it.dtype.kind in "iuf" else it.dtype.kind for it in (train, test)]
    if kinds[0] != kinds[1] or (what == "inputs" and (train.dtype == np.uint8) != (test.dtype == np.uint8)):
        raise DataError(f"{source}: expected training and test {what} of one type, got {train.dtype} and {test.dtype}")


def stratified_split(labels: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of two parts of a set: the second is a fraction of it, with the same class frequencies.

    The split depends only on the labels and the fraction, not on the seed of a run.

    Shape:
        labels: (n,).
        returns: two increasing index arrays that together are 0..n-1.

    Raises:
        ValueError: if a part has no sample of some class.
    """
    return _split(len(labels), fraction, labels)


def random_split(n: int, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of two parts of a set of n samples, as `stratified_split` does, without regard to labels.

    Raises:
        ValueError: if a part is empty.
    """
    return _split(n, fraction, None)


def _split(n: int, fraction: float, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split  # here, since the import takes seconds

    first, second = train_test_split(np.arange(n), test_size=fraction, stratify=labels, random_state=0)
    return np.sort(first), np.sort(second)
