"""The score of a design: validation accuracy less a price for its active weights."""

from typing import TypeVar

import numpy as np

from rlnas.validation import whole

Numbers = TypeVar("Numbers", float, np.ndarray)

REFERENCE_WIDTH = 76
"""Hidden units of the dense one-layer network that weight counts are compared with."""


def reference_weights(n_inputs: int, n_outputs: int) -> int:
    """Weights of a dense network with one hidden layer of 76 units.

    On MNIST that is 60,344, about the size reported by Tessera & Rosman 2019.
    """
    return REFERENCE_WIDTH * (whole("n_inputs", n_inputs) + whole("n_outputs", n_outputs))


def score(accuracy: Numbers, active_weights: Numbers, penalty: float, reference: int) -> Numbers:
    """Accuracy minus `penalty * active_weights / reference`.

    Args:
        accuracy: share of correct predictions, usually on validation data.
        active_weights: number of connections.
        penalty: what `reference` weights cost, in accuracy.
        reference: see `reference_weights`.
    """
    return accuracy - penalty * active_weights / reference
