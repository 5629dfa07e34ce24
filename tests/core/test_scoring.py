"""Scores, computed by hand."""

import pytest

from rlnas.data.loading import load_dataset
from rlnas.scoring import reference_weights, score


def test_reference_on_mnist_is_60344():
    assert reference_weights(784, 10) == 60_344


def test_reference_is_dense_layer_of_76_units():
    digits = load_dataset("digits")
    assert reference_weights(digits.n_features, digits.n_classes) == 76 * 64 + 76 * 10
    assert reference_weights(1, 2) == 228


@pytest.mark.parametrize(
    ("accuracy", "active_weights", "penalty", "expected"),
    [
        (0.9786, 60_344, 0.1, 0.8786),
        (0.9786, 30_172, 0.5, 0.7286),
        (0.98, 6_034.4, 1.0, 0.88),
        (0.5, 120_688, 1.0, -1.5),
        (0.75, 60_344, 0.0, 0.75),
        (0.75, 0, 1.0, 0.75),
    ],
)
def test_score_is_accuracy_minus_size_penalty(accuracy, active_weights, penalty, expected):
    assert score(accuracy, active_weights, penalty, 60_344) == pytest.approx(expected)
