"""The six edits: add or remove connections, neurons and layers.

Each takes a network and returns a new one; the network given is not changed. What survives keeps
its weights, moments and averages. An edit that is called exact preserves the outputs, those at the
last weights and those at the averaged weights.

Some edits need a `rlnas.nn.gradients.GradientSample` of the network. Every edit removes dead units,
those without a connection in or without a connection out.
"""

from collections.abc import Callable

import numpy as np

from rlnas.errors import EditError, InputError
from rlnas.nn.gradients import GradientSample
from rlnas.nn.growth import grow
from rlnas.nn.kernels.surgery import growth_costs
from rlnas.nn.layer_removal import replace_layer
from rlnas.nn.network import EMA, SECOND_MOMENT, SparseNetwork
from rlnas.nn.rewiring import inserted, smallest, typical_fans, without
from rlnas.validation import whole

_NO_MOMENT = np.float32(1e-24)  # far below the moments of connections that matter


def add_connections(
    network: SparseNetwork, sample: GradientSample, count: int, layer: int | None = None
) -> SparseNetwork:
    """Add the inactive connections with the largest gradient, at weight 0. Exact.

    Evci et al. 2020 (RigL), section 3(4), with every earlier unit as a possible source.

    Args:
        network: The network.
        sample: Activations and gradients of the network.
        count: Number of connections to add; fewer are added if there are fewer inactive pairs
            with a gradient.
        layer: Index into `layer_sizes` of the receiving layer, 1 or more; None for all layers.

    Raises:
        EditError: no inactive connection has a gradient.
        InputError: the network has no such layer, or the count is no whole number from 1.
    """
    count, layer = whole("count", count, 1), _receiving(network, layer)
    sample.check_fit(network)
    rows = 0, network.n_units - network.n_inputs
    if layer is not None:
        rows = tuple((network.starts[layer : layer + 2] - network.n_inputs).tolist())
    costs = growth_costs(sample.gradients, network.indptr, network.indices, *rows)
    chosen = smallest(costs, count)
    keys = chosen[costs[chosen] < 0]
    if keys.size == 0:
        raise EditError("no inactive connection has a gradient")
    keys.sort()
    n_units = network.n_units
    return inserted(network, network.layer_sizes, n_units, n_units, 0, keys)


def saliency(network: SparseNetwork) -> np.ndarray:
    """float32 `[connections]`: estimated growth of the loss if a connection is removed, unscaled.

    Optimal brain damage (LeCun et al. 1990, eq. 5: half the squared weight times the diagonal of
    the Hessian), in which the root of Adam's second moment stands for the curvature. Without
    moments, as at initialisation, connections are ordered by magnitude.
    """
    state = network.connections
    growth: np.ndarray = state[EMA] ** 2 * np.sqrt(state[SECOND_MOMENT] + _NO_MOMENT)
    return growth


def remove_connections(
    network: SparseNetwork,
    count: int,
    layer: int | None = None,
    saliency: Callable[[SparseNetwork], np.ndarray] = saliency,
) -> SparseNetwork:
    """Remove the least salient connections. Not exact.

    Args:
        network: The network.
        count: Number of connections to remove.
        layer: Index into `layer_sizes` of the receiving layer, 1 or more; None for all layers.
        saliency: Importance of each connection of a network, float `[connections]`; the
            connections with the least are removed.

    Raises:
        EditError: no connection would be left.
        InputError: the network has no such layer, or the count is no whole number from 1.
    """
    count, layer = whole("count", count, 1), _receiving(network, layer)
    first, last = 0, network.active_weights
    if layer is not None:
        rows = network.starts[layer : layer + 2] - network.n_inputs
        first, last = network.indptr[rows]
    return without(network, first + smallest(saliency(network)[first:last], count))


def add_neurons(
    network: SparseNetwork, sample: GradientSample, count: int, layer: int, rng: np.random.Generator
) -> SparseNetwork:
    """Add neurons to a hidden layer, with outgoing weights 0. Exact.

    The incoming weights of a neuron are a random mix of the gradients of the connections that
    would bypass the layer. This samples the space spanned by the leading singular vectors that
    GradMax uses (Evci et al. 2022; random range finder: Halko et al. 2011). A new neuron has as
    many incoming connections as the mean neuron of the layer, those with the largest of these
    weights, scaled to the norm of He initialisation, so that the outgoing weights have a gradient.
    It has as many outgoing connections as the mean neuron, those with the largest gradient.

    Args:
        network: The network.
        sample: Activations and gradients of the network.
        count: Number of neurons to add.
        layer: Index into `layer_sizes` of the hidden layer.
        rng: Source of randomness.

    Raises:
        InputError: the network has no such layer, or the count is no whole number from 1.
    """
    count, layer = whole("count", count, 1), _hidden(network, layer)
    fans = typical_fans(network, layer)
    return grow(network, sample, network.layer_sizes, layer, count, *fans, rng)


def remove_neurons(
    network: SparseNetwork, sample: GradientSample, count: int, layer: int
) -> SparseNetwork:
    """Remove the least salient neurons of a hidden layer. Not exact.

    The mean activation of a removed neuron is folded into the biases of its readers. Its saliency
    is what they lose beyond that: the standard deviation of the activation times the norm of the
    outgoing weights.

    Args:
        network: The network.
        sample: Activations and gradients of the network.
        count: Number of neurons to remove; the layer is removed if none would be left.
        layer: Index into `layer_sizes` of the hidden layer.

    Raises:
        EditError: no connection would be left.
        InputError: the network has no such layer, or the count is no whole number from 1.
    """
    count, layer = whole("count", count, 1), _hidden(network, layer)
    sample.check_fit(network)
    outgoing = np.bincount(
        network.indices, network.connections[EMA] ** 2, minlength=network.n_units
    )
    start, stop = network.starts[layer : layer + 2]
    losses = sample.activations[start:stop].std(axis=1) * np.sqrt(outgoing[start:stop])
    return without(network, units=start + smallest(losses, count), constants=sample.means)


def add_layer(
    network: SparseNetwork, sample: GradientSample, position: int, rng: np.random.Generator
) -> SparseNetwork:
    """Add a hidden layer. Exact.

    Behind a hidden layer, the new layer is a sparse identity: each neuron of the hidden layer gets
    a copy, with one connection of weight 1 from the neuron, whose readers now read the copy
    (Net2DeeperNet, Chen et al. 2016, with n weights instead of n^2). The identity needs activations
    that are not negative. Right behind the inputs, the neurons are therefore grown as in
    `add_neurons`: as many as there are outputs, each with the mean fan-in of the layer that was
    first, and with as many readers as there are outputs.

    Args:
        network: The network.
        sample: Activations and gradients of the network.
        position: Index into `layer_sizes` of the new layer, from 1 to the present index of the
            output layer.
        rng: Source of randomness.

    Raises:
        InputError: the position is out of range.
    """
    position = whole("position", position, 1, network.depth + 1)
    sizes = network.layer_sizes
    if position == 1:
        fan_in, _ = typical_fans(network, 1)
        count = network.n_outputs
        with_empty_layer = (network.n_inputs, 0, *sizes[1:])
        return grow(network, sample, with_empty_layer, 1, count, fan_in, count, rng)
    return _insert_identity(network, position)


def _insert_identity(network: SparseNetwork, position: int) -> SparseNetwork:
    """Add a layer of copies of the neurons in the hidden layer before it.

    Args:
        network: The network.
        position: Index into `layer_sizes` of the new layer.
    """
    sizes, width = network.layer_sizes, network.layer_sizes[position - 1]
    start, stop = network.starts[position - 1 : position + 1].tolist()
    rows = np.arange(stop - network.n_inputs, stop - network.n_inputs + width)
    return inserted(
        network,
        (*sizes[:position], width, *sizes[position:]),
        stop,
        start,  # not `stop`: what read a neuron reads its copy
        width,
        rows * (network.n_units + width) + np.arange(start, stop),
        np.ones(width, np.float32),
    )


def remove_layer(network: SparseNetwork, sample: GradientSample, layer: int) -> SparseNetwork:
    """Remove a hidden layer, connecting its sources to its readers. Not exact.

    Each neuron is replaced by the straight line that fits it best on the samples, so that a layer
    whose neurons are positive on all samples is removed exactly. Of the connections from sources
    to readers that result, the strongest are kept, no more than the layer had. The mean of what
    the readers lose is added to their biases.

    Args:
        network: The network.
        sample: Activations and gradients of the network.
        layer: Index into `layer_sizes` of the hidden layer.

    Raises:
        EditError: no connection would be left.
        InputError: the network has no such layer.
    """
    return replace_layer(network, sample, _hidden(network, layer))


def _receiving(network: SparseNetwork, layer: int | None) -> int | None:
    return layer if layer is None else whole("layer", layer, 1, network.depth + 1)


def _hidden(network: SparseNetwork, layer: int) -> int:
    if network.depth == 0:
        raise InputError("the network has no hidden layer that could be edited")
    return whole("hidden layer", layer, 1, network.depth)
