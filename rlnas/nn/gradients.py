"""`GradientSample`: activations of a network and gradients of all connections on some samples."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rlnas.errors import InputError
from rlnas.nn.kernels.probe import LayerSummary, summarize
from rlnas.nn.network import SparseNetwork

GRADIENT_SAMPLE_SIZE = 256


@dataclass(frozen=True, eq=False)
class GradientSample:
    """Activations and gradients of a network on some samples, at its last weights.

    `rlnas.nn.training.sample_gradients` takes one.

    Attributes:
        activations: float32 `[units, samples]`, activation of every unit.
        deltas: float32 `[rows, samples]`, d(mean loss)/d(pre-activation) of every hidden and
            output unit.
        gradients: float32 `[rows, units]`, d(mean loss)/d(weight) of every possible connection;
            the entries of sources in the same or a later layer, which no connection can have, are
            zero.
    """

    activations: np.ndarray
    deltas: np.ndarray
    gradients: np.ndarray

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
        summarize(self.gradients, self.activations, network.starts, network.index, sums)
        return sums

    def check_fit(self, network: SparseNetwork) -> None:
        """Raise `InputError` unless the sample has as many units as the network."""
        units, rows = self.activations.shape[0], self.deltas.shape[0]
        shapes = units, rows, self.gradients.shape
        found = network.n_units, network.units.shape[1]
        if shapes != (*found, found[::-1]):
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
