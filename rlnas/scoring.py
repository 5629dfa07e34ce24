"""How designs compare: the score, a metric less a price for weights; Pareto fronts."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rlnas.validation import whole

Numbers = TypeVar("Numbers", float, np.ndarray)

REFERENCE_WIDTH = 76
"""Hidden units of the dense one-layer network that weight counts are compared with."""


def reference_weights(n_inputs: int, n_outputs: int) -> int:
    """Number of weights of a dense network with one hidden layer of 76 units.

    On MNIST that is 60,344, about the size reported by Tessera & Rosman 2019.
    """
    return REFERENCE_WIDTH * (whole("n_inputs", n_inputs) + whole("n_outputs", n_outputs))


def score(metric: Numbers, active_weights: Numbers, penalty: float, reference: int) -> Numbers:
    """Value of a metric minus `penalty * active_weights / reference`.

    Args:
        metric: From 0 to 1, usually the accuracy on validation data.
        active_weights: Number of connections.
        penalty: Price of `reference` weights, in units of the metric.
        reference: See `reference_weights`.
    """
    return metric - penalty * active_weights / reference


def non_dominated(accuracies: NDArray[Any], weights: NDArray[Any]) -> NDArray[np.intp]:
    """Indices of the points of the Pareto front, int `[n]`, by ascending weights.

    Args:
        accuracies: What is maximized, float `[points]`.
        weights: What is minimized, float `[points]`.
    """
    order = np.lexsort((-accuracies, weights))
    best_so_far = np.maximum.accumulate(accuracies[order])
    front: NDArray[np.intp] = order[np.diff(best_so_far, prepend=-np.inf) > 0]
    return front
