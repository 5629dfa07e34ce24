"""How good predictions are: pure functions over labels and predictions."""

import numpy as np


def recalls(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Share of each class's samples that were predicted correctly.

    Args:
        labels: True classes from 0 to `n_classes` - 1, int `[samples]`.
        predicted: Predicted classes, int `[samples]`.
        n_classes: Number of classes.

    Returns:
        The recalls, float64 `[n_classes]`; NaN for a class without a sample.
    """
    counts = np.bincount(labels, minlength=n_classes)
    correct = np.bincount(labels[labels == predicted], minlength=n_classes)
    shares = np.full(n_classes, np.nan)
    np.divide(correct, counts, out=shares, where=counts > 0)
    return shares


def balanced_accuracy(found: np.ndarray) -> float:
    """Mean of the `recalls` of the classes that have samples."""
    return float(np.nanmean(found))


def majority_share(labels: np.ndarray) -> float:
    """Accuracy of always predicting the most frequent class."""
    return float(np.bincount(labels).max() / labels.size)
