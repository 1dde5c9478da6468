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
    BASELINE: "torchnet, fused",
    "torchnet_bfloat16": "torchnet, fused, bfloat16",
    "torchnet_captured": "torchnet, captured",
    "torchnet_eager": "torchnet, eager",
    "train_py": "python train.py",
    "products": "products alone",
    "jax_scan": "JAX, jit and scan",
    "autograd": "autograd, matched",
    "autograd_compiled": "autograd, torch.compile",
    "lightning_docs": "Lightning, as its docs teach",
    "scikit_learn": "scikit-learn MLPClassifier",
    "numpy_reference": "NumPy reference, float64",
}

OWN = tuple(name for name in PEERS if name.startswith(("torchnet", "train_py")))  # the peers that are torchnet

# What is printed below the table: the median of the first peer relative to that of the second.
RATIOS = (
    ("jax_scan", BASELINE),
    ("autograd", BASELINE),
    ("torchnet_captured", BASELINE),
    (BASELINE, "products"),
    (BASELINE, "torchnet_bfloat16"),
    ("train_py", BASELINE),
)

# Recipes for the same accuracy: the module, and its number of epochs.
RECIPES = {"notebook_yaml": 60, "fast_yaml": 7}
