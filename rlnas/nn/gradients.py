"""`Probe`: what a network does on a few training samples, and what its gradient asks for."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rlnas.data.datasets import Dataset
from rlnas.errors import InputError
from rlnas.nn import kernels
from rlnas.nn.kernels import compiled
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.training import raw_samples, scratch

PROBE_SIZE = 256

_ZERO = np.float32(0)


class LayerSummary(NamedTuple):
    """Sums over each layer; the entries of the inputs are zero."""

    inactive: np.ndarray  # float64 [layers], largest gradient of a connection that is missing
    active: np.ndarray  # float64 [layers], sum of the squared gradients of those that are there
    firing: np.ndarray  # int64 [layers], how often an activation is positive
    dead: np.ndarray  # int64 [layers], units whose activation never is


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
        correlate(self.deltas, self.activations, self.stops, gradients)
        return gradients

    def summary(self, network: SparseNetwork) -> LayerSummary:
        """What the probed network's gradients ask for and its units do, layer by layer.

        Raises:
            InputError: the probe is of another network.
        """
        self.check_fit(network)
        layers = len(network.layer_sizes)
        sums = LayerSummary(*np.zeros((2, layers)), *np.zeros((2, layers), np.int64))
        summarize(self.gradients, self.activations, network.starts, network.full_index, *sums)
        return sums

    def check_fit(self, network: SparseNetwork) -> None:
        """Raise `InputError` unless the probe has the units of the network."""
        units, rows = self.activations.shape[0], self.deltas.shape[0]
        if (units, rows) != (network.n_units, network.units.shape[1]):
            raise InputError(
                f"the probe is of a network with {units} units, {rows} of them not inputs, but the "
                f"network has {network.n_units} and {network.units.shape[1]}: probe this network"
            )

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
    activations = kernels.aligned(network.n_units, samples.size)
    deltas = kernels.aligned(network.units.shape[1], samples.size)
    kernels.probe(
        raw_samples(dataset),
        samples,
        network.full_index,
        network.connections[VALUE],
        network.units[VALUE],
        scratch(network),
        activations,
        deltas,
    )
    stops = network.starts[network.unit_layers[network.n_inputs :]].astype(np.int32)
    return Probe(activations, deltas, stops)


@compiled
def correlate(deltas, activations, stops, gradient):
    """Mean product of every delta with every earlier activation: the gradient of all connections.

    A connection that does not exist has the gradient it would have at weight zero; growing asks
    for the largest (Evci et al. 2020, RigL).

    Args:
        deltas: float32 `[rows, samples]`.
        activations: float32 `[units, samples]`.
        stops: int32 `[rows]`, the number of units earlier than each row's layer; equal within a
            layer.
        gradient: float32 `[rows, units]`; entries left of the stop are written.
    """
    rows, batch = deltas.shape
    row = 0
    while row < rows:
        width = 1
        if row + 4 <= rows and stops[row] == stops[row + 3]:
            width = 4
        for u in range(stops[row]):
            x = activations[u]
            if width == 4:
                d0 = deltas[row]
                d1 = deltas[row + 1]
                d2 = deltas[row + 2]
                d3 = deltas[row + 3]
                g0 = _ZERO
                g1 = _ZERO
                g2 = _ZERO
                g3 = _ZERO
                for b in range(batch):
                    g0 += d0[b] * x[b]
                    g1 += d1[b] * x[b]
                    g2 += d2[b] * x[b]
                    g3 += d3[b] * x[b]
                gradient[row, u] = g0
                gradient[row + 1, u] = g1
                gradient[row + 2, u] = g2
                gradient[row + 3, u] = g3
            else:
                d = deltas[row]
                g = _ZERO
                for b in range(batch):
                    g += d[b] * x[b]
                gradient[row, u] = g
        row += width


@compiled
def summarize(gradient, activations, starts, index, inactive, active, firing, dead):
    """Sum up, layer by layer, what the gradients ask for and what the units do.

    Args:
        gradient: float32 `[rows, units]`, from `correlate`.
        activations: float32 `[units, samples]`.
        starts: int64 `[layers + 1]`, as in `rlnas.nn.network.SparseNetwork`.
        index: a `rlnas.nn.network.Index`.
        inactive: float64 `[layers]`, receives the largest gradient magnitude of a connection into
            the layer that does not exist, or 0.
        active: float64 `[layers]`, receives the sum of the squared gradients of those that do.
        firing: int64 `[layers]`, receives how often an activation is positive.
        dead: int64 `[layers]`, receives the number of units whose activation never is.
    """
    for layer in range(1, starts.size - 1):
        most = _ZERO
        squares = 0.0
        fired = 0
        silent = 0
        for unit in range(starts[layer], starts[layer + 1]):
            row = unit - index.n_inputs
            start = 0
            for k in range(index.indptr[row], index.indptr[row + 1]):
                column = index.columns[k]
                for u in range(start, column):
                    most = max(most, abs(gradient[row, u]))
                start = column + 1
                squares += gradient[row, column] ** 2
            for u in range(start, starts[layer]):
                most = max(most, abs(gradient[row, u]))
            times = 0
            for b in range(activations.shape[1]):
                times += activations[unit, b] > _ZERO
            fired += times
            silent += times == 0
        inactive[layer] = most
        active[layer] = squares
        firing[layer] = fired
        dead[layer] = silent
