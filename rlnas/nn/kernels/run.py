"""One compiled call that trains a network, evaluates it and probes it.

Each of the three may have nothing to do. They are one loop over passes, so that what they have in
common is compiled once, and so that threads wait once for the interpreter lock.
"""

import numpy as np

from rlnas.nn.kernels.denormals import flush_denormals, restore_mode
from rlnas.nn.kernels.draws import Drawing, draw
from rlnas.nn.kernels.memory import Scratch, scratch
from rlnas.nn.kernels.passes import (
    Adam,
    Samples,
    adamw,
    backward,
    choose,
    cross_entropy,
    forward,
    gather,
    squared_error,
)
from rlnas.nn.kernels.probe import correlate
from rlnas.nn.kernels.simd import TILE, compiled, part
from rlnas.nn.kernels.sums import sum_of
from rlnas.nn.structure import Index

_ZERO = np.float32(0)
_VALUE = 0  # row of the state arrays


@compiled
def run(
    samples: Samples,
    index: Index,
    connections: np.ndarray,
    units: np.ndarray,
    step: int,
    order: np.ndarray,
    rates: np.ndarray,
    ema_decay: float,
    adam: Adam,
    judged: np.ndarray,
    judged_at: int,
    probed: np.ndarray,
    probed_at: int,
    correlates: bool,
    drawing: Drawing,
) -> tuple[float, float, int, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Train on many batches, then evaluate on some samples, then probe on some others.

    A tally has a number for each output. Of classes, it is the weights of the samples of the class
    that are predicted correctly, added up; otherwise the squared errors times the weights of the
    samples, added up.

    Args:
        samples: The data set, a `Samples`.
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        connections: float32 `[4, connections]`, state of the weights; updated.
        units: float32 `[4, rows]`, state of the biases, which do not decay; updated.
        step: Number of optimiser steps taken so far.
        order: int32 `[batches, batch]`, the samples of each training batch; or where they are
            drawn to.
        rates: float64 `[batches]`, learning rate of each step.
        ema_decay: Decay of the moving averages; a young network forgets its past faster.
        adam: Settings of the optimiser, an `Adam`.
        judged: int32 `[n]`, the samples to evaluate on.
        judged_at: Row of the state arrays to evaluate at, VALUE or EMA.
        probed: int32 `[m]`, the samples to probe on; or where they are drawn to.
        probed_at: Row of the state arrays to probe at, VALUE or EMA.
        correlates: Whether the gradients of all possible connections are wanted of the probe.
        drawing: What the samples to train on and to probe on are drawn from, if they are not given.

    Returns:
        The loss of the training batches, each before its step: the sum over the samples times their
        weights, divided by the size of a batch. The loss of the samples that are judged, times
        their weights, added up. What `rlnas.nn.kernels.draws.draw` returned.

        float64 `[3, outputs]`, the tallies of the training batches, each before its step, of the
        samples that are judged, and of those that are probed. float32 `[units, m]`, the activations
        of all units in the probe. float32 `[rows, m]`, d(mean loss)/d(pre-activation). float32
        `[rows, units]`, the gradients of all possible connections, see
        `rlnas.nn.kernels.probe.correlate`; or `[rows, 0]`.
    """
    memory = scratch(index)
    batches, batch = order.shape
    losses, tallies = np.empty(batches), np.zeros((3, index.stops.size - index.n_hidden))
    activations = np.empty((index.n_inputs + index.stops.size, probed.size), np.float32)
    deltas = np.empty((index.stops.size, probed.size), np.float32)
    columns = activations.shape[0] if correlates else 0
    gradients = np.empty((index.stops.size, columns), np.float32)
    drawn = draw(drawing, order.reshape(-1), probed) if drawing.function != 0 else -1
    mode: int = flush_denormals()
    for_biases = Adam(adam.beta1, adam.beta2, adam.epsilon, 0.0)
    gradient, bias_gradient = memory.gradient, memory.bias_gradient
    total = 0.0
    for t in range(batches + 2):  # passes: the training batches, what is judged, what is probed
        chosen, blocks, at, size, tally = judged, index.blocks, judged_at, 1, tallies[1]
        if t < batches:
            chosen, at, size, tally = order[t], _VALUE, batch, tallies[0]
        elif t > batches:
            chosen, blocks, at, size = probed, index.all_blocks, probed_at, probed.size
            tally = tallies[2]
        gradient[:] = _ZERO
        bias_gradient[:] = _ZERO
        loss = 0.0
        for start in range(0, chosen.size, TILE):
            n = choose(chosen, start, memory.lanes)
            weights, biases = connections[at], units[at]
            loss += _forward_tile(samples, n, index, blocks, weights, biases, memory, tally, size)
            if t != batches:
                activity, slopes = memory.activations, memory.deltas
                backward(index, weights, activity, slopes, gradient, bias_gradient)
            if t > batches:
                _keep(memory.activations, n, start, activations)
                _keep(memory.deltas, n, start, deltas)
        if t < batches:
            losses[t] = loss / batch
            ema_rate = max(1 - ema_decay, 9 / (10 + step))  # the horizon is a ninth of its age
            step += 1
            adamw(connections, gradient, step, rates[t], adam, ema_rate)
            adamw(units, bias_gradient, step, rates[t], for_biases, ema_rate)
        elif t == batches:
            total = loss
    if correlates:
        correlate(deltas, activations, index.stops, gradients)
    restore_mode(mode)
    return sum_of(losses), total, drawn, tallies, activations, deltas, gradients


@part
def _keep(tile: np.ndarray, n: int, start: int, kept: np.ndarray) -> None:
    """Copy the first `n` samples of a tile to those from `start` on."""
    for row in range(kept.shape[0]):
        for b in range(n):
            kept[row, start + b] = tile[row, b]


@part
def _forward_tile(
    samples: Samples,
    n: int,
    index: Index,
    blocks: np.ndarray,
    weights: np.ndarray,
    biases: np.ndarray,
    scratch: Scratch,
    tally: np.ndarray,
    batch: int,
) -> float:
    """Run a tile forward and compute the deltas of the outputs; the sum of weighted losses.

    Args:
        samples: The data set.
        n: Number of samples in the tile, the first of `scratch.lanes`.
        index: Structure of the network.
        blocks: Blocks of inputs to gather.
        weights: float32 `[connections]`.
        biases: float32 `[rows]`.
        scratch: Memory to work in.
        tally: float64 `[outputs]` or longer, added to.
        batch: Number of samples that the loss is the mean over.
    """
    outputs = scratch.activations[index.n_inputs + index.n_hidden :]
    deltas = scratch.deltas[index.n_hidden :]
    gather(samples, scratch.lanes, blocks, scratch.activations)
    for b in range(TILE):
        scratch.weights[b] = samples.weights[scratch.lanes[b]]
    forward(index, weights, biases, scratch.activations)
    if samples.targets.shape[1]:
        loss = squared_error(
            outputs,
            samples.targets,
            samples.bends,
            scratch.lanes,
            scratch.weights,
            n,
            1 / batch,
            deltas,
            tally,
        )
    else:
        for b in range(TILE):
            scratch.labels[b] = samples.labels[scratch.lanes[b]]
        loss = cross_entropy(
            outputs,
            scratch.labels,
            scratch.weights,
            n,
            1 / batch,
            deltas,
            scratch.highest,
            scratch.total,
            tally,
        )
    return loss
