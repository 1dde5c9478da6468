"""The order of the samples in an epoch: a function of (seed, epoch), never a state, so that a resumed run goes on.

An order is a function: epoch (from 0) -> indices into the training set, in the order in which they are trained on.
"""

from collections.abc import Callable

import numpy as np

from torchnet import reference

Order = Callable[[int], np.ndarray]


def shuffled(num_samples: int, seed: int) -> Order:
    """Shuffle anew every epoch, from a generator that is seeded with (seed, epoch)."""
    return lambda epoch: np.random.default_rng((seed, epoch)).permutation(num_samples)


def notebook(labels: np.ndarray, batch_size: int, seed: int) -> Order:
    """Do as the notebook does: stack the digits in its order, shuffle once, and reuse that in every epoch.

    Of each epoch it leaves out what does not fill a mini-batch, and always the very last sample.

    Args:
        labels: (n,), sorted by label (within a label, in the file's order).
        batch_size: samples in a mini-batch.
        seed: of the one permutation, drawn from NumPy's legacy generator.
    """
    n = len(labels)
    permutation = np.random.RandomState(seed).permutation(n)[: min(n // batch_size * batch_size, n - 1)]
    indices = reference.notebook_order(labels)[permutation]
    return lambda epoch: indices


ORDERS = ("shuffled", "notebook")
