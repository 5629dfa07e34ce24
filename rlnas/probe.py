"""`Probe`: what a network does on a few training samples, and what its gradient asks for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rlnas import kernels
from rlnas.datasets import Dataset
from rlnas.network import VALUE, SparseNetwork

PROBE_SIZE = 256


@dataclass(frozen=True, eq=False)
class Probe:
    """Activations and gradients of one network on some samples, at its last weights.

    Attributes:
        activations: float32 `[units, samples]`.
        deltas: float32 `[rows, samples]`, d(mean loss)/d(pre-activation).
        stops: int32 `[rows]`, the number of units earlier than each row's layer.
    """

    activations: np.ndarray
    deltas: np.ndarray
    stops: np.ndarray

    @cached_property
    def gradients(self) -> np.ndarray:
        """float32 `[rows, units]`: d(mean loss)/d(weight) of every possible connection.

        Entries that no connection may have (same or later layer) are zero.
        """
        gradients = np.zeros((self.deltas.shape[0], self.activations.shape[0]), np.float32)
        kernels.correlate(self.deltas, self.activations, self.stops, gradients)
        return gradients

    @cached_property
    def means(self) -> np.ndarray:
        """float32 `[units]`: mean activation of each unit."""
        return self.activations.mean(axis=1)


def probe(network: SparseNetwork, dataset: Dataset, samples: np.ndarray) -> Probe:
    """Run the network forward and backward on some samples, without training it.

    Args:
        network: the network.
        dataset: where the samples are.
        samples: int32 `[n]`, rows of the data set.
    """
    n = samples.size
    rows = network.units.shape[1]
    activations = np.empty((network.n_units, n), np.float32)
    deltas = np.empty((rows, n), np.float32)
    inputs = np.arange(network.n_inputs, dtype=np.int32)
    kernels.gather(dataset.features, samples, inputs, dataset.mean, dataset.scale, activations)
    weights, biases = network.connections[VALUE], network.units[VALUE]
    n_hidden = network.n_hidden
    kernels.forward(network.indptr, network.indices, weights, biases, n_hidden, activations, n)
    kernels.cross_entropy(
        activations[network.n_inputs + n_hidden :],
        dataset.labels[samples],
        deltas[n_hidden:],
        np.empty((2, n), np.float32),
        n,
    )
    kernels.backward(
        network.indptr,
        network.compact.hidden_start,
        network.indices,
        weights,
        n_hidden,
        activations,
        deltas,
        n,
        np.empty(network.active_weights, np.float32),
        np.empty(rows, np.float32),
    )
    stops = network.starts[network.unit_layers[network.n_inputs :]].astype(np.int32)
    return Probe(activations, deltas, stops)
