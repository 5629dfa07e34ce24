"""`Probe`: what a network does on a few training samples, and what its gradient asks for."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from rlnas.data.datasets import Dataset
from rlnas.errors import InputError
from rlnas.nn import kernels, scan
from rlnas.nn.network import VALUE, SparseNetwork
from rlnas.nn.training import raw_samples, scratch

PROBE_SIZE = 256


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
        scan.correlate(self.deltas, self.activations, self.stops, gradients)
        return gradients

    def summary(self, network: SparseNetwork) -> LayerSummary:
        """What the probed network's gradients ask for and its units do, layer by layer.

        Raises:
            InputError: the probe is of another network.
        """
        self.check_fit(network)
        layers = len(network.layer_sizes)
        sums = LayerSummary(*np.zeros((2, layers)), *np.zeros((2, layers), np.int64))
        scan.summarise(self.gradients, self.activations, network.starts, network.full_index, *sums)
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
