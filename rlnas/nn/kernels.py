"""The compiled loops: gather, forward, backward, optimiser step, evaluation.

Samples are processed a tile at a time, batch-last: `activations[unit, sample]`, so that the
activations of all units stay in the fast caches, and each connection is one multiply-add of
contiguous rows.

Nothing is masked and nothing multiplies by zero: the cost of a training step is proportional to
the number of connections. All functions release the interpreter lock and allocate nothing.
"""

import math
import threading
from typing import Any, NamedTuple

import numpy as np

from rlnas.nn.jit import compile_loops
from rlnas.nn.simd import FASTMATH, LANES, TILE, backward_row, forward_row, gather_block

_LINE = 16  # floats in a cache line
_kept = threading.local()

compiled: Any = compile_loops(FASTMATH)

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
_NO_FLOOR = np.float32(-np.inf)
_NO_GATE = np.float32(np.nan)  # -inf would close on an output of -inf


class Samples(NamedTuple):
    """Raw samples and how to standardise them: an input is `(raw - mean) * scale`."""

    features: np.ndarray  # uint8 or float32 [samples, features]
    labels: np.ndarray  # int32 [samples]
    mean: np.ndarray  # float32 [features]
    scale: np.ndarray  # float32 [features]


class Scratch(NamedTuple):
    """Memory that the loops work in; `scratch` makes it."""

    activations: np.ndarray  # float32 [units, TILE]
    deltas: np.ndarray  # float32 [rows, TILE], d(loss)/d(pre-activation)
    lanes: np.ndarray  # int32 [TILE], the samples of the tile
    labels: np.ndarray  # int32 [TILE]
    highest: np.ndarray  # float32 [TILE]
    total: np.ndarray  # float32 [TILE]
    gradient: np.ndarray  # float32 [connections]
    bias_gradient: np.ndarray  # float32 [rows]


class Adam(NamedTuple):
    """Settings of the optimiser, see `adamw`."""

    beta1: float
    beta2: float
    epsilon: float
    decay: float


def aligned(*shape: int) -> np.ndarray:
    """float32 zeros that start on a cache line, so that no register load touches two."""
    size = math.prod(shape)
    memory = np.zeros(size + _LINE - 1, np.float32)
    start = -(memory.ctypes.data // 4) % _LINE
    return memory[start : start + size].reshape(shape)


def scratch(inputs: int, rows: int, connections: int) -> Scratch:
    """Scratch memory for a network with so many inputs, rows and connections.

    Each thread keeps its memory: what this returns is good until the thread's next call.
    """
    sizes = inputs, rows, connections
    if getattr(_kept, "sizes", None) == sizes:
        return _kept.scratch
    shapes = (
        (inputs + rows, TILE),
        (rows, TILE),
        *[(TILE,)] * 4,
        (connections,),
        (rows,),
    )
    ends = [0]
    for shape in shapes:
        lines = -(-math.prod(shape) // _LINE)
        ends.append(ends[-1] + lines * _LINE)
    memory = getattr(_kept, "memory", np.empty(0))
    if memory.size < ends[-1]:
        memory = aligned(ends[-1])
    activations, deltas, lanes, labels, *rest = (
        memory[start : start + math.prod(shape)].reshape(shape)
        for start, shape in zip(ends, shapes, strict=False)
    )
    made = Scratch(activations, deltas, lanes.view(np.int32), labels.view(np.int32), *rest)
    _kept.memory, _kept.sizes, _kept.scratch = memory, sizes, made
    return made


@compiled
def _exp(x):
    """e**x for x <= 0 in float32, in a form that LLVM can vectorise (no library call)."""
    x = max(x, _EXP_MIN)
    n = np.floor(x * _LOG2E + np.float32(0.5))
    r = x - n * _LN2_HIGH - n * _LN2_LOW
    p = _ONE + r * (_ONE + r * (_C2 + r * (_C3 + r * (_C4 + r * (_C5 + r * _C6)))))
    return p * np.int32((np.int32(n) + np.int32(127)) << np.int32(23)).view(np.float32)


@compiled
def gather(samples, chosen, blocks, lanes, activations):
    """Copy the features of a tile, standardised and transposed, into `activations[:features]`.

    Args:
        samples: a `Samples`.
        chosen: int32 `[n]`, rows of `samples.features`, 1 to `TILE`; where a tile has fewer, its
            last sample is repeated.
        blocks: int32 `[blocks]`, first columns of the blocks of eight features that are used;
            with fewer than eight features, all are.
        lanes: int32 `[TILE]`, scratch.
        activations: float32 `[>= features, TILE]`, written.
    """
    features, mean, scale = samples.features, samples.mean, samples.scale
    for b in range(TILE):
        lanes[b] = chosen[min(b, chosen.size - 1)]
    if mean.size < LANES:
        for b in range(TILE):
            for u in range(mean.size):
                activations[u, b] = (np.float32(features[lanes[b], u]) - mean[u]) * scale[u]
        return
    for b in range(0, TILE, 2 * LANES):  # a cache line of each input is written at once
        for column in blocks:
            gather_block(features, lanes, b, column, mean, scale, activations)
            gather_block(features, lanes, b + LANES, column, mean, scale, activations)


@compiled
def forward(index, weights, biases, activations):
    """Fill the activations of all hidden (ReLU) and output (linear) units of a tile.

    Args:
        index: a `rlnas.nn.structure.Index`.
        weights: float32 `[connections]`.
        biases: float32 `[rows]`.
        activations: float32 `[units, TILE]`; inputs are read, rows written.
    """
    for row in range(biases.size):
        floor = _ZERO if row < index.n_hidden else _NO_FLOOR
        forward_row(
            weights,
            index.columns,
            index.indptr[row],
            index.indptr[row + 1],
            activations,
            index.n_inputs + row,
            biases[row],
            floor,
        )


@compiled
def cross_entropy(logits, labels, n, share, delta, highest, total):
    """Softmax cross-entropy and its gradient.

    Args:
        logits: float32 `[classes, TILE]`.
        labels: int32 `[>= n]`.
        n: number of samples in the tile.
        share: weight of a sample in the mean loss, 1 / batch.
        delta: float32 `[classes, TILE]`; receives d(mean loss)/d(logits), zero from `n` on.
        highest: float32 `[TILE]`, scratch.
        total: float32 `[TILE]`, scratch.

    Returns:
        Sum of the losses over the samples, and the number of samples whose first largest logit is
        that of their label.
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
    correct = 0
    for b in range(n):
        label = labels[b]
        loss += np.log(total[b]) - (logits[label, b] - highest[b])
        if logits[label, b] == highest[b]:
            first = total[b] > _ZERO  # false for NaN: such a sample is never correct
            for c in range(label):
                first = first and logits[c, b] != highest[b]
            correct += first
    for b in range(TILE):
        total[b] = np.float32(share) / total[b] if b < n else _ZERO
    for c in range(classes):
        for b in range(TILE):
            delta[c, b] *= total[b]
    for b in range(n):
        delta[labels[b], b] -= np.float32(share)
    return loss, correct


@compiled
def backward(index, weights, activations, deltas, gradient, bias_gradient):
    """Add the gradients of a tile, from the output deltas down, in one sweep.

    Args:
        index: a `rlnas.nn.structure.Index`.
        weights: float32 `[connections]`.
        activations: float32 `[units, TILE]`, after `forward`.
        deltas: float32 `[rows, TILE]`; output rows hold d(loss)/d(logit), hidden rows are
            overwritten with d(loss)/d(pre-activation).
        gradient: float32 `[connections]`, added to.
        bias_gradient: float32 `[rows]`, added to.
    """
    rows = bias_gradient.size
    deltas[: index.n_hidden] = _ZERO
    for i in range(rows):
        row = rows - 1 - i
        gate = _ZERO if row < index.n_hidden else _NO_GATE
        bias_gradient[row] += backward_row(
            weights,
            index.columns,
            index.indptr[row],
            index.hidden_start[row],
            index.indptr[row + 1],
            activations,
            deltas,
            row,
            index.n_inputs,
            gate,
            gradient,
        )


@compiled
def adamw(state, gradient, step, rate, adam, ema_rate):
    """One step of Adam with decoupled weight decay, and of the exponential average of the values.

    Kingma & Ba 2015, algorithm 1; decay as in Loshchilov & Hutter 2019, algorithm 2.

    Args:
        state: float32 `[4, n]`: values, first moments, second moments, averaged values; updated.
        gradient: float32 `[n]`.
        step: number of this step, from 1.
        rate: learning rate.
        adam: an `Adam`: decays of the two moments, the number added to the root of the second,
            and the weight decay, which is multiplied by the learning rate.
        ema_rate: share of the new value in the average.
    """
    values = state[0]
    first = state[1]
    second = state[2]
    averages = state[3]
    b1 = np.float32(adam.beta1)
    b2 = np.float32(adam.beta2)
    c1 = np.float32(1 - adam.beta1)
    c2 = np.float32(1 - adam.beta2)
    size = np.float32(rate / (1 - adam.beta1**step))
    root = np.float32(1 / np.sqrt(1 - adam.beta2**step))
    eps = np.float32(adam.epsilon)
    keep = np.float32(1 - rate * adam.decay)
    share = np.float32(ema_rate)
    for i in range(gradient.size):
        g = gradient[i]
        m = b1 * first[i] + c1 * g
        v = b2 * second[i] + c2 * g * g
        w = keep * values[i] - size * m / (np.sqrt(v) * root + eps)
        first[i] = m
        second[i] = v
        values[i] = w
        averages[i] += share * (w - averages[i])


@compiled
def train(samples, order, index, connections, units, step, rates, ema_rates, adam, scratch, losses):
    """Train on many batches in one call.

    Args:
        samples: a `Samples`.
        order: int32 `[batches, batch]`, the samples of each batch.
        index: a `rlnas.nn.structure.Index`.
        connections: float32 `[4, connections]`, state of the weights; updated.
        units: float32 `[4, rows]`, state of the biases, which do not decay; updated.
        step: optimiser steps taken so far.
        rates: float64 `[batches]`, learning rates.
        ema_rates: float64 `[batches]`, see `adamw`.
        adam: an `Adam`.
        scratch: a `Scratch`.
        losses: float64 `[batches]`, receives the mean loss of each batch.

    Returns:
        Number of training samples that were predicted correctly when they were seen.
    """
    batches, batch = order.shape
    weights, biases = connections[0], units[0]
    for_biases = Adam(adam.beta1, adam.beta2, adam.epsilon, 0.0)
    total_correct = 0
    for t in range(batches):
        scratch.gradient[:] = _ZERO
        scratch.bias_gradient[:] = _ZERO
        loss = 0.0
        for start in range(0, batch, TILE):
            chosen = order[t, start : start + TILE]
            tile_loss, correct = _sweep(samples, chosen, index, weights, biases, scratch, batch)
            loss += tile_loss
            total_correct += correct
        losses[t] = loss / batch
        step += 1
        adamw(connections, scratch.gradient, step, rates[t], adam, ema_rates[t])
        adamw(units, scratch.bias_gradient, step, rates[t], for_biases, ema_rates[t])
    return total_correct


@compiled
def _tile(samples, chosen, index, weights, biases, scratch, batch):
    """Gather a tile, run it forward, and set the deltas of the outputs."""
    outputs = index.n_inputs + index.n_hidden
    gather(samples, chosen, index.blocks, scratch.lanes, scratch.activations)
    for b in range(TILE):
        scratch.labels[b] = samples.labels[scratch.lanes[b]]
    forward(index, weights, biases, scratch.activations)
    return cross_entropy(
        scratch.activations[outputs:],
        scratch.labels,
        chosen.size,
        1 / batch,
        scratch.deltas[index.n_hidden :],
        scratch.highest,
        scratch.total,
    )


@compiled
def _sweep(samples, chosen, index, weights, biases, scratch, batch):
    """Run a tile forward and backward, adding to the gradients; returns what `_tile` does."""
    loss, correct = _tile(samples, chosen, index, weights, biases, scratch, batch)
    backward(
        index,
        weights,
        scratch.activations,
        scratch.deltas,
        scratch.gradient,
        scratch.bias_gradient,
    )
    return loss, correct


@compiled
def evaluate(samples, chosen, index, weights, biases, scratch):
    """Sum of losses and number of correct predictions over samples `chosen`, int32 `[n]`."""
    total_loss = 0.0
    total_correct = 0
    for start in range(0, chosen.size, TILE):
        tile = chosen[start : start + TILE]
        loss, correct = _tile(samples, tile, index, weights, biases, scratch, 1)
        total_loss += loss
        total_correct += correct
    return total_loss, total_correct


@compiled
def forward_backward(samples, chosen, index, weights, biases, scratch, activations, deltas):
    """Activations and deltas of all units on some samples.

    Args:
        samples: a `Samples`.
        chosen: int32 `[n]`, rows of `samples.features`.
        index: a `rlnas.nn.structure.Index` that uses every input.
        weights: float32 `[connections]`.
        biases: float32 `[rows]`.
        scratch: a `Scratch`.
        activations: float32 `[units, n]`, written.
        deltas: float32 `[rows, n]`, written.
    """
    for start in range(0, chosen.size, TILE):
        tile = chosen[start : start + TILE]
        _sweep(samples, tile, index, weights, biases, scratch, chosen.size)
        activations[:, start : start + tile.size] = scratch.activations[:, : tile.size]
        deltas[:, start : start + tile.size] = scratch.deltas[:, : tile.size]
