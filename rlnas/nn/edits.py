"""The six edits: add or remove connections, neurons and layers.

Each takes a network and returns a new one; the network given is not changed. Weights, optimiser
moments and averages of what survives are carried over. An edit that preserves the function does
so for the last weights and for the averaged weights.

`rlnas.nn.gradients.Probe` tells what the gradient asks for. Dead units, those with no connection in
or none out, are swept after every edit.
"""

from collections.abc import Callable

import numpy as np

from rlnas.errors import EditError, InputError
from rlnas.integers import whole
from rlnas.nn.gradients import Probe
from rlnas.nn.growth import grow
from rlnas.nn.kernels import compiled
from rlnas.nn.network import AVERAGE, SECOND_MOMENT, VALUE, SparseNetwork, from_coordinates
from rlnas.nn.rewiring import (
    BOTH,
    prune_dead_units,
    smallest,
    typical_fans,
    with_connections,
    with_only,
    without_units,
)

_NO_MOMENT = np.float32(1e-24)  # far below the moments of connections that matter


def add_connections(
    network: SparseNetwork, probe: Probe, count: int, layer: int | None = None
) -> SparseNetwork:
    """Add the inactive connections with the largest gradient, at weight 0. Exact.

    Evci et al. 2020 (RigL), section 3(4), with every earlier unit as a possible source.

    Args:
        network: the network.
        probe: its probe.
        count: how many; fewer if there are not as many inactive pairs.
        layer: index into `layer_sizes` of the receiving layer, 1 or more; None for all layers.

    Raises:
        EditError: every possible connection is active.
        InputError: the network has no such layer, or the count is no whole number from 1.
    """
    count, layer = whole("count", count, 1), _receiving(network, layer)
    # As large as all gradients, and so worked on in place: the less, the more is gained.
    cost = np.abs(probe.gradients)
    np.negative(cost, out=cost)
    cost[network.targets - network.n_inputs, network.indices] = 0
    if layer is not None:
        rows = network.starts[layer : layer + 2] - network.n_inputs
        cost[: rows[0]] = 0
        cost[rows[1] :] = 0
    chosen = smallest(cost.ravel(), count)
    chosen = chosen[cost.ravel()[chosen] < 0]
    if chosen.size == 0:
        raise EditError("no inactive connection has a gradient")
    rows, sources = np.divmod(chosen, network.n_units)
    return with_connections(network, rows + network.n_inputs, sources)


def saliency(network: SparseNetwork) -> np.ndarray:
    """float32 `[connections]`: by how much the loss would grow without each, in some unit.

    Optimal brain damage (LeCun et al. 1990, eq. 5: half the squared weight times the diagonal of
    the Hessian), with the curvature that Adam divides its steps by: the root of the second moment.
    In a network that has no moments yet, the order is that of the magnitudes.
    """
    state = network.connections
    return state[AVERAGE] ** 2 * np.sqrt(state[SECOND_MOMENT] + _NO_MOMENT)


def remove_connections(
    network: SparseNetwork,
    count: int,
    layer: int | None = None,
    saliency: Callable[[SparseNetwork], np.ndarray] = saliency,
) -> SparseNetwork:
    """Remove the least salient connections. Not exact.

    Args:
        network: the network.
        count: how many.
        layer: index into `layer_sizes` of the receiving layer, 1 or more; None for all layers.
        saliency: float `[connections]` of a network; the connections with the least are removed.

    Raises:
        EditError: no connection would be left.
        InputError: the network has no such layer, or the count is no whole number from 1.
    """
    count, layer = whole("count", count, 1), _receiving(network, layer)
    first, last = 0, network.active_weights
    if layer is not None:
        rows = network.starts[layer : layer + 2] - network.n_inputs
        first, last = network.indptr[rows]
    keep = np.ones(network.active_weights, bool)
    keep[first + smallest(saliency(network)[first:last], count)] = False
    return prune_dead_units(with_only(network, keep))


def add_neurons(
    network: SparseNetwork, probe: Probe, count: int, layer: int, rng: np.random.Generator
) -> SparseNetwork:
    """Add neurons to a hidden layer, with outgoing weights 0. Exact.

    The incoming weights point where the gradient asks for them: a random mix of the gradients of
    the connections that would bypass the layer, which samples the space spanned by the leading
    singular vectors that GradMax takes (Evci et al. 2022; random range finder: Halko et al.
    2011). They are as many as the layer's mean fan-in and have the norm of He initialisation, so
    that the outgoing weights have a gradient and the neuron wakes up. The outgoing connections
    are as many as the layer's mean fan-out, where their gradient is largest.

    Args:
        network: the network.
        probe: its probe.
        count: how many neurons.
        layer: index into `layer_sizes` of the hidden layer.
        rng: source of randomness.

    Raises:
        InputError: the network has no such layer, or the count is no whole number from 1.
    """
    count, layer = whole("count", count, 1), _hidden(network, layer)
    return grow(network, probe, count, layer, *typical_fans(network, layer), rng)


def remove_neurons(network: SparseNetwork, probe: Probe, count: int, layer: int) -> SparseNetwork:
    """Remove the least salient neurons of a hidden layer. Not exact.

    Saliency is the spread of the activation times the norm of the outgoing weights: how much of
    what later layers receive would be lost once the mean activation is folded into their biases,
    which is done.

    Args:
        network: the network.
        probe: its probe.
        count: how many neurons; the layer goes if none would be left.
        layer: index into `layer_sizes` of the hidden layer.

    Raises:
        EditError: no connection would be left.
        InputError: the network has no such layer, or the count is no whole number from 1.
    """
    count, layer = whole("count", count, 1), _hidden(network, layer)
    outgoing = np.bincount(
        network.indices, network.connections[AVERAGE] ** 2, minlength=network.n_units
    )
    start, stop = network.starts[layer : layer + 2]
    saliency = probe.activations[start:stop].std(axis=1) * np.sqrt(outgoing[start:stop])
    dead = np.zeros(network.n_units, bool)
    dead[start + smallest(saliency, count)] = True
    constants = np.where(dead, probe.means, 0)[None].repeat(2, axis=0)
    return prune_dead_units(without_units(network, dead, constants))


def add_layer(
    network: SparseNetwork, probe: Probe, position: int, rng: np.random.Generator
) -> SparseNetwork:
    """Add a hidden layer. Exact.

    After a hidden layer it is a sparse identity: as many neurons, each with one connection of
    weight 1 from its twin, whose readers it takes over (Net2DeeperNet, Chen et al. 2016, at n
    weights, not n^2). The identity needs activations that are not negative, so right after the
    inputs the new layer is grown instead as in `add_neurons`: as many neurons as there are
    outputs, each read by as many units, with the fan-in of the layer that was first.

    Args:
        network: the network.
        probe: its probe.
        position: index into `layer_sizes` that the new layer will have, from 1 to the index of
            the output layer.
        rng: source of randomness.

    Raises:
        InputError: the position is out of range.
    """
    position = whole("position", position, 1, network.depth + 1)
    sizes = list(network.layer_sizes)
    if position == 1:
        fan_in, _ = typical_fans(network, 1)
        count = network.n_outputs
        empty = (network.n_inputs, 0, *sizes[1:])
        return grow(network, probe, count, 1, fan_in, count, rng, layer_sizes=empty)
    start, stop = network.starts[position - 1 : position + 1]
    width = int(stop - start)
    targets = network.targets + np.where(network.targets >= stop, width, 0)
    # From `start`, not `stop`: what read a twin reads the new layer.
    sources = network.indices + np.where(network.indices >= start, width, 0)
    identity = np.zeros((4, width), np.float32)
    identity[BOTH] = 1
    sizes.insert(position, width)
    row = stop - network.n_inputs
    units = np.insert(network.units, [row] * width, 0, axis=1)
    return from_coordinates(
        tuple(sizes),
        np.concatenate([targets, np.arange(stop, stop + width)]),
        np.concatenate([sources, np.arange(start, stop)]),
        np.concatenate([network.connections, identity], axis=1),
        units,
        network.steps,
    )


def remove_layer(network: SparseNetwork, probe: Probe, layer: int) -> SparseNetwork:
    """Remove a hidden layer, connecting its sources to its readers. Not exact.

    Each neuron is replaced by the straight line that fits it best on the probe's samples (its
    slope is the covariance of activation and pre-activation over the variance of the latter, so
    that a layer which passes everything on is removed exactly). Of the connections this makes,
    the strongest are kept, no more than the layer had; the mean of the rest goes into biases.

    Args:
        network: the network.
        probe: its probe.
        layer: index into `layer_sizes` of the hidden layer.

    Raises:
        EditError: no connection would be left.
        InputError: the network has no such layer.
    """
    layer = _hidden(network, layer)
    start, stop = network.starts[layer : layer + 2]
    n, n_inputs = network.n_units, network.n_inputs
    into = (network.targets >= start) & (network.targets < stop)
    out_of = (network.indices >= start) & (network.indices < stop)
    count = int(into.sum() + out_of.sum())
    targets, sources, values = _bypasses(network, probe, layer, count)

    rest = np.flatnonzero(~(into | out_of))
    connections = network.connections.take(rest, axis=1)
    # A new connection may be there already, as a skip; its weight is added to.
    present = network.targets[rest] * np.int64(n) + network.indices[rest]
    wanted = targets * np.int64(n) + sources
    place = np.searchsorted(present, wanted)
    double = np.append(present, -1)[place] == wanted
    connections[:, place[double]] += values[:, double]
    fresh = ~double

    units = network.units.copy()
    for state in BOTH:
        readers = network.targets[out_of] - n_inputs
        mean_in = network.connections[state, out_of] * probe.means[network.indices[out_of]]
        np.add.at(units[state], readers, mean_in)
        np.subtract.at(units[state], targets - n_inputs, values[state] * probe.means[sources])
    merged = from_coordinates(
        network.layer_sizes,
        np.concatenate([network.targets[rest], targets[fresh]]),
        np.concatenate([network.indices[rest], sources[fresh]]),
        np.concatenate([connections, values[:, fresh]], axis=1),
        units,
        network.steps,
    )
    dead = np.zeros(n, bool)
    dead[start:stop] = True
    return prune_dead_units(without_units(merged, dead, np.zeros((2, n))))


def _receiving(network: SparseNetwork, layer: int | None) -> int | None:
    return layer if layer is None else whole("layer", layer, 1, network.depth + 1)


def _hidden(network: SparseNetwork, layer: int) -> int:
    if network.depth == 0:
        raise InputError("the network has no hidden layer that could be edited")
    return whole("hidden layer", layer, 1, network.depth)


def _bypasses(
    network: SparseNetwork, probe: Probe, layer: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The strongest of the connections that replace a layer.

    Returns:
        Targets, int64 `[n]`; sources, int64 `[n]`; their state, float32 `[4, n]`.
    """
    start, stop = network.starts[layer : layer + 2]
    bypass = np.zeros((2, network.n_units - stop, start))
    slopes = _slopes(network, probe, layer)
    _connect_past(network.full_index, network.connections[BOTH], slopes, start, bypass)
    possible = bypass.any(axis=0)
    spread = np.broadcast_to(probe.activations[:start].std(axis=1), possible.shape)
    weakness = -np.abs(bypass[1][possible]) * spread[possible]
    kept = np.sort(smallest(weakness, count))
    rows, sources = np.divmod(np.flatnonzero(possible)[kept], start)
    values = np.zeros((4, kept.size), np.float32)
    values[BOTH] = bypass[:, rows, sources]
    return rows + stop, sources, values


def _slopes(network: SparseNetwork, probe: Probe, layer: int) -> np.ndarray:
    """float64 `[width]`: slope of each neuron's best straight line through its pre-activation."""
    probe.check_fit(network)
    start, stop = network.starts[layer : layer + 2]
    before = np.zeros((stop - start, probe.activations.shape[1]))
    first = start - network.n_inputs
    _pre_activations(
        network.full_index, network.connections[VALUE], first, probe.activations, before
    )
    before -= before.mean(axis=1, keepdims=True)
    after = probe.activations[start:stop] - probe.means[start:stop, None]
    variance = (before**2).sum(axis=1)
    covariance = (before * after).sum(axis=1)
    return np.divide(covariance, variance, out=np.zeros(stop - start), where=variance > 0)


@compiled
def _pre_activations(index, weights, first, activations, sums):
    """Add up what the rows from `first` receive, without bias, into `sums` [rows, samples]."""
    for i in range(sums.shape[0]):
        total = sums[i]
        for k in range(index.indptr[first + i], index.indptr[first + i + 1]):
            weight = weights[k]
            source = activations[index.columns[k]]
            for b in range(total.size):
                total[b] += weight * source[b]


@compiled
def _connect_past(index, weights, slopes, start, bypass):
    """The connections that replace a layer's neurons, were these straight lines.

    Args:
        index: the network's `Index`.
        weights: float32 `[2, connections]`.
        slopes: float64 `[width]`, of the neurons of the layer.
        start: first unit of the layer.
        bypass: float64 `[2, units after the layer, units before]`, added to.
    """
    row = start - index.n_inputs
    after = row + slopes.size
    for t in range(bypass.shape[1]):
        for k in range(index.indptr[after + t], index.indptr[after + t + 1]):
            neuron = index.columns[k] - start
            if not 0 <= neuron < slopes.size:
                continue
            for j in range(index.indptr[row + neuron], index.indptr[row + neuron + 1]):
                source = index.columns[j]
                for state in range(2):
                    share = slopes[neuron] * weights[state, j]
                    bypass[state, t, source] += weights[state, k] * share
