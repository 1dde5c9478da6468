"""The order of the samples in an epoch.

An order is a function: epoch (from 0) -> indices into the training set, in training order. It depends only on the seed
and the epoch. It has no state, so a resumed run needs none.
"""

from collections.abc import Callable

import numpy as np

from torchnet import reference

Order = Callable[[int], np.ndarray]


def shuffled(num_samples: int, seed: int) -> Order:
    """Shuffle every epoch differently, with a generator seeded with (seed, epoch)."""
    return lambda epoch: np.random.default_rng((seed, epoch)).permutation(num_samples)


def notebook(labels: np.ndarray, batch_size: int, seed: int) -> Order:
    """Reproduce the notebook: stack the digits in its order, shuffle once, and reuse that order in every epoch.

    Each epoch omits the samples that do not fill a mini-batch, and always the very last sample.

    Args:
        labels: (n,), sorted by label, and within a label in the order of the file.
        batch_size: samples per mini-batch.
        seed: the seed of NumPy's legacy generator, which draws the permutation.
    """
    n = len(labels)
    permutation = np.random.RandomState(seed).permutation(n)[: min(n // batch_size * batch_size, n - 1)]
    indices = reference.notebook_order(labels)[permutation]
    return lambda epoch: indices


def fixed(order: Order) -> Order:
    """Repeat the order of the first epoch in every epoch."""
    indices = order(0)
    return lambda epoch: indices


ORDERS = ("shuffled", "notebook")
