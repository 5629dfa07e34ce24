"""Random networks to start from."""

from itertools import pairwise

import numpy as np

from rlnas.errors import InputError
from rlnas.nn.architecture import Architecture
from rlnas.nn.network import EMA, VALUE, SparseNetwork, from_coordinates
from rlnas.validation import wholes

_DRAWN_AT_ONCE = 2**18  # random numbers; one for each pair of units may not fit in memory


def random_network(
    layer_sizes: tuple[int, ...], density: float | tuple[float, ...], rng: np.random.Generator
) -> SparseNetwork:
    """Make a network whose consecutive layers are connected at random.

    Every unit has `round(density * size of the layer before)` sources, at least one, drawn without
    replacement; a hidden unit without readers is given one, drawn at random. Weights are normal
    with variance 2 / fan-in (He et al. 2015, eq. 10), biases zero.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        density: Share of active weights in (0, 1]; one number for all layers, or a tuple with one
            number for each layer behind the inputs.
        rng: Source of randomness.

    Raises:
        InputError: a size is no whole number from 1, or a density is out of range.
    """
    layer_sizes = wholes("layer sizes", layer_sizes)
    if len(layer_sizes) < 2 or min(layer_sizes) < 1:
        raise InputError(f"layer sizes {layer_sizes} cannot be used: each must be at least 1")
    steps = list(pairwise(layer_sizes))
    densities = density if isinstance(density, tuple) else (density,) * len(steps)
    if len(densities) != len(steps) or not all(0 < value <= 1 for value in densities):
        raise InputError(
            f"density {density} cannot be used: expected a number in (0, 1], or {len(steps)}"
        )
    targets, sources, start = [], [], 0
    for (n_in, n_out), share in zip(steps, densities, strict=True):
        fan_in = max(1, round(share * n_in))
        rows = np.repeat(np.arange(n_out), fan_in)
        some = np.array_split(np.arange(n_out), 1 + n_out * n_in // _DRAWN_AT_ONCE)
        shuffled = (np.argsort(rng.random((units.size, n_in)), axis=1) for units in some)
        columns = np.concatenate([order[:, :fan_in].ravel() for order in shuffled])
        if start > 0:
            unread = np.setdiff1d(np.arange(n_in), columns)
            rows = np.concatenate([rows, rng.integers(n_out, size=unread.size)])
            columns = np.concatenate([columns, unread])
        targets.append(rows + start + n_in)
        sources.append(columns + start)
        start += n_in
    all_targets = np.concatenate(targets)
    n_units = sum(layer_sizes)
    fan_in_of = np.bincount(all_targets, minlength=n_units)
    weights = rng.standard_normal(all_targets.size) * np.sqrt(2 / fan_in_of[all_targets])
    connections = np.zeros((4, all_targets.size), np.float32)
    connections[VALUE] = connections[EMA] = weights
    units = np.zeros((4, n_units - layer_sizes[0]), np.float32)
    return from_coordinates(layer_sizes, all_targets, np.concatenate(sources), connections, units)


def new_network(
    architecture: Architecture, n_inputs: int, n_outputs: int, rng: np.random.Generator
) -> SparseNetwork:
    """Make a random network of an architecture.

    Args:
        architecture: `(width, density)` of each hidden layer.
        n_inputs: Number of features.
        n_outputs: Number of classes.
        rng: Source of randomness.
    """
    widths, densities = [layer[0] for layer in architecture], [layer[1] for layer in architecture]
    return random_network((n_inputs, *widths, n_outputs), (*densities, 1.0), rng)
