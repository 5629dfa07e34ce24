"""What edits of neurons choose by: how little one is missed, what a new one should be joined to."""

import numpy as np

from rlnas.jit import compile_loops
from rlnas.nn.kernels.sums import mean_and_spread, product_of, sum_of

_ROOT = np.sqrt(2.0)


@compile_loops(brief=True)
def neuron_losses(
    activations: np.ndarray, indices: np.ndarray, averages: np.ndarray, start: int, stop: int
) -> tuple[np.ndarray, np.ndarray]:
    """What the readers of neurons lose without them, beyond their mean activations.

    Args:
        activations: float32 `[units, samples]`, from a probe.
        indices: int32 `[connections]`, source units.
        averages: float32 `[connections]`, averaged weights.
        start: First of the neurons.
        stop: End of the neurons.

    Returns:
        float64 `[neurons]`, the standard deviation of the activation times the norm of the outgoing
        weights; float32 `[units]`, the mean activation of these neurons, and 0 for other units.
    """
    losses, means = np.zeros(stop - start), np.zeros(activations.shape[0], np.float32)
    for k in range(indices.size):
        if start <= indices[k] < stop:
            losses[indices[k] - start] += averages[k] * averages[k]
    for neuron in range(losses.size):
        mean, spread = mean_and_spread(activations[start + neuron])
        means[start + neuron] = mean
        losses[neuron] = spread * np.sqrt(losses[neuron])
    return losses, means


@compile_loops()
def source_scores(gradients: np.ndarray, mix: np.ndarray, n_sources: int) -> np.ndarray:
    """How much each possible source could lower the loss through new neurons.

    Args:
        gradients: float32 `[rows, units]`, from a probe.
        mix: float32 `[neurons, readers]`, the weight of each reader's gradients for each neuron;
            the readers are the last rows.
        n_sources: Number of units in earlier layers, all of which can be sources.

    Returns:
        float32 `[neurons, n_sources]`, negative mixed gradients.
    """
    scores = np.zeros((mix.shape[0], n_sources), np.float32)
    first = gradients.shape[0] - mix.shape[1]
    for neuron in range(mix.shape[0]):
        for reader in range(mix.shape[1]):
            for source in range(n_sources):
                scores[neuron, source] += mix[neuron, reader] * gradients[first + reader, source]
        for source in range(n_sources):
            scores[neuron, source] = -scores[neuron, source]
    return scores


@compile_loops()
def wake(
    scores: np.ndarray, sources: np.ndarray, activations: np.ndarray, deltas: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weigh the sources of new neurons, and see which readers they could help.

    The weights have the norm of He initialisation. A neuron that would never fire gets the opposite
    weights, as where all sources are ReLU units and all weights negative.

    Args:
        scores: float32 `[neurons, units]`, see `source_scores`.
        sources: int64 `[neurons, fan_in]`, source units.
        activations: float32 `[units, samples]`, from a probe.
        deltas: float32 `[readers, samples]`, of all possible readers, from the same probe.

    Returns:
        float32 `[neurons, fan_in]`, the weights; float32 `[neurons, readers]`, the gradients of
        connections from the neurons at weight zero.
    """
    weights = np.empty(sources.shape, np.float32)
    gradients = np.empty((sources.shape[0], deltas.shape[0]), np.float32)
    fan_in = sources.shape[1]
    sums, squares = np.empty(activations.shape[1], np.float32), np.empty(fan_in, np.float32)
    for neuron in range(sources.shape[0]):
        for k in range(fan_in):
            score = scores[neuron, sources[neuron, k]]
            squares[k] = score * score
        norm = np.sqrt(sum_of(squares))
        sums[:] = 0
        for k in range(fan_in):
            source = sources[neuron, k]
            weight = np.sqrt(2 / fan_in)  # where all gradients are zero
            if norm > 0:
                weight = np.float64(scores[neuron, source]) * _ROOT / np.float64(norm)
            weights[neuron, k] = weight
            for b in range(sums.size):
                sums[b] += weights[neuron, k] * activations[source, b]
        fires = False
        for b in range(sums.size):
            fires = fires or not sums[b] <= 0
        if not fires:
            for k in range(fan_in):
                weights[neuron, k] = -weights[neuron, k]
        for b in range(sums.size):
            sums[b] = max(sums[b] if fires else -sums[b], np.float32(0))
        for reader in range(deltas.shape[0]):
            gradients[neuron, reader] = product_of(sums, deltas[reader])
    return weights, gradients


@compile_loops(brief=True)
def connections_of(
    sources: np.ndarray,
    weights: np.ndarray,
    readers: np.ndarray,
    first_unit: int,
    n_inputs: int,
    n_units: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The connections into and out of new neurons, sorted, as `insert` takes them.

    Args:
        sources: int64 `[neurons, fan_in]`, source units.
        weights: float32 `[neurons, fan_in]`, incoming weights; outgoing weights are zero.
        readers: int64 `[neurons, fan_out]`, counted from the first unit in a later layer.
        first_unit: Number of the first new neuron.
        n_inputs: Number of inputs.
        n_units: Number of units, the new neurons included.

    Returns:
        int64 `[connections]` and float32 `[2, connections]`, see `rlnas.nn.kernels.surgery.insert`.
    """
    count, fan_in = sources.shape
    keys = np.empty(sources.size + readers.size, np.int64)
    values = np.zeros((2, keys.size), np.float32)
    chosen = np.full(first_unit, -1, np.int64)  # which connection comes from each unit
    place = 0
    for neuron in range(count):
        for k in range(fan_in):
            chosen[sources[neuron, k]] = k
        for source in range(first_unit):
            if chosen[source] >= 0:
                keys[place] = (first_unit - n_inputs + neuron) * n_units + source
                values[:, place] = weights[neuron, chosen[source]]
                chosen[source] = -1
                place += 1
    later = n_units - first_unit - count
    readings = np.zeros((later, count), np.bool_)
    for neuron in range(count):
        for k in range(readers.shape[1]):
            readings[readers[neuron, k], neuron] = True
    for reader in range(later):
        row = first_unit - n_inputs + count + reader
        for neuron in range(count):
            if readings[reader, neuron]:
                keys[place] = row * n_units + first_unit + neuron
                place += 1
    return keys, values
