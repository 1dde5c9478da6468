"""The peers: one module each, with a function `train(task, laps)`.

`laps(weights)` yields the number of each epoch that is to be trained; the clock runs from there until the next one is
asked for. `weights` returns the weights as they are then.
"""

from collections.abc import Callable, Iterator

from benchmarks.task import Weights

Laps = Callable[[Callable[[], Weights]], Iterator[int]]

BASELINE = "torchnet"  # what the others are compared with

# The module, which is the name on the command line: the label in the table.
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

OWN = (BASELINE, "torchnet_bfloat16", "train_py")  # torchnet itself

# Recipes for the same accuracy: the module, and the epochs that it is given.
RECIPES = {"notebook_yaml": 60, "fast_yaml": 7}
