"""Growing neurons: choosing their incoming and outgoing connections by the gradient."""

import numpy as np

from rlnas.jit import compile_loops
from rlnas.nn.gradients import GradientSample
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
    n_sources = sum(layer_sizes[:layer])
    n_readers = sum(layer_sizes[layer + 1 :])
    mix = rng.standard_normal((count, n_readers)).astype(np.float32)
    sources, weights = _choose_sources(sample, mix, n_sources, min(fan_in, n_sources))
    activations = _activate(sample, sources, weights)
    readers = _choose_readers(sample, activations, n_readers, min(fan_out, n_readers))
    return _insert_neurons(network, layer_sizes, layer, sources, weights, readers)


def _choose_sources(
    sample: GradientSample, mix: np.ndarray, n_sources: int, fan_in: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the incoming connections of new neurons.

    Args:
        sample: Activations and gradients of the network.
        mix: float32 `[neurons, readers]`, the weight of each reader's gradients for each neuron.
        n_sources: Number of units in earlier layers, all of which can be sources.
        fan_in: Number of connections into each neuron.

    Returns:
        int64 `[neurons, fan_in]`, the sources; float32 `[neurons, fan_in]`, the weights, with the
        norm of He initialisation.
    """
    bypasses = sample.gradients[-mix.shape[1] :, :n_sources]
    # einsum rather than a BLAS product: the bits must not depend on a thread count.
    scores = np.einsum("kt,ts->ks", mix, bypasses)
    np.negative(scores, out=scores)
    sources = _largest_of_each(scores, fan_in)
    directions = np.take_along_axis(scores, sources, axis=1)
    norm = np.sqrt((directions**2).sum(axis=1, keepdims=True))
    weights = np.full_like(directions, np.sqrt(2 / fan_in))  # where all gradients are zero
    return sources, np.divide(directions * np.sqrt(2), norm, out=weights, where=norm > 0)


def _activate(sample: GradientSample, sources: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Activations of new neurons; negates the weights of a neuron that never fires in place.

    Args:
        sample: Activations and gradients of the network.
        sources: int64 `[neurons, fan_in]`.
        weights: float32 `[neurons, fan_in]`.

    Returns:
        float32 `[neurons, samples]`.
    """
    sums = np.zeros((len(sources), sample.activations.shape[1]), np.float32)
    _add_weighted(sources, weights, sample.activations, sums)
    silent = (sums <= 0).all(axis=1)  # as when all sources are ReLU units and all weights negative
    weights[silent] *= -1
    sums[silent] *= -1
    return np.maximum(sums, 0)


def _choose_readers(
    sample: GradientSample, activations: np.ndarray, n_readers: int, fan_out: int
) -> np.ndarray:
    """Choose the outgoing connections of new neurons, by the largest gradient at weight zero.

    Args:
        sample: Activations and gradients of the network.
        activations: float32 `[neurons, samples]`, activations of the new neurons.
        n_readers: Number of units in later layers, all of which can be readers.
        fan_out: Number of connections out of each neuron.

    Returns:
        int64 `[neurons, fan_out]`, counted from the first unit in a later layer.
    """
    gradients = np.einsum("kb,tb->kt", activations, sample.deltas[-n_readers:])
    return _largest_of_each(gradients, fan_out)


def _insert_neurons(
    network: SparseNetwork,
    layer_sizes: tuple[int, ...],
    layer: int,
    sources: np.ndarray,
    weights: np.ndarray,
    readers: np.ndarray,
) -> SparseNetwork:
    """Append neurons to a layer and renumber all units behind them.

    Args:
        network: The network; it is not changed.
        layer_sizes: Layer sizes of the network, in which the growing layer may be new and empty.
        layer: Index into `layer_sizes` of the growing layer.
        sources: int64 `[neurons, fan_in]`, source units.
        weights: float32 `[neurons, fan_in]`, incoming weights; outgoing weights are zero.
        readers: int64 `[neurons, fan_out]`, counted from the first unit in a later layer.
    """
    count = len(sources)
    first_new = sum(layer_sizes[: layer + 1])
    n_units = np.int64(network.n_units + count)
    new = np.arange(first_new - network.n_inputs, first_new - network.n_inputs + count)
    rows = readers + (first_new - network.n_inputs + count)
    into = (new[:, None] * n_units + sources).ravel()
    out_of = (rows * n_units + (new + network.n_inputs)[:, None]).ravel()
    keys = np.concatenate([into, out_of])
    all_weights = np.zeros(keys.size, np.float32)
    all_weights[: into.size] = weights.ravel()
    order = keys.argsort()
    grown = (*layer_sizes[:layer], layer_sizes[layer] + count, *layer_sizes[layer + 1 :])
    return inserted(network, grown, first_new, first_new, count, keys[order], all_weights[order])


def _largest_of_each(values: np.ndarray, count: int) -> np.ndarray:
    """int64 `[rows, count]`: columns of the largest magnitudes in each row of `values`."""
    columns = np.empty((len(values), count), np.int64)
    block = max(1, _SORTED_AT_ONCE // values.shape[1])
    for start in range(0, len(values), block):
        rows = slice(start, start + block)
        columns[rows] = np.argpartition(-np.abs(values[rows]), count - 1, axis=1)[:, :count]
    return columns


@compile_loops()  # without fast math: adds in the order of the connections on every machine
def _add_weighted(
    sources: np.ndarray, weights: np.ndarray, activations: np.ndarray, sums: np.ndarray
) -> None:
    """Add up what new neurons receive from their sources, without bias.

    Args:
        sources: int64 `[neurons, fan_in]`.
        weights: float32 `[neurons, fan_in]`.
        activations: float32 `[units, samples]`, activations of the network's units.
        sums: float32 `[neurons, samples]`, added to.
    """
    for neuron in range(sources.shape[0]):
        total = sums[neuron]
        for k in range(sources.shape[1]):
            weight = weights[neuron, k]
            activation = activations[sources[neuron, k]]
            for b in range(total.size):
                total[b] += weight * activation[b]
