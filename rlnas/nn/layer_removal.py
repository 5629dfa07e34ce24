"""Removing a hidden layer: connections past it do what its neurons did, as well as they can.

Each neuron is replaced by a straight line through its pre-activation, so that a source and a
reader of the layer are joined by one connection, a bypass.
"""

import numpy as np

from rlnas.nn.gradients import GradientSample
from rlnas.nn.kernels.bypasses import replace_by_bypasses, weigh_bypasses
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import arrays_of, reduced, smallest


def replace_layer(network: SparseNetwork, sample: GradientSample, layer: int) -> SparseNetwork:
    """Replace a hidden layer by its strongest bypasses, no more than it had connections.

    Args:
        network: The network; it is not changed.
        sample: Activations and gradients of the network.
        layer: Index into `layer_sizes` of the hidden layer.

    Raises:
        EditError: no connection would be left.
    """
    sample.check_fit(network)
    start, stop = network.starts[layer : layer + 2].tolist()
    found, weights, weakness, means = weigh_bypasses(
        network.n_inputs,
        network.indptr,
        network.indices,
        network.connections,
        sample.activations,
        start,
        stop,
    )
    count = int(network.block_counts[layer].sum() + network.block_counts[:, layer].sum())
    kept = np.sort(smallest(weakness, count))
    chosen = weights[:, kept].astype(np.float32)
    arrays = arrays_of(network)
    return reduced(
        replace_by_bypasses(*arrays, start, stop, means, found[kept], chosen), network.steps
    )
