"""An architecture: the width and density of each hidden layer, and making a network of one."""

from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np

from rlnas.errors import InputError
from rlnas.network import SparseNetwork, random_network

Architecture = tuple[tuple[int, float], ...]
"""`(width, density)` of each hidden layer from the input side; `()` is a linear classifier.

The density of a hidden layer is the share of active weights between it and the layer before; the
output layer is dense.
"""


def check_architecture(
    architecture: Iterable[Iterable[float]], max_depth: int, max_width: int
) -> Architecture:
    """The architecture, as tuples.

    Args:
        architecture: `(width, density)` of each hidden layer, as tuples or lists.
        max_depth: hidden layers it may have.
        max_width: neurons a hidden layer may have.

    Raises:
        InputError: it has too many layers, or a width or density is out of range.
    """
    try:
        layers = tuple((width, density) for width, density in architecture)
        usable = len(layers) <= max_depth and all(
            isinstance(width, Integral)
            and 1 <= width <= max_width
            and isinstance(density, Real)
            and 0 < density <= 1
            for width, density in layers
        )
    except (TypeError, ValueError):
        usable = False
    if not usable:
        raise InputError(
            f"architecture {architecture} cannot be used: expected (width, density) of each of up "
            f"to {max_depth} hidden layers, widths from 1 to {max_width}, densities above 0 and "
            "at most 1"
        )
    return tuple((int(width), float(density)) for width, density in layers)


def new_network(
    architecture: Architecture, n_inputs: int, n_outputs: int, rng: np.random.Generator
) -> SparseNetwork:
    """A random network of an architecture.

    Args:
        architecture: `(width, density)` of each hidden layer.
        n_inputs: features.
        n_outputs: classes.
        rng: source of randomness.
    """
    widths, densities = [layer[0] for layer in architecture], [layer[1] for layer in architecture]
    return random_network((n_inputs, *widths, n_outputs), (*densities, 1.0), rng)
