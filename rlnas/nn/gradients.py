"""`GradientSample`: activations of a network and gradients of all connections on some samples."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rlnas.data.datasets import Dataset
from rlnas.errors import InputError
from rlnas.nn import kernels
from rlnas.nn.denormals import flush_denormals, restore_mode
from rlnas.nn.kernels import compiled
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.structure import Index
from rlnas.nn.training import raw_samples, scratch

GRADIENT_SAMPLE_SIZE = 256

_ZERO = np.float32(0)


class LayerSummary(NamedTuple):
    """Statistics of each layer; the entries of the input layer are zero."""

    inactive: np.ndarray  # float64 [layers], largest gradient magnitude of an inactive connection
    active: np.ndarray  # float64 [layers], sum of the squared gradients of active connections
    firing: np.ndarray  # int64 [layers], number of positive activations
    dead: np.ndarray  # int64 [layers], number of units without a positive activation


@dataclass(frozen=True, eq=False)
class GradientSample:
    """Activations and gradients of a network on some samples, at its last weights.

    Attributes:
        activations: float32 `[units, samples]`, activation of every unit.
        deltas: float32 `[rows, samples]`, d(mean loss)/d(pre-activation) of every hidden and
            output unit.
        stops: int32 `[rows]`, number of units in the layers before the layer of each row.
    """

    activations: np.ndarray
    deltas: np.ndarray
    stops: np.ndarray

    @cached_property
    def gradients(self) -> np.ndarray:
        """float32 `[rows, units]`: d(mean loss)/d(weight) of every possible connection.

        The entries of sources in the same or a later layer, which no connection can have, are zero.
        """
        gradients = np.zeros((self.deltas.shape[0], self.activations.shape[0]), np.float32)
        correlate(self.deltas, self.activations, self.stops, gradients)
        return gradients

    def summary(self, network: SparseNetwork) -> LayerSummary:
        """Statistics of the gradients and activations of each layer.

        Args:
            network: The network that was sampled.

        Raises:
            InputError: another network was sampled.
        """
        self.check_fit(network)
        layers = len(network.layer_sizes)
        sums = LayerSummary(*np.zeros((2, layers)), *np.zeros((2, layers), np.int64))
        summarize(self.gradients, self.activations, network.starts, network.full_index, *sums)
        return sums

    def check_fit(self, network: SparseNetwork) -> None:
        """Raise `InputError` unless the sample has as many units as the network."""
        units, rows = self.activations.shape[0], self.deltas.shape[0]
        if (units, rows) != (network.n_units, network.units.shape[1]):
            raise InputError(
                f"the gradient sample is of a network with {units} units, {rows} of them not "
                f"inputs, but the network has {network.n_units} and {network.units.shape[1]}: "
                "expected one of this network, see sample_gradients"
            )

    @cached_property
    def means(self) -> np.ndarray:
        """float32 `[units]`: mean activation of each unit."""
        means: np.ndarray = self.activations.mean(axis=1)
        return means


def sample_gradients(
    network: SparseNetwork, dataset: Dataset, samples: np.ndarray
) -> GradientSample:
    """Run the network forward and backward on some samples, without training it.

    Args:
        network: The network.
        dataset: The data set that the samples are rows of.
        samples: int32 `[n]`, rows of the data set.
    """
    activations = kernels.aligned(network.n_units, samples.size)
    deltas = kernels.aligned(network.units.shape[1], samples.size)
    kernels.forward_backward(
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
    return GradientSample(activations, deltas, stops)


@compiled
def correlate(
    deltas: np.ndarray, activations: np.ndarray, stops: np.ndarray, gradient: np.ndarray
) -> None:
    """Gradient of every possible connection: sum of delta times activation over the samples.

    An inactive connection has the gradient that it would have at weight zero (Evci et al. 2020,
    RigL).

    Args:
        deltas: float32 `[rows, samples]`, d(mean loss)/d(pre-activation).
        activations: float32 `[units, samples]`, activation of every unit.
        stops: int32 `[rows]`, number of units in the layers before the layer of each row.
        gradient: float32 `[rows, units]`; in each row, the entries before the stop are written.
    """
    mode: int = flush_denormals()
    rows, batch = deltas.shape
    row = 0
    while row < rows:
        width = 1
        if row + 4 <= rows and stops[row] == stops[row + 3]:
            width = 4
        for unit in range(stops[row]):
            source = activations[unit]
            if width == 4:
                delta0 = deltas[row]
                delta1 = deltas[row + 1]
                delta2 = deltas[row + 2]
                delta3 = deltas[row + 3]
                total0 = _ZERO
                total1 = _ZERO
                total2 = _ZERO
                total3 = _ZERO
                for b in range(batch):
                    total0 += delta0[b] * source[b]
                    total1 += delta1[b] * source[b]
                    total2 += delta2[b] * source[b]
                    total3 += delta3[b] * source[b]
                gradient[row, unit] = total0
                gradient[row + 1, unit] = total1
                gradient[row + 2, unit] = total2
                gradient[row + 3, unit] = total3
            else:
                delta = deltas[row]
                total = _ZERO
                for b in range(batch):
                    total += delta[b] * source[b]
                gradient[row, unit] = total
        row += width
    restore_mode(mode)


@compiled
def summarize(
    gradient: np.ndarray,
    activations: np.ndarray,
    starts: np.ndarray,
    index: Index,
    inactive: np.ndarray,
    active: np.ndarray,
    firing: np.ndarray,
    dead: np.ndarray,
) -> None:
    """Compute the statistics of each layer but the inputs; see `LayerSummary`.

    Args:
        gradient: float32 `[rows, units]`, from `correlate`.
        activations: float32 `[units, samples]`, activation of every unit.
        starts: int64 `[layers + 1]`, as in `rlnas.nn.network.SparseNetwork`.
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        inactive: float64 `[layers]`, receives the largest gradient magnitude of an inactive
            connection into the layer, or 0.
        active: float64 `[layers]`, receives the sum of the squared gradients of the active
            connections into the layer.
        firing: int64 `[layers]`, receives the number of positive activations.
        dead: int64 `[layers]`, receives the number of units without a positive activation.
    """
    mode: int = flush_denormals()
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
    restore_mode(mode)
