"""Metrics: those of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, recall_score

from rlnas.metrics import balanced_accuracy, majority_share, recalls


@pytest.mark.parametrize("seed", range(5))
def test_recalls_and_balanced_accuracy_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, 5, (2, 60))
    found = recalls(labels, predicted, 5)
    np.testing.assert_allclose(found, recall_score(labels, predicted, average=None))
    assert balanced_accuracy(found) == pytest.approx(balanced_accuracy_score(labels, predicted))


def test_class_without_samples_has_nan_recall_and_is_ignored_in_mean():
    found = recalls(np.array([0, 0, 2, 2]), np.array([0, 1, 2, 2]), 4)
    np.testing.assert_array_equal(found, [0.5, np.nan, 1, np.nan])
    assert balanced_accuracy(found) == 0.75


def test_majority_share_is_accuracy_of_constant_prediction():
    assert majority_share(np.array([1, 1, 1, 0])) == 0.75
