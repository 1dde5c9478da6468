"""The 8 x 8 digits that scikit-learn brings along: small, but there without a network."""

import numpy as np

from torchnet.data.dataset import Dataset, stratified_split, verify


def load_digits() -> Dataset:
    """Return the 1797 digits, 1437 for training and 360 for testing in a fixed division, pixels scaled to 0..255.

    Source: the UCI set "Optical Recognition of Handwritten Digits", as bundled with scikit-learn.
    """
    from sklearn import datasets  # here: it takes seconds, which no other data should wait for

    bundled = datasets.load_digits()
    images = np.rint(bundled.images * (255 / 16)).astype(np.uint8)  # the bundled pixels are 0..16
    train, test = stratified_split(bundled.target, fraction=0.2)
    return verify("digits", images[train], bundled.target[train], images[test], bundled.target[test])
