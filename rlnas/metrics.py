"""How good predictions are: pure functions over the truth and predictions."""

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


BINS = 15
"""Parts of equal width that confidences are sorted into, as is usual since Guo et al. 2017."""


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error: how far confidence is from the share of correct predictions.

    The confidence of a sample is the probability of its most probable class. In each of `BINS`
    parts of equal width, the mean confidence is compared with the share of correct predictions;
    the differences are averaged by the numbers of samples (Guo et al. 2017, equation 3).

    Args:
        labels: True classes, int `[samples]`.
        probabilities: Of the classes, float `[samples, n_classes]`.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    gaps = confidence - (probabilities.argmax(axis=1) == labels)
    parts = np.minimum((confidence * BINS).astype(np.intp), BINS - 1)
    return float(np.abs(np.bincount(parts, gaps, minlength=BINS)).sum() / labels.size)


def regression_errors(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Errors of the predictions of one target.

    Args:
        truth: float `[samples]`.
        predicted: float `[samples]`.

    Returns:
        `r2`, 1 - squared error / variance (0 if the truth does not vary); `rmse`, the root of the
        mean squared error; and `mae`, the mean absolute error.
    """
    errors = predicted - truth
    spread = np.square(truth - truth.mean()).sum()
    return {
        "r2": float(1 - np.square(errors).sum() / spread) if spread > 0 else 0.0,
        "rmse": float(np.sqrt(np.square(errors).mean())),
        "mae": float(np.abs(errors).mean()),
    }
