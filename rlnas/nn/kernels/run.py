"""One compiled call that draws samples, trains a network, evaluates it and probes it.

Each of the four may have nothing to do. The last three are one loop, so that the passes that they
have in common are compiled once. They are one call, so that threads wait once for the interpreter
lock.
"""

import numpy as np

from rlnas.nn.kernels.denormals import flush_denormals, restore_mode
from rlnas.nn.kernels.draws import Drawing, draw
from rlnas.nn.kernels.fast_math import compiled_in_place, part
from rlnas.nn.kernels.memory import Scratch
from rlnas.nn.kernels.passes import (
    Adam,
    Samples,
    adamw,
    backward,
    choose,
    cross_entropy,
    form_teams,
    forward,
    gather,
    split,
    squared_error,
)
from rlnas.nn.kernels.probe import correlate
from rlnas.nn.kernels.simd.registers import TILE
from rlnas.nn.structure import Index

_ZERO = np.float32(0)


@compiled_in_place
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
    drawing: Drawing,
    activations: np.ndarray,
    deltas: np.ndarray,
    gradients: np.ndarray,
    losses: np.ndarray,
    scratch: Scratch,
) -> int:
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
        order: int32 `[batches, batch]`, the samples of each training batch; or where they are
            drawn to.
        rates: float64 `[batches]`, learning rate of each step.
        ema_decay: Decay of the moving averages; a young network forgets its past faster.
        adam: Settings of the optimiser, an `Adam`.
        judged: int32 `[n]`, the samples to evaluate on.
        judged_at: Row of the state arrays to evaluate at, VALUE or EMA.
        probed: int32 `[m]`, the samples to probe on; or where they are drawn to.
        probed_at: Row of the state arrays to probe at, VALUE or EMA.
        drawing: What the samples to train on and to probe on are drawn from, if they are not given.
        activations: float32 `[units, m]`, receives the activations of all units.
        deltas: float32 `[rows, m]`, receives d(mean loss)/d(pre-activation).
        gradients: float32 `[rows, units]`, receives the gradients of all possible connections,
            see `rlnas.nn.kernels.probe.correlate`; or `[rows, 0]`.
        losses: float64 `[batches + 2]`, receives the sum over the samples of each batch of their
            losses before its step times their weights, divided by the number of samples; then the
            sums of the losses of the samples that are judged, and of those that are probed divided
            by their number, times their weights.
        scratch: Memory to work in, a `Scratch`.

    Returns:
        What `rlnas.nn.kernels.draws.draw` returned; -1 if nothing was drawn.
    """
    drawn = draw(drawing, order.reshape(-1), probed) if drawing.function != 0 else -1
    mode: int = flush_denormals()
    batches, batch = order.shape
    gradient, bias_gradient = scratch.gradient, scratch.bias_gradient
    splits, teams = split(index, scratch.splits), scratch.teams
    form_teams(index, teams)
    for_biases = Adam(adam.beta1, adam.beta2, adam.epsilon, 0.0)
    scratch.tallies[:] = 0.0
    for turn in range(batches + 2):
        trains, probes = turn < batches, turn > batches
        chosen, at, blocks = judged, judged_at, index.blocks
        if trains:
            chosen, at = order[turn], 0
        if probes:
            chosen, at, blocks = probed, probed_at, index.all_blocks
        weights, biases = connections[at], units[at]
        tally = scratch.tallies[0 if trains else turn - batches + 1]
        size = chosen.size if trains or probes else 1
        gradient[:] = _ZERO
        bias_gradient[:] = _ZERO
        losses[turn] = 0.0
        for start in range(0, chosen.size, TILE):
            n = choose(chosen, start, scratch.lanes)
            losses[turn] += _forward_tile(
                samples, n, index, splits, blocks, weights, biases, scratch, tally, size
            )
            if trains or probes:
                backward(
                    index,
                    splits,
                    teams,
                    weights,
                    scratch.activations,
                    scratch.deltas,
                    gradient,
                    bias_gradient,
                )
            if probes:
                for unit in range(activations.shape[0]):
                    for b in range(n):
                        activations[unit, start + b] = scratch.activations[unit, b]
                for row in range(deltas.shape[0]):
                    for b in range(n):
                        deltas[row, start + b] = scratch.deltas[row, b]
        if trains:
            losses[turn] /= batch
            ema_rate = max(1 - ema_decay, 9 / (10 + step))  # the horizon is a ninth of its age
            step += 1
            for state, slopes, settings in (
                (connections, gradient, adam),
                (units, bias_gradient, for_biases),
            ):
                adamw(state, slopes, step, rates[turn], settings, ema_rate)
    if gradients.shape[1] > 0:
        correlate(deltas, activations, index.stops, gradients)
    restore_mode(mode)
    return drawn


@part
def _forward_tile(
    samples: Samples,
    n: int,
    index: Index,
    splits: np.ndarray,
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
        splits: Parts of the inputs, see `split`.
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
    forward(index, splits, scratch.teams, weights, biases, scratch.activations)
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
