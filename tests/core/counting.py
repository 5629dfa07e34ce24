"""Numbers that count their multiplications and divisions, and the loops of training over them.

The loops are plain and written down once more, a sample and a connection at a time, in double
precision. What they compute shows that they are the right ones; what they count is the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log, log2, sqrt

import numpy as np

from rlnas.data.dataset import Dataset
from rlnas.nn.network import EMA, FIRST_MOMENT, SECOND_MOMENT, VALUE, SparseNetwork
from rlnas.nn.structure import BLOCK
from rlnas.nn.training import Hyperparameters


class Number:
    """A real number; all of them share one count."""

    products = 0

    def __init__(self, value: float):
        self.value = float(value)

    def __add__(self, other: Number | float) -> Number:
        return Number(self.value + float(other))

    def __sub__(self, other: Number | float) -> Number:
        return Number(self.value - float(other))

    def __mul__(self, other: Number | float) -> Number:
        Number.products += 1
        return Number(self.value * float(other))

    def __truediv__(self, other: Number | float) -> Number:
        Number.products += 1
        return Number(self.value / float(other))

    __radd__, __rmul__ = __add__, __mul__

    def __rtruediv__(self, other: float) -> Number:
        return Number(other) / self

    def __float__(self) -> float:
        return self.value


def numbers(values: np.ndarray) -> list[Number]:
    """The values as numbers that count."""
    return [Number(value) for value in values.tolist()]


def exponential(x: Number) -> Number:
    """e**x, by powers of two and a series for what is left."""
    n = floor((x * log2(np.e)).value + 0.5)
    rest = x - Number(n) * 0.693359375 - Number(n) * (log(2) - 0.693359375)
    series = Number(1 / 720)
    for coefficient in (1 / 120, 1 / 24, 1 / 6, 1 / 2, 1, 1):
        series = rest * series + coefficient
    return series * 2.0**n


@dataclass
class Sample:
    """What one sample computes.

    Attributes:
        units: activations of all units; the inputs that are not read are zero.
        deltas: derivatives of the loss by the pre-activations of hidden units and outputs.
        loss: cross-entropy.
        correct: whether the first of the largest outputs is right.
    """

    units: list[Number]
    deltas: list[Number]
    loss: float
    correct: bool


def inputs_of(network: SparseNetwork, data: Dataset, sample: int, everything: bool) -> list[Number]:
    """The inputs of a sample, standardised in blocks, of which those without a reader are left out.

    The last block ends with the last input, so that it may do some again.
    """
    n, read = network.n_inputs, set(network.indices[network.indices < network.n_inputs].tolist())
    found = [Number(0)] * n
    for start in range(0, n, BLOCK):
        if everything or read & set(range(start, start + BLOCK)):
            first = max(min(start, n - BLOCK), 0)
            for u in range(first, min(first + BLOCK, n)):
                raw, mean = float(data.features[sample, u]), float(data.mean[u])
                found[u] = Number(raw - mean) * float(data.scale[u])
    return found


def forward(
    network: SparseNetwork,
    data: Dataset,
    sample: int,
    weights: list[Number],
    biases: list[Number],
    share: float,
    everything: bool = False,
) -> Sample:
    """Run a sample forward, up to the derivatives of the outputs.

    Args:
        network: the structure.
        data: the data set.
        sample: a row of it.
        weights: weight of each connection.
        biases: bias of each hidden unit and output.
        share: weight of the sample in the mean loss.
        everything: whether to standardise inputs that have no reader.
    """
    units = inputs_of(network, data, sample, everything)
    for row, bias in enumerate(biases):
        total = bias
        for k in range(network.indptr[row], network.indptr[row + 1]):
            total = total + weights[k] * units[network.indices[k]]
        units.append(Number(max(total.value, 0)) if row < network.n_hidden else total)
    outputs = units[-network.n_outputs :]
    highest = max(output.value for output in outputs)
    powers = [exponential(output - highest) for output in outputs]
    total = sum(powers, Number(0))
    label = int(data.labels[sample])
    factor = share / total
    deltas = [power * factor for power in powers]
    deltas[label] = deltas[label] - share
    values = [output.value for output in outputs]
    loss = log(total.value) - (values[label] - highest)
    hidden = [Number(0)] * network.n_hidden
    return Sample(units, hidden + deltas, loss, values.index(highest) == label)


def backward(
    network: SparseNetwork,
    weights: list[Number],
    sample: Sample,
    slopes: list[Number],
    bias_slopes: list[Number],
) -> None:
    """Run a sample backward: fill its deltas, add to the gradients of weights and biases."""
    for row in reversed(range(len(bias_slopes))):
        unit = network.n_inputs + row
        if row < network.n_hidden and sample.units[unit].value <= 0:
            sample.deltas[row] = Number(0)  # still multiplied by: no loop asks
        delta = sample.deltas[row]
        bias_slopes[row] = bias_slopes[row] + delta
        for k in range(network.indptr[row], network.indptr[row + 1]):
            source = network.indices[k]
            slopes[k] = slopes[k] + delta * sample.units[source]
            if source >= network.n_inputs:
                before = source - network.n_inputs
                sample.deltas[before] = sample.deltas[before] + weights[k] * delta


def train(
    network: SparseNetwork, data: Dataset, order: np.ndarray, settings: Hyperparameters
) -> None:
    """Train a network in place, as `rlnas.nn.training.train`."""
    connections = [numbers(row) for row in network.connections.astype(float)]
    units = [numbers(row) for row in network.units.astype(float)]
    for batch in order:
        slopes = [Number(0)] * network.active_weights
        bias_slopes = [Number(0)] * len(units[VALUE])
        for sample in batch.tolist():
            share = 1 / batch.size
            found = forward(network, data, sample, connections[VALUE], units[VALUE], share)
            backward(network, connections[VALUE], found, slopes, bias_slopes)
        ema_rate = max(1 - settings.ema_decay, 9 / (10 + network.steps))
        network.steps += 1
        for state, gradient, decay in (
            (connections, slopes, settings.weight_decay),
            (units, bias_slopes, 0.0),
        ):
            _step(state, gradient, network.steps, settings, decay, ema_rate)
    network.connections[:] = [[float(each) for each in row] for row in connections]
    network.units[:] = [[float(each) for each in row] for row in units]


def _step(
    state: list[list[Number]],
    slopes: list[Number],
    step: int,
    settings: Hyperparameters,
    decay: float,
    ema_rate: float,
) -> None:
    """AdamW with bias correction (Kingma & Ba 2015, algorithm 1), and the moving average."""
    values, firsts, seconds, averages = (
        state[k] for k in (VALUE, FIRST_MOMENT, SECOND_MOMENT, EMA)
    )
    beta1, beta2, rate = settings.beta1, settings.beta2, settings.learning_rate
    step_size, keep = rate / (1 - beta1**step), 1 - rate * decay
    root_factor = 1 / sqrt(1 - beta2**step)
    for k, slope in enumerate(slopes):
        firsts[k] = beta1 * firsts[k] + (1 - beta1) * slope
        seconds[k] = beta2 * seconds[k] + (1 - beta2) * slope * slope
        root = Number(sqrt(seconds[k].value)) * root_factor
        values[k] = keep * values[k] - step_size * firsts[k] / (root + settings.epsilon)
        averages[k] = averages[k] + ema_rate * (values[k] - averages[k])


def evaluate(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> tuple[float, float]:
    """Accuracy and mean loss with the averaged parameters."""
    weights, biases = numbers(network.connections[EMA]), numbers(network.units[EMA])
    found = [forward(network, data, sample, weights, biases, 1) for sample in samples.tolist()]
    return (
        sum(each.correct for each in found) / samples.size,
        sum(each.loss for each in found) / samples.size,
    )


def probe(network: SparseNetwork, data: Dataset, samples: np.ndarray) -> np.ndarray:
    """float64 `[rows, units]`: gradients of all connections that there could be."""
    weights, biases = numbers(network.connections[VALUE]), numbers(network.units[VALUE])
    rows, units = len(biases), network.n_units
    gradients = [[Number(0)] * units for _ in range(rows)]
    slopes, bias_slopes = [Number(0)] * network.active_weights, [Number(0)] * rows
    layers = network.unit_layers
    for sample in samples.tolist():
        found = forward(network, data, sample, weights, biases, 1 / samples.size, everything=True)
        backward(network, weights, found, slopes, bias_slopes)
        for row, delta in enumerate(found.deltas):
            for unit in np.flatnonzero(layers < layers[network.n_inputs + row]).tolist():
                gradients[row][unit] = gradients[row][unit] + delta * found.units[unit]
    return np.array([[float(each) for each in row] for row in gradients])
