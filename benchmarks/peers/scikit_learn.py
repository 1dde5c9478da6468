"""scikit-learn's MLPClassifier, which shuffles the samples itself."""

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.comparison.task import BATCH, LR, SIZES, Task
from benchmarks.peers import TimedEpochs


def train(task: Task, timed_epochs: TimedEpochs) -> None:
    """Train epoch by epoch."""
    model = MLPClassifier(
        hidden_layer_sizes=SIZES[1:-1],
        activation="logistic",
        solver="sgd",
        alpha=0,  # no weight decay
        batch_size=BATCH,
        learning_rate_init=LR,
        momentum=0,
        random_state=np.random.RandomState(task.seed),  # an int would repeat the same order in every epoch
    )
    images, labels = task.train_images.astype(np.float32) / 255, task.train_labels
    model.partial_fit(images[:BATCH], labels[:BATCH], classes=np.arange(SIZES[-1]))  # allocates its arrays
    for coefs, intercepts, (weight, bias) in zip(model.coefs_, model.intercepts_, task.weights(), strict=True):
        coefs[:], intercepts[:] = weight.T, bias
    for _ in timed_epochs(lambda: [(c.T, i) for c, i in zip(model.coefs_, model.intercepts_, strict=True)]):
        model.partial_fit(images, labels)
