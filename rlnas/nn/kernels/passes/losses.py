"""Losses of a tile and their gradients by the outputs: of classes, and of numbers."""

import numpy as np

from rlnas.jit import compile_loops
from rlnas.nn.kernels.fast_math import part
from rlnas.nn.kernels.simd.registers import TILE

# exp(r) on |r| <= log(2)/2: Taylor coefficients, relative error below 2e-7 in float32.
_LOG2E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.12194440e-4)
_EXP_MIN = np.float32(-87.0)
_C2 = np.float32(1 / 2)
_C3 = np.float32(1 / 6)
_C4 = np.float32(1 / 24)
_C5 = np.float32(1 / 120)
_C6 = np.float32(1 / 720)
_ZERO = np.float32(0)
_ONE = np.float32(1)


@part
def _exp(x: np.float32) -> np.float32:
    """e**x for x <= 0 in float32, in a form that LLVM can vectorise (no library call)."""
    x = max(x, _EXP_MIN)
    n = np.floor(x * _LOG2E + np.float32(0.5))
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = _ONE + r * (_ONE + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * _C6)))))
    y: np.float32 = p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)
    return y


@part
def cross_entropy(
    logits: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    n: int,
    share: float,
    delta: np.ndarray,
    highest: np.ndarray,
    total: np.ndarray,
    tally: np.ndarray,
) -> float:
    """Softmax cross-entropy and its gradient.

    The prediction is the first of the classes with the largest logit.

    Args:
        logits: float32 `[classes, TILE]`.
        labels: int32 `[n]` or longer, the class of each sample.
        weights: float32 `[n]` or longer, the weight of each sample.
        n: Number of samples in the tile.
        share: Weight of a sample in the mean loss, 1 / batch size.
        delta: float32 `[classes, TILE]`, receives d(mean loss)/d(logits), zero from column `n` on.
        highest: float32 `[TILE]`, scratch memory.
        total: float32 `[TILE]`, scratch memory.
        tally: float64 `[classes]` or longer; the weights of the samples of each class that are
            predicted correctly are added to it.

    Returns:
        Sum of the losses of the samples times their weights.
    """
    classes = logits.shape[0]
    for b in range(TILE):
        highest[b] = logits[0, b]
        total[b] = _ZERO
    for c in range(1, classes):
        for b in range(TILE):
            highest[b] = max(highest[b], logits[c, b])
    for c in range(classes):
        for b in range(TILE):
            e = _exp(logits[c, b] - highest[b])
            delta[c, b] = e
            total[b] += e
    loss = 0.0
    for b in range(n):
        label = labels[b]
        loss += weights[b] * (np.log(total[b]) - (logits[label, b] - highest[b]))
        if logits[label, b] == highest[b]:
            first = total[b] > _ZERO  # false for NaN: such a sample is never correct
            for c in range(label):
                first = first and logits[c, b] != highest[b]
            if first:
                tally[label] += weights[b]
    for b in range(TILE):
        total[b] = np.float32(share) * weights[b] / total[b] if b < n else _ZERO
    for c in range(classes):
        for b in range(TILE):
            delta[c, b] *= total[b]
    for b in range(n):
        delta[labels[b], b] -= np.float32(share) * weights[b]
    return loss


@compile_loops()  # in this order, wherever it is compiled into
def _product(weight: np.float32, factor: np.float32, error: np.float32) -> np.float32:
    return weight * (factor * error)


@part
def squared_error(
    outputs: np.ndarray,
    targets: np.ndarray,
    bends: np.ndarray,
    lanes: np.ndarray,
    weights: np.ndarray,
    n: int,
    share: float,
    delta: np.ndarray,
    tally: np.ndarray,
) -> float:
    """Mean squared error over the outputs, or a robust loss, and its gradient.

    Beyond the bend of an output, the loss goes on as a straight line, by the tangent of the square
    there: twice the loss of Huber 1964.

    Args:
        outputs: float32 `[outputs, TILE]`.
        targets: float32 `[samples, outputs]`.
        bends: float32 `[outputs]`, the absolute error up to which the loss is a square; infinite
            for the squared error.
        lanes: int32 `[n]` or longer, the row in `targets` of each sample of the tile.
        weights: float32 `[n]` or longer, the weight of each sample.
        n: Number of samples in the tile.
        share: Weight of a sample in the mean loss, 1 / batch size.
        delta: float32 `[outputs, TILE]`, receives d(mean loss)/d(outputs), zero from column `n` on.
        tally: float64 `[outputs]` or longer; the squared errors of each output times the weights of
            the samples are added to it.

    Returns:
        Sum of the losses of the samples times their weights.
    """
    width = outputs.shape[0]
    factor = np.float32(2 * share / width)
    loss = 0.0
    for k in range(width):
        bend = bends[k]
        for b in range(TILE):
            delta[k, b] = _ZERO
        for b in range(n):
            error = outputs[k, b] - targets[lanes[b], k]
            square = np.float64(error) * np.float64(error)
            tally[k] += weights[b] * square
            if abs(error) > bend:
                square = bend * (2 * np.float64(abs(error)) - bend)
                error = bend if error > _ZERO else -bend
            loss += weights[b] * square
            delta[k, b] = _product(weights[b], factor, error)
    mean: float = loss / width
    return mean
