"""Growing neurons: choosing their incoming and outgoing connections by the gradient."""

import numpy as np

from rlnas.nn.gradients import GradientSample
from rlnas.nn.kernels.neurons import connections_of, source_scores, wake
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import inserted

_SORTED_AT_ONCE = 2**18  # values, whose indices take 2 MB while they are being sorted


def grow(
    network: SparseNetwork,
    sample: GradientSample,
    layer_sizes: tuple[int, ...],
    layer: int,
    count: int,
    fan_in: int,
    fan_out: int,
    rng: np.random.Generator,
) -> SparseNetwork:
    """Append neurons to a hidden layer, with outgoing weights 0.

    Args:
        network: The network; it is not changed.
        sample: Activations and gradients of the network.
        layer_sizes: Layer sizes of the network, in which the growing layer may be new and empty.
        layer: Index into `layer_sizes` of the growing layer.
        count: Number of neurons to append.
        fan_in: Number of connections into each new neuron, if there are as many sources.
        fan_out: Number of connections out of each new neuron, if there are as many readers.
        rng: Source of randomness.
    """
    sample.check_fit(network)
    n_sources, n_readers = sum(layer_sizes[:layer]), sum(layer_sizes[layer + 1 :])
    mix = rng.standard_normal((count, n_readers)).astype(np.float32)
    scores = source_scores(sample.gradients, mix, n_sources)
    sources = _largest_of_each(scores, min(fan_in, n_sources))
    deltas = sample.deltas[-n_readers:]
    weights, gradients = wake(scores, sources, sample.activations, deltas)
    readers = _largest_of_each(gradients, min(fan_out, n_readers))
    first = sum(layer_sizes[: layer + 1])
    n_units = network.n_units + count
    new = connections_of(sources, weights, readers, first, network.n_inputs, n_units)
    grown = (*layer_sizes[:layer], layer_sizes[layer] + count, *layer_sizes[layer + 1 :])
    return inserted(network, grown, first, first, count, *new)


def _largest_of_each(values: np.ndarray, count: int) -> np.ndarray:
    """int64 `[rows, count]`: columns of the largest magnitudes in each row of `values`."""
    columns = np.empty((len(values), count), np.int64)
    block = max(1, _SORTED_AT_ONCE // values.shape[1])
    for start in range(0, len(values), block):
        rows = slice(start, start + block)
        columns[rows] = np.argpartition(-np.abs(values[rows]), count - 1, axis=1)[:, :count]
    return columns
