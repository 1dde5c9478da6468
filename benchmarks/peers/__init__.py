"""The peers: one module per peer, with a function `train(task, timed_epochs)`.

`timed_epochs(weights)` yields the number of each epoch to train; the time is measured until the next number is
requested. `weights` is a function that returns the current weights.
"""

from collections.abc import Callable, Iterator

from benchmarks.comparison.task import Weights

TimedEpochs = Callable[[Callable[[], Weights]], Iterator[int]]

BASELINE = "torchnet"  # the peer that ratios refer to

# The module, which is also the name on the command line: the label in the table.
PEERS = {
    BASELINE: "torchnet loop",
    "torchnet_bfloat16": "torchnet loop, bfloat16",
    "train_py": "python train.py",
    "autograd": "autograd, matched",
    "autograd_compiled": "autograd, torch.compile",
    "lightning_docs": "Lightning, as its docs teach",
    "scikit_learn": "scikit-learn MLPClassifier",
    "jax_scan": "JAX, jit and scan",
    "numpy_reference": "NumPy reference, float64",
}

OWN = (BASELINE, "torchnet_bfloat16", "train_py")  # the peers that are torchnet

# Recipes for the same accuracy: the module, and its number of epochs.
RECIPES = {"notebook_yaml": 60, "fast_yaml": 7}
