"""A data set: verified arrays of images and labels."""

from dataclasses import dataclass

import numpy as np

NUM_CLASSES = 10


class DataError(ValueError):
    """A data file is missing, corrupt or malformed. The message names the file and the fault."""

    exit_code = 65


@dataclass(frozen=True)
class Dataset:
    """Images of the digits 0..9 and their labels, in a training set and a test set.

    Pixels are uint8, 0..255. Mini-batches are converted to floating point on the device.

    Shape:
        train_images: (n, height, width) uint8, or (n, features).
        train_labels: (n,) int64.
        test_images: (m, height, width) uint8, or (m, features).
        test_labels: (m,) int64.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    @property
    def in_features(self) -> int:
        """The number of pixels per image."""
        return int(np.prod(self.train_images.shape[1:]))

    @property
    def num_classes(self) -> int:
        return NUM_CLASSES

    def by_label(self) -> "Dataset":
        """Return the samples sorted by label, and within a label in the order of the file.

        Every file format of a data set can give this order (mnist_all.mat stores no other). A run therefore gives the
        same numbers for all formats.
        """
        train, test = np.argsort(self.train_labels, kind="stable"), np.argsort(self.test_labels, kind="stable")
        return Dataset(
            self.train_images[train], self.train_labels[train], self.test_images[test], self.test_labels[test]
        )


def verify(
    source: object, train_images: np.ndarray, train_labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> Dataset:
    """Check arrays that were read from `source`; return them as a Dataset, with integer labels converted to int64.

    Raises:
        DataError: if pixels are not uint8, shapes or counts disagree, labels are not 0..9, or a class is missing.
    """
    for split, images, labels in (("training", train_images, train_labels), ("test", test_images, test_labels)):
        if images.dtype != np.uint8:
            raise DataError(f"{source}: expected {split} pixels of type uint8 (0..255), got {images.dtype}")
        if images.ndim < 2 or 0 in images.shape or labels.shape != images.shape[:1]:
            raise DataError(
                f"{source}: expected {split} images of shape (n, height, width), without a 0, and labels of shape "
                f"(n,), one per image, got {images.shape} and {labels.shape}"
            )
        if not np.issubdtype(labels.dtype, np.integer):
            raise DataError(f"{source}: expected integers as {split} labels, got {labels.dtype}")
        classes = {*np.unique(labels).tolist()}
        if unknown := sorted(classes - {*range(NUM_CLASSES)}):
            raise DataError(f"{source}: expected {split} labels in 0..{NUM_CLASSES - 1}, got {unknown[0]}")
        if missing := sorted({*range(NUM_CLASSES)} - classes):
            raise DataError(f"{source}: expected {split} images of every class, got none of class {missing[0]}")
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{source}: expected training and test images of one size, "
            f"got {train_images.shape[1:]} and {test_images.shape[1:]}"
        )
    return Dataset(train_images, train_labels.astype(np.int64), test_images, test_labels.astype(np.int64))


def stratified_split(labels: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of two parts of a set: the second is a fraction of it, with the same class frequencies.

    The split depends only on the labels and the fraction, not on the seed of a run.

    Shape:
        labels: (n,).
        returns: two increasing index arrays that together are 0..n-1.

    Raises:
        ValueError: if a part has no sample of some class.
    """
    from sklearn.model_selection import train_test_split  # here, since the import takes seconds

    first, second = train_test_split(np.arange(len(labels)), test_size=fraction, stratify=labels, random_state=0)
    return np.sort(first), np.sort(second)
