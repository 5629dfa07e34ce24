"""Growing neurons where the gradient asks for them: the incoming and the outgoing connections."""

from collections.abc import Sequence

import numpy as np

from rlnas.nn.gradients import GradientSample
from rlnas.nn.jit import compile_loops
from rlnas.nn.network import SparseNetwork, from_coordinates
from rlnas.nn.rewiring import BOTH

_SORTED_AT_ONCE = 2**18  # values, whose indices take 2 MB while they are being sorted


def grow(
    network: SparseNetwork,
    sample: GradientSample,
    count: int,
    layer: int,
    fan_in: int,
    fan_out: int,
    rng: np.random.Generator,
    layer_sizes: Sequence[int] | None = None,
) -> SparseNetwork:
    """Append neurons to a layer, which is empty and new if `layer_sizes` (with it) is given."""
    sizes = list(layer_sizes or network.layer_sizes)
    sources_end = sum(sizes[:layer])
    new_start = sources_end + sizes[layer]
    row = new_start - network.n_inputs
    fan_in = min(fan_in, sources_end)
    fan_out = min(fan_out, network.units.shape[1] - row)
    mix = rng.standard_normal((count, network.units.shape[1] - row)).astype(np.float32)
    chosen, incoming = _ways_in(sample, mix, sources_end, fan_in)
    readers = _ways_out(sample, chosen, incoming, row, fan_out)

    weights_in = np.zeros((4, count * fan_in), np.float32)
    weights_in[BOTH] = incoming.ravel()
    weights_out = np.zeros((4, count * fan_out), np.float32)
    new_units = np.arange(new_start, new_start + count)
    sizes[layer] += count
    return from_coordinates(
        tuple(sizes),
        np.concatenate(
            [
                np.where(network.targets >= new_start, network.targets + count, network.targets),
                np.repeat(new_units, fan_in),
                readers.ravel() + new_start + count,
            ]
        ),
        np.concatenate(
            [
                np.where(network.indices >= new_start, network.indices + count, network.indices),
                chosen.ravel(),
                np.repeat(new_units, fan_out),
            ]
        ),
        np.concatenate([network.connections, weights_in, weights_out], axis=1),
        np.insert(network.units, [row] * count, 0, axis=1),
        network.steps,
    )


def _ways_in(
    sample: GradientSample, mix: np.ndarray, sources_end: int, fan_in: int
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the incoming connections of new neurons.

    Args:
        sample: Activations and gradients of the network.
        mix: float32 `[neurons, rows]`, how each neuron weighs the gradients of the last rows.
        sources_end: the first unit that may not be read.
        fan_in: connections into each neuron.

    Returns:
        int64 `[neurons, fan_in]`, the sources; float32 `[neurons, fan_in]`, the weights, with the
        norm of He initialisation.
    """
    bridges = sample.gradients[-mix.shape[1] :, :sources_end]
    # einsum rather than a BLAS product: the bits must not depend on a thread count.
    wish = np.einsum("kt,ts->ks", mix, bridges)
    np.negative(wish, out=wish)
    chosen = _largest_of_each(wish, fan_in)
    incoming = np.take_along_axis(wish, chosen, axis=1)
    norm = np.sqrt((incoming**2).sum(axis=1, keepdims=True))
    fallback = np.full_like(incoming, np.sqrt(2 / fan_in))
    return chosen, np.divide(incoming * np.sqrt(2), norm, out=fallback, where=norm > 0)


def _ways_out(
    sample: GradientSample, chosen: np.ndarray, incoming: np.ndarray, row: int, fan_out: int
) -> np.ndarray:
    """Choose the outgoing connections of new neurons.

    The incoming weights of a neuron that would be silent are negated in place.

    Returns:
        int64 `[neurons, fan_out]`: the rows that read each neuron, counted from `row`.
    """
    activation = np.zeros((len(chosen), sample.activations.shape[1]), np.float32)
    _receive(chosen, incoming, sample.activations, activation)
    silent = (activation <= 0).all(axis=1)  # as when negative weights read ReLU units alone
    incoming[silent] *= -1
    activation[silent] *= -1
    outgoing = np.einsum("kb,tb->kt", np.maximum(activation, 0), sample.deltas[row:])
    return _largest_of_each(outgoing, fan_out)


def _largest_of_each(values: np.ndarray, count: int) -> np.ndarray:
    """int64 `[rows, count]`: places of the largest magnitudes in each row of `values`."""
    places = np.empty((len(values), count), np.int64)
    block = max(1, _SORTED_AT_ONCE // values.shape[1])
    for start in range(0, len(values), block):
        rows = slice(start, start + block)
        places[rows] = np.argpartition(-np.abs(values[rows]), count - 1, axis=1)[:, :count]
    return places


@compile_loops()  # without fast math: adds in the order of the connections on every machine
def _receive(chosen, incoming, activations, sums):
    """Add up what new neurons receive.

    Args:
        chosen: int64 `[neurons, fan_in]`, sources.
        incoming: float32, same shape, weights.
        activations: float32 `[units, samples]`.
        sums: float32 `[neurons, samples]`, added to.
    """
    for neuron in range(chosen.shape[0]):
        total = sums[neuron]
        for k in range(chosen.shape[1]):
            weight = incoming[neuron, k]
            source = activations[chosen[neuron, k]]
            for b in range(total.size):
                total[b] += weight * source[b]
