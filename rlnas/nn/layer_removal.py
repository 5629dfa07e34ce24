"""Removing a hidden layer: connections past it do what its neurons did, as well as they can.

Each neuron is replaced by a straight line through its pre-activation, so that a source and a
reader of the layer are joined by one connection, a bypass.
"""

from dataclasses import dataclass

import numpy as np

from rlnas.nn.gradients import GradientSample
from rlnas.nn.kernels.simd import compiled
from rlnas.nn.network import VALUE, SparseNetwork, from_coordinates
from rlnas.nn.rewiring import BOTH, smallest, without
from rlnas.nn.structure import Index


@dataclass(frozen=True, eq=False)
class _Bypasses:
    """Connections past a layer.

    Attributes:
        targets: int64 `[n]`, receiving units.
        sources: int64 `[n]`, source units.
        state: float32 `[4, n]`, state of the weights; the moments are zero.
    """

    targets: np.ndarray
    sources: np.ndarray
    state: np.ndarray


def replace_layer(network: SparseNetwork, sample: GradientSample, layer: int) -> SparseNetwork:
    """Replace a hidden layer by bypasses, no more than it had connections.

    Args:
        network: The network; it is not changed.
        sample: Activations and gradients of the network.
        layer: Index into `layer_sizes` of the hidden layer.

    Raises:
        EditError: no connection would be left.
    """
    start, stop = network.starts[layer : layer + 2]
    into = (network.targets >= start) & (network.targets < stop)
    out_of = (network.indices >= start) & (network.indices < stop)
    bypasses = _strongest_bypasses(network, sample, layer, int(into.sum() + out_of.sum()))
    units = _fold_means(network, sample, out_of, bypasses)
    merged = _merge(network, np.flatnonzero(~(into | out_of)), bypasses, units)
    return without(merged, units=np.arange(start, stop))


def _strongest_bypasses(
    network: SparseNetwork, sample: GradientSample, layer: int, count: int
) -> _Bypasses:
    """The bypasses with the largest weight times spread of the source's activation.

    Args:
        network: The network.
        sample: Activations and gradients of the network.
        layer: Index into `layer_sizes` of the hidden layer.
        count: Number of bypasses, if there are as many.
    """
    start, stop = network.starts[layer : layer + 2]
    weights = np.zeros((2, network.n_units - stop, start))
    slopes = _slopes(network, sample, layer)
    _add_bypasses(network.index, network.connections[BOTH], slopes, start, weights)
    possible = weights.any(axis=0)
    spread = np.broadcast_to(sample.activations[:start].std(axis=1), possible.shape)
    weakness = -np.abs(weights[1][possible]) * spread[possible]
    kept = np.sort(smallest(weakness, count))
    rows, sources = np.divmod(np.flatnonzero(possible)[kept], start)
    state = np.zeros((4, kept.size), np.float32)
    state[BOTH] = weights[:, rows, sources]
    return _Bypasses(rows + stop, sources, state)


def _slopes(network: SparseNetwork, sample: GradientSample, layer: int) -> np.ndarray:
    """Slope of the straight line that fits each neuron of a layer best.

    It is the covariance of activation and pre-activation over the variance of the latter; 1 for a
    neuron that passes on everything, 0 for one that never fires.

    Returns:
        float64 `[width]`.
    """
    sample.check_fit(network)
    start, stop = network.starts[layer : layer + 2]
    before = np.zeros((stop - start, sample.activations.shape[1]))
    first = start - network.n_inputs
    _pre_activations(network.index, network.connections[VALUE], first, sample.activations, before)
    before -= before.mean(axis=1, keepdims=True)
    after = sample.activations[start:stop] - sample.means[start:stop, None]
    variance = (before**2).sum(axis=1)
    covariance = (before * after).sum(axis=1)
    slopes = np.zeros(stop - start)
    np.divide(covariance, variance, out=slopes, where=variance > 0)
    return slopes


def _fold_means(
    network: SparseNetwork, sample: GradientSample, out_of: np.ndarray, bypasses: _Bypasses
) -> np.ndarray:
    """Correct the biases, so that the readers of a layer receive as much as before in the mean.

    Args:
        network: The network.
        sample: Activations and gradients of the network.
        out_of: bool `[connections]`, the connections out of the layer.
        bypasses: What the readers receive in their place.

    Returns:
        float32 `[4, rows]`, state of the biases.
    """
    units = network.units.copy()
    for state in BOTH:
        readers = network.targets[out_of] - network.n_inputs
        lost = network.connections[state, out_of] * sample.means[network.indices[out_of]]
        np.add.at(units[state], readers, lost)
        gained = bypasses.state[state] * sample.means[bypasses.sources]
        np.subtract.at(units[state], bypasses.targets - network.n_inputs, gained)
    return units


def _merge(
    network: SparseNetwork, kept: np.ndarray, bypasses: _Bypasses, units: np.ndarray
) -> SparseNetwork:
    """Join the connections that are kept and the bypasses; add up those between the same units.

    Args:
        network: The network.
        kept: int64 `[kept]`, connections of the network, ascending.
        bypasses: Connections to add.
        units: float32 `[4, rows]`, state of the biases.
    """
    connections = network.connections.take(kept, axis=1)
    targets, sources = network.targets[kept], network.indices[kept]
    present = targets * np.int64(network.n_units) + sources
    wanted = bypasses.targets * np.int64(network.n_units) + bypasses.sources
    place = np.searchsorted(present, wanted)
    double = np.append(present, -1)[place] == wanted
    connections[:, place[double]] += bypasses.state[:, double]
    return from_coordinates(
        network.layer_sizes,
        np.concatenate([targets, bypasses.targets[~double]]),
        np.concatenate([sources, bypasses.sources[~double]]),
        np.concatenate([connections, bypasses.state[:, ~double]], axis=1),
        units,
        network.steps,
    )


@compiled
def _pre_activations(
    index: Index, weights: np.ndarray, first: int, activations: np.ndarray, sums: np.ndarray
) -> None:
    """Add up what units receive from their sources, without bias.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        weights: float32 `[connections]`.
        first: Row of the first unit.
        activations: float32 `[units, samples]`, activations of the network's units.
        sums: float64 `[rows, samples]`, added to, a row for each unit.
    """
    for i in range(sums.shape[0]):
        total = sums[i]
        for k in range(index.indptr[first + i], index.indptr[first + i + 1]):
            weight = weights[k]
            source = activations[index.columns[k]]
            for b in range(total.size):
                total[b] += weight * source[b]


@compiled
def _add_bypasses(
    index: Index, weights: np.ndarray, slopes: np.ndarray, start: int, bypass: np.ndarray
) -> None:
    """Add up the weights of the bypasses of a layer, as if its neurons were straight lines.

    Args:
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        weights: float32 `[2, connections]`, last and averaged values.
        slopes: float64 `[width]`, slope of each neuron of the layer.
        start: First unit of the layer.
        bypass: float64 `[2, units after the layer, units before it]`, added to.
    """
    row = start - index.n_inputs
    after = row + slopes.size
    for reader in range(bypass.shape[1]):
        for k in range(index.indptr[after + reader], index.indptr[after + reader + 1]):
            neuron = index.columns[k] - start
            if not 0 <= neuron < slopes.size:
                continue
            for j in range(index.indptr[row + neuron], index.indptr[row + neuron + 1]):
                source = index.columns[j]
                for state in range(2):
                    share = slopes[neuron] * weights[state, j]
                    bypass[state, reader, source] += weights[state, k] * share
