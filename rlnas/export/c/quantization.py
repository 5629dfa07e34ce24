"""A network with int8 weights whose other numbers take few bits, too: what compact C code stores.

A ReLU network stays the same if a hidden unit is divided by a positive number that its readers
multiply by. So a hidden unit is kept in a measure of its own, in which it is an integer combination
of its sources, divided by a power of two: no factor needs to be stored. The powers are those with
which measures differ least and no sample in the range of training exceeds 16 bits. What is
subtracted from inputs, and the ratio of a factor to the one that is stored, go to the biases and
weights before these are rounded.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rlnas.export.inference import Inference
from rlnas.nn.scipy_forward import layer_matrices

LARGEST = 32767
"""Largest input, hidden unit and bias in 16 bits."""

PER_STD = 8
"""Parts of a standard deviation in which the bounds of inputs are stored."""

WHOLE = 32_000
"""Largest feature that is taken as a 16-bit integer; its mean in bfloat16 is one, too."""

_LEVELS = 127  # largest int8 weight
_SUM = 20_000  # largest sum of int8 weights before rounding; with it, no sum exceeds 32 bits
_BIAS = 24_000  # largest bias, in its unit, before weights are rounded
_WIDER = 1.5  # a step is at most this many times the smallest
_TRIED = 64  # steps that are compared
_FACTOR = 255  # largest factor of an output
_SPARE = 7  # bits of a hidden unit that may be left unused so that its measure is that of others
_COARSEST = 4  # standard deviations times the step of a unit, divided by the unit of its bias
_BIAS_SHIFTS = 13  # bits that a bias is shifted by at most
_NEAR = 16  # a mean of more standard deviations is subtracted first: float32 would lose digits
_PLAIN = 1e6  # scales between this and its reciprocal can be left to the logits
_FRACTIONS = 8, 14  # fewest and most bits of an integer that are a fraction of a standard deviation


@dataclass(frozen=True, eq=False)
class Quantized:
    """A network in few bytes.

    An input is ``(feature - network.mean) * network.scale``; integer code multiplies it by
    ``2**fraction`` and rounds it. A sum is ``codes @ sources`` and ``biases * 2**bias_shift``,
    which floating-point code divides by ``2**fraction``. A hidden unit is the positive part of its
    sum divided by ``2**scales``, a logit the sum times ``scales * step``.

    Attributes:
        network: The network as floating-point code computes it.
        in_place: Whether inputs are features as they are given, and `mean` is 0 and `scale` 1; in
            integer code also whether they are bytes.
        fraction: Bits of integer inputs behind the binary point.
        codes: Weights, int8 `[connections]`.
        biases: int16 `[rows]`.
        scales: Exponents of hidden units, factors of outputs, uint8 `[rows]`.
        bias_shift: See above.
        step: See above.
    """

    network: Inference
    in_place: bool
    fraction: int
    codes: NDArray[np.int8]
    biases: NDArray[np.int16]
    scales: NDArray[np.uint8]
    bias_shift: int
    step: float


def reads_in_place(inference: Inference, integers: bool) -> bool:
    """Whether code can read features without a mean and scale of each.

    Args:
        inference: The network.
        integers: Whether the code has integers only; then features have to be bytes.
    """
    scale = float(inference.scale[0])
    alike = (inference.scale, inference.low, inference.high)
    same = all((each == each[0]).all() for each in alike) and not inference.offset.any()
    near = np.abs(inference.mean).max() * scale <= _NEAR and 1 / _PLAIN <= scale <= _PLAIN
    bytes_ = inference.whole and inference.low.min() >= 0 and inference.high.max() <= 255
    return bool(same and near and (bytes_ or not integers))


def are_small_integers(inference: Inference) -> bool:
    """Whether features are integers of 16 bits."""
    within = inference.low.min() >= -WHOLE and inference.high.max() <= WHOLE
    return bool(inference.whole and within)


def quantize(inference: Inference, integers: bool = False) -> Quantized:
    """Round a network to int8 weights and 16-bit biases.

    Args:
        inference: The network.
        integers: Whether it is for code that has integers only.
    """
    in_place = reads_in_place(inference, integers)
    given = _standardised(inference, in_place)
    low, high = given.bounds.astype(float)
    measure = float(inference.scale[0]) if in_place else 1.0
    fraction = _fraction(inference, low, high, in_place, measure)
    bound = LARGEST / 2.0**fraction
    shift = int(np.floor(-np.log2(measure * _COARSEST))) + fraction
    shift = max(0, min(shift, _BIAS_SHIFTS))
    rounding = _Rounding(
        inference,
        given,
        low.clip(-bound, bound),
        high.clip(-bound, bound),
        measure,
        fraction,
        2.0 ** (shift - fraction),
    )
    codes, biases, scales, last = rounding.rounded()
    n_hidden = biases.size - inference.layer_sizes[-1]
    step = np.float32(last)
    factors = np.concatenate([0.5 ** scales[:n_hidden], scales[n_hidden:] * float(step)])
    network = replace(
        given,
        weights=(codes * factors[inference.rows]).astype(np.float32),
        biases=(biases * rounding.bias_unit * factors).astype(np.float32),
    )
    return Quantized(
        network,
        in_place,
        fraction,
        codes.astype(np.int8),
        biases.astype(np.int16),
        scales.astype(np.uint8),
        shift,
        float(step),
    )


@dataclass(frozen=True)
class _Rounding:
    """What rounding needs to know: two networks, of which the second has other means and scales.

    Attributes:
        inference: The network.
        given: The same, with the means and scales that code stores.
        low: Lowest inputs in the range of training, `[inputs]`.
        high: Highest inputs, `[inputs]`.
        measure: What 1 means of an input, and should of a hidden unit.
        fraction: Bits of integer inputs behind the binary point.
        bias_unit: What a bias of 1 adds to a sum.
    """

    inference: Inference
    given: Inference
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    measure: float
    fraction: int
    bias_unit: float

    def rounded(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
        """Round layer by layer.

        Returns:
            Integer weights `[connections]` and biases `[rows]`, `Quantized.scales` and
            `Quantized.step`.
        """
        inference, n_inputs = self.inference, self.inference.layer_sizes[0]
        n_units, n_rows = sum(inference.layer_sizes), inference.biases.size
        # of each source: its measure, what its zero means, and its range
        measures, zeros, lows, highs = (np.zeros(n_units) for _ in range(4))
        measures[:n_inputs] = inference.scale / self.given.scale.astype(float)
        zeros[:n_inputs] = (self.given.mean.astype(float) - inference.mean) * self.given.scale
        lows[:n_inputs], highs[:n_inputs] = self.low, self.high
        codes, biases, scales = np.zeros(inference.weights.size), np.zeros(n_rows), np.zeros(n_rows)
        for start, stop in pairwise(inference.starts[1:]):
            layer = slice(start - n_inputs, stop - n_inputs)
            own = slice(inference.indptr[layer.start], inference.indptr[layer.stop])
            rows, sources = inference.rows[own] - layer.start, inference.indices[own]
            weights = inference.weights[own] * measures[sources]
            step = self._least_steps(layer, rows, weights, zeros[sources])
            unit = step.max() * _WIDER / _FACTOR if stop == n_units else 0.0
            step = _best_steps(step, unit, rows, weights)
            codes[own] = integers = np.rint(weights / step[rows])
            constant = np.bincount(rows, integers * zeros[sources], step.size)
            bias = np.rint((inference.biases[layer] / step + constant) / self.bias_unit)
            biases[layer] = bias.clip(-LARGEST, LARGEST)
            measures[start:stop] = step
            if stop == n_units:
                scales[layer] = np.rint(step / unit)
            else:
                ends = np.where(integers > 0, highs[sources], lows[sources])
                top = np.bincount(rows, integers * ends, step.size) + biases[layer] * self.bias_unit
                top = np.maximum(top, 0)
                least = np.ceil(np.log2(np.maximum(top * 2.0**self.fraction / LARGEST, 1)))
                wanted = np.rint(np.log2(self.measure / step))
                scales[layer] = exponents = wanted.clip(least, least + _SPARE)
                measures[start:stop], highs[start:stop] = step * 2**exponents, top / 2**exponents
        return codes, biases, scales, unit

    def _least_steps(
        self,
        layer: slice,
        rows: NDArray[np.intp],
        weights: NDArray[np.float64],
        zeros: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """The smallest step of each row with which weights, their sum and the bias fit."""
        largest, biases = np.zeros(layer.stop - layer.start), self.inference.biases[layer]
        np.maximum.at(largest, rows, np.abs(weights))
        total = np.bincount(rows, np.abs(weights), largest.size)
        reach = np.abs(biases) + np.bincount(rows, np.abs(weights * zeros), largest.size)
        needed = largest / _LEVELS, total / _SUM, reach / (_BIAS * self.bias_unit)
        step = np.max(needed, axis=0)
        return np.where(step > 0, step, 1)


def _best_steps(
    least: NDArray[np.float64],
    unit: float,
    rows: NDArray[np.intp],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The steps, a little larger than the smallest, that lie closest to the weights of their row.

    Args:
        least: The smallest step of each row.
        unit: What steps have to be multiples of; 0 for any.
        rows: The row of each weight.
        weights: The weights.
    """
    best, errors = least, np.full(least.size, np.inf)
    for wider in np.linspace(1, _WIDER, _TRIED, endpoint=False):
        steps = np.ceil(least * wider / unit) * unit if unit else least * wider
        each = steps[rows]
        found = np.bincount(rows, (weights - np.rint(weights / each) * each) ** 2, least.size)
        best, errors = np.where(found < errors, steps, best), np.minimum(found, errors)
    return best


def dequantize(inference: Inference) -> Inference:
    """The network that code with int8 weights and floating-point units computes."""
    return quantize(inference).network


def bfloat16(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values rounded to the upper half of a float32."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    bits += 0x7FFF + (bits >> 16 & 1)
    return (bits.astype(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def _standardised(inference: Inference, in_place: bool) -> Inference:
    """The network with the means and scales that code stores; its weights are as they were."""
    ends = np.stack([inference.low, inference.high])
    if in_place:
        zeros = np.zeros_like(inference.mean)
        return replace(inference, mean=zeros, scale=zeros + 1, bounds=ends.astype(np.float32))
    mean = np.rint(inference.mean) if are_small_integers(inference) else inference.mean
    mean, scale = bfloat16(mean), bfloat16(inference.scale)
    # rounded away from the samples, whose inputs stay what they are
    low, high = (ends - inference.offset - mean) * scale.astype(float) * PER_STD
    bounds = np.stack([np.floor(low), np.ceil(high)]).clip(-128, 127) / PER_STD
    return replace(inference, mean=mean, scale=scale, bounds=bounds.astype(np.float32))


def _fraction(
    inference: Inference,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    in_place: bool,
    measure: float,
) -> int:
    """Bits of an input behind the binary point, such that inputs and hidden units fit into 16.

    Args:
        inference: The network.
        low: Lowest inputs in the range of training, `[inputs]`.
        high: Highest inputs, `[inputs]`.
        in_place: See `Quantized`.
        measure: What 1 means of an input.
    """
    inputs = max(-low.min(), high.max(), 1 / measure)
    hidden = _highest(inference) / measure
    if in_place:
        most = _bits(inputs)
        return min(most, max(0, _bits(hidden)))
    return max(_FRACTIONS[0], min(_bits(max(inputs, hidden)), _FRACTIONS[1]))


def _bits(reach: float) -> int:
    """Bits behind the binary point of 16-bit numbers up to this."""
    return int(np.floor(np.log2(LARGEST / reach)))


def _highest(inference: Inference) -> float:
    """A bound of all hidden units for samples in the range of training, at least 1."""
    lows, highs = np.zeros((2, sum(inference.layer_sizes)))
    first = inference.layer_sizes[0]
    lows[:first], highs[:first] = inference.bounds
    arrays = inference.indptr, inference.indices, inference.weights.astype(float)
    for own, matrix in layer_matrices(inference.layer_sizes, *arrays):
        top = matrix.maximum(0) @ highs[: own.start] + matrix.minimum(0) @ lows[: own.start]
        highs[own] = np.maximum(top + inference.biases[own.start - first : own.stop - first], 0)
    return float(highs[first : -inference.layer_sizes[-1]].max(initial=1))
