"""What a network gets wrong, against scikit-learn and NumPy."""

import numpy as np
import torch
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from torchnet.reporting.mistakes import MOST, confident_mistakes, confusion_matrix, pixels_of

GENERATOR = np.random.default_rng(0)
LABELS = GENERATOR.integers(10, size=400)
LOGITS = GENERATOR.normal(size=(400, 10)) * GENERATOR.uniform(0.5, 5, size=(400, 1)) + 2 * np.eye(10)[LABELS]
IMAGES = GENERATOR.integers(256, size=(400, 5, 4), dtype=np.uint8)


def test_confusion_matrix_matches_scikit_learn():
    predictions = LOGITS.argmax(axis=1)
    predictions[predictions == 3] = 4  # a class that is never predicted
    got = confusion_matrix(torch.from_numpy(predictions), torch.from_numpy(LABELS), num_classes=10)
    assert got == sklearn_confusion_matrix(LABELS, predictions, labels=range(10)).tolist()


def test_the_mistakes_are_those_with_the_largest_wrong_probability():
    got = confident_mistakes(*map(torch.from_numpy, (IMAGES, LOGITS, LABELS)))
    shifted = np.exp(LOGITS - LOGITS.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    wrong = np.flatnonzero(LOGITS.argmax(axis=1) != LABELS)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MOST]
    assert len(got) == MOST
    for mistake, k in zip(got, surest, strict=True):
        assert (mistake["label"], mistake["predicted"]) == (LABELS[k], LOGITS[k].argmax())
        assert np.abs(np.array(mistake["probabilities"]) - probabilities[k]).max() < 1e-15
        assert (pixels_of(mistake) == IMAGES[k]).all()


def test_a_network_without_mistakes_has_none():
    labels = torch.arange(10)
    assert confident_mistakes(torch.zeros((10, 2, 2), dtype=torch.uint8), torch.eye(10), labels) == []
