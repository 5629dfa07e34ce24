"""The forward pass of a sparse network layer by layer, in SciPy: in any precision, uncompiled."""

from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array  # imported where it is used: it takes a third of a second


def layer_matrices(
    layer_sizes: tuple[int, ...], indptr: np.ndarray, indices: np.ndarray, weights: np.ndarray
) -> Iterator[tuple[slice, "csr_array"]]:
    """Yield the weights of each layer behind the inputs as a matrix.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        indptr: int32 `[rows + 1]`, as in `rlnas.nn.network.SparseNetwork`.
        indices: int32 `[connections]`, source units.
        weights: float `[connections]`.

    Yields:
        The units of the layer, and its weights, `[units of the layer, units before it]`.
    """
    from scipy.sparse import csr_array

    first = layer_sizes[0]
    for start, stop in pairwise([*accumulate(layer_sizes)]):
        bounds = indptr[start - first : stop - first + 1]
        own = slice(bounds[0], bounds[-1])
        shape = (stop - start, start)
        yield slice(start, stop), csr_array((weights[own], indices[own], bounds - bounds[0]), shape)


def forward(
    layer_sizes: tuple[int, ...],
    indptr: np.ndarray,
    indices: np.ndarray,
    weights: np.ndarray,
    biases: np.ndarray,
    inputs: np.ndarray,
) -> np.ndarray:
    """Activations of all units: ReLU in hidden layers, linear in the output layer.

    Args:
        layer_sizes: Number of inputs, of units in each hidden layer, and of outputs.
        indptr: int32 `[rows + 1]`, as in `rlnas.nn.network.SparseNetwork`.
        indices: int32 `[connections]`, source units.
        weights: float `[connections]`.
        biases: float `[rows]`.
        inputs: float `[inputs, samples]`, standardised.

    Returns:
        `[units, samples]`, in the precision of the weights and the inputs.
    """
    n_units = sum(layer_sizes)
    activations = np.empty((n_units, inputs.shape[1]), np.result_type(weights, biases, inputs))
    activations[: layer_sizes[0]] = inputs
    for units, matrix in layer_matrices(layer_sizes, indptr, indices, weights):
        own_biases = biases[units.start - layer_sizes[0] : units.stop - layer_sizes[0], None]
        sums = matrix @ activations[: units.start] + own_biases
        activations[units] = sums if units.stop == n_units else np.maximum(sums, 0)
    return activations
