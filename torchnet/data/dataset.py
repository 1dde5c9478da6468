"""What every source delivers: verified arrays of images and labels."""

from dataclasses import dataclass

import numpy as np

NUM_CLASSES = 10


class DataError(ValueError):
    """A data file is missing, damaged, or not what it should be; the message names the file and the fault."""


@dataclass(frozen=True)
class Dataset:
    """Images of the digits 0..9 with their labels, divided into a training and a test set.

    Pixels are uint8, 0..255; they become floating-point numbers on the device, a mini-batch at a time.

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
        """The number of pixels of an image."""
        return int(np.prod(self.train_images.shape[1:]))

    @property
    def num_classes(self) -> int:
        return NUM_CLASSES

    def by_label(self) -> "Dataset":
        """Return the same samples sorted by label, within a label in the file's order.

        This is the one order that all formats of a data set have in common (mnist_all.mat keeps no other), so that a
        run gives the same numbers whichever it reads.
        """
        train, test = np.argsort(self.train_labels, kind="stable"), np.argsort(self.test_labels, kind="stable")
        return Dataset(
            self.train_images[train], self.train_labels[train], self.test_images[test], self.test_labels[test]
        )


def verify(
    source: object, train_images: np.ndarray, train_labels: np.ndarray, test_images: np.ndarray, test_labels: np.ndarray
) -> Dataset:
    """Return the arrays as a Dataset, labels as int64, once they have been found sound.

    Args:
        source: the file or folder they come from, for the message.
        train_images: as in Dataset, like the others.
        train_labels: integers of any type.
        test_images: as above.
        test_labels: as above.

    Raises:
        DataError: if pixels are not uint8, shapes or counts disagree, labels are not 0..9 or one of them never occurs.
    """
    for split, images, labels in (("training", train_images, train_labels), ("test", test_images, test_labels)):
        if images.dtype != np.uint8:
            raise DataError(f"{source}: expected {split} pixels of type uint8 (0..255), got {images.dtype}")
        if images.ndim < 2 or labels.ndim != 1:
            raise DataError(
                f"{source}: expected {split} images of shape (n, height, width) and labels of shape (n,), "
                f"got {images.shape} and {labels.shape}"
            )
        if len(images) != len(labels):
            raise DataError(f"{source}: {len(images)} {split} images, but {len(labels)} labels")
        if not np.issubdtype(labels.dtype, np.integer):
            raise DataError(f"{source}: expected whole numbers as {split} labels, got {labels.dtype}")
        classes = np.unique(labels)
        if strange := sorted(set(classes.tolist()) - set(range(NUM_CLASSES))):
            raise DataError(f"{source}: expected {split} labels within 0..{NUM_CLASSES - 1}, found {strange[0]}")
        if missing := sorted(set(range(NUM_CLASSES)) - set(classes.tolist())):
            raise DataError(f"{source}: there is no {split} image of class {missing[0]}")
        if 0 in images.shape:
            raise DataError(f"{source}: the {split} images are empty: {images.shape}")
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataError(
            f"{source}: expected training and test images of one size, "
            f"got {train_images.shape[1:]} and {test_images.shape[1:]}"
        )
    return Dataset(train_images, train_labels.astype(np.int64), test_images, test_labels.astype(np.int64))


def stratified_split(labels: np.ndarray, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of two parts of a set, the second a fraction of it, with the same share of each class.

    The division is fixed: it depends on the labels and the fraction alone, never on the seed of a run.

    Shape:
        labels: (n,).
        returns: two increasing index arrays that together are 0..n-1.

    Raises:
        ValueError: if the fraction leaves a part without a sample of each class.
    """
    from sklearn.model_selection import train_test_split  # here: it takes seconds, which a run without it need not wait

    first, second = train_test_split(np.arange(len(labels)), test_size=fraction, stratify=labels, random_state=0)
    return np.sort(first), np.sort(second)
