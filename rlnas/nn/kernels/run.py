"""One compiled call that trains a network, evaluates it and probes it.

Each of the three may have nothing to do. They are one function, because compiling them apart would
compile the passes that they have in common three times.
"""

import numpy as np

from rlnas.nn.kernels.denormals import flush_denormals, restore_mode
from rlnas.nn.kernels.memory import Scratch
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
from rlnas.nn.kernels.simd import TILE, compiled
from rlnas.nn.kernels.sums import sum_of
from rlnas.nn.structure import Index

_ZERO = np.float32(0)


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
    activations: np.ndarray,
    deltas: np.ndarray,
    gradients: np.ndarray,
    scratch: Scratch,
) -> tuple[float, float]:
    """Train on many batches, then evaluate on some samples, then probe on some others.

    The tallies of the scratch memory have a number for each output: the first those of the training
    batches, each measured before its own step, the second those of the samples that are judged, the
    third those of the samples that are probed. Of classes, it is the weights of the samples of the
    class that are predicted correctly, added up; otherwise the squared errors times the weights of
    the samples, added up.

    Args:
        samples: The data set, a `Samples`.
        index: Structure of the network, a `rlnas.nn.structure.Index`.
        connections: float32 `[4, connections]`, state of the weights; updated.
        units: float32 `[4, rows]`, state of the biases, which do not decay; updated.
        step: Number of optimiser steps taken so far.
        order: int32 `[batches, batch]`, the samples of each training batch.
        rates: float64 `[batches]`, learning rate of each step.
        ema_decay: Decay of the moving averages; a young network forgets its past faster.
        adam: Settings of the optimiser, an `Adam`.
        judged: int32 `[n]`, the samples to evaluate on.
        judged_at: Row of the state arrays to evaluate at, VALUE or EMA.
        probed: int32 `[m]`, the samples to probe on.
        probed_at: Row of the state arrays to probe at, VALUE or EMA.
        activations: float32 `[units, m]`, receives the activations of all units.
        deltas: float32 `[rows, m]`, receives d(mean loss)/d(pre-activation).
        gradients: float32 `[rows, units]`, receives the gradients of all possible connections,
            see `rlnas.nn.kernels.probe.correlate`; or `[rows, 0]`.
        scratch: Memory to work in, a `Scratch`.

    Returns:
        Sum over the batches of their losses before their steps: of the sum over the samples times
        their weights, divided by the number of samples; and the sum of the losses of the samples
        that are judged, times their weights.
    """
    mode: int = flush_denormals()
    batches, batch = order.shape
    losses = np.empty(batches)
    for_biases = Adam(adam.beta1, adam.beta2, adam.epsilon, 0.0)
    gradient, bias_gradient = scratch.gradient, scratch.bias_gradient
    scratch.tallies[:] = 0.0
    for t in range(batches):
        gradient[:] = _ZERO
        bias_gradient[:] = _ZERO
        loss = 0.0
        for start in range(0, batch, TILE):
            n = choose(order[t], start, scratch.lanes)
            loss += _forward_tile(
                *(samples, n, index, index.blocks, connections[0], units[0]),
                *(scratch, scratch.tallies[0], batch),
            )
            backward(
                *(index, connections[0], scratch.activations, scratch.deltas),
                *(gradient, bias_gradient),
            )
        losses[t] = loss / batch
        ema_rate = max(1 - ema_decay, 9 / (10 + step))  # the horizon is a ninth of its age
        step += 1
        adamw(connections, gradient, step, rates[t], adam, ema_rate)
        adamw(units, bias_gradient, step, rates[t], for_biases, ema_rate)
    total = 0.0
    for start in range(0, judged.size, TILE):
        n = choose(judged, start, scratch.lanes)
        total += _forward_tile(
            *(samples, n, index, index.blocks, connections[judged_at], units[judged_at]),
            *(scratch, scratch.tallies[1], int(judged.size > 0)),
        )
    for start in range(0, probed.size, TILE):
        n = choose(probed, start, scratch.lanes)
        _forward_tile(
            *(samples, n, index, index.all_blocks, connections[probed_at], units[probed_at]),
            *(scratch, scratch.tallies[2], probed.size),
        )
        backward(
            *(index, connections[probed_at], scratch.activations, scratch.deltas),
            *(gradient, bias_gradient),
        )
        for unit in range(activations.shape[0]):
            for b in range(n):
                activations[unit, start + b] = scratch.activations[unit, b]
        for row in range(deltas.shape[0]):
            for b in range(n):
                deltas[row, start + b] = scratch.deltas[row, b]
    if gradients.shape[1] > 0:
        correlate(deltas, activations, index.stops, gradients)
    restore_mode(mode)
    return sum_of(losses), total


@compiled
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
        return squared_error(
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
    for b in range(TILE):
        scratch.labels[b] = samples.labels[scratch.lanes[b]]
    return cross_entropy(
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
