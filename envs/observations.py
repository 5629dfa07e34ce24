"""The observation vector: what the agent sees of a design, and the name of each entry.

The layout does not depend on the data set, so that one policy serves all of them. Every entry is
clipped to [-1, 1]. The fields of the named tuples are the names of the entries, in their order.
"""

from collections.abc import Sequence
from math import copysign, log2, log10, sqrt
from typing import NamedTuple

import numpy as np

from rlnas.envs.actions import MAX_DEPTH, OPERATIONS
from rlnas.envs.episode import EpisodeState
from rlnas.jit import compile_loops
from rlnas.nn.kernels.probe import LayerSummary, summarize
from rlnas.nn.kernels.sorting import sorted_magnitudes
from rlnas.nn.network import EMA
from rlnas.nn.structure import Counts, Index


class GlobalFeatures(NamedTuple):
    """Entries about the episode and the design as a whole; the manual of `DesignEnv` has more."""

    progress: float
    penalty: float
    classes: float
    features: float
    samples: float
    depth: float
    size: float
    relative_size: float
    cost: float
    validation_accuracy: float
    validation_loss: float
    training_accuracy: float
    training_loss: float
    generalisation_gap: float
    accuracy_change: float
    size_change: float
    score_change: float
    log_error: float
    log_training_error: float
    log_cost: float
    cost_over_error: float
    log_accuracy_change: float
    log_score_change: float
    log_below_best: float
    inputs_used: float


class ActionFeatures(NamedTuple):
    """Entries about the last action: its operation, one-hot, its amount, and whether refused."""

    none: float
    add_connections: float
    remove_connections: float
    add_neurons: float
    remove_neurons: float
    add_layer: float
    remove_layer: float
    amount: float
    refused: float


class LayerFeatures(NamedTuple):
    """Entries about a hidden layer or the output layer; all zero for a layer that is not there."""

    present: float
    width: float
    connections: float
    fan_in: float
    density: float
    share_of_weights: float
    growth_gradient: float
    smallest_fifth: float
    smallest_half: float
    activity: float
    dead_share: float


SLOT_NAMES = (*(f"hidden_{k + 1}" for k in range(MAX_DEPTH)), "output")
"""Name of each slot: a hidden layer that may be there, or the output layer."""

OBSERVATION_NAMES = (
    *GlobalFeatures._fields,
    *(f"last_{name}" for name in ActionFeatures._fields),
    *(f"{slot}_{name}" for slot in SLOT_NAMES for name in LayerFeatures._fields),
)
"""Name of each entry; the manual of `DesignEnv` says what they mean."""

_FURTHER = len(GlobalFeatures._fields)
_SLOTS = _FURTHER + len(ActionFeatures._fields)
_SLOT = len(LayerFeatures._fields)
_OPERATIONS = len(OPERATIONS)


class Facts(NamedTuple):
    """Numbers about a moment of an episode that entries are computed from; all are floats."""

    progress: float
    penalty: float
    outputs: float
    features: float
    training_samples: float
    relative_size: float
    metric: float
    loss: float
    training_metric: float
    training_loss: float
    score: float
    metric_before: float
    weights_before: float
    score_before: float
    best_score: float
    operation: float
    factor: float
    refused: float


def observe(state: EpisodeState, progress: float, further: Sequence[float] = ()) -> np.ndarray:
    """The observation of a moment of an episode.

    Args:
        state: the moment.
        progress: share of the episode that is over.
        further: entries that follow the others.

    Returns:
        float32 `[len(OBSERVATION_NAMES) + len(further)]`, each in [-1, 1].
    """
    now, before, last = state.current, state.previous, state.last
    network, probe = now.network, now.probe
    probe.check_fit(network)
    operation = OPERATIONS.index(last.operation) if last.operation in OPERATIONS else -1
    found = np.zeros(len(OBSERVATION_NAMES) + len(further))
    found[len(OBSERVATION_NAMES) :] = further
    structure = network.structure
    return _observe(
        Facts(
            float(progress),
            float(state.penalty),
            float(state.dataset.n_outputs),
            float(state.dataset.n_features),
            float(state.dataset.train.size),
            now.relative_size,
            float(now.validation.metric),
            float(now.validation.loss),
            float(now.training.metric),
            float(now.training.loss),
            float(now.score),
            float(before.validation.metric),
            float(before.network.active_weights),
            float(before.score),
            float(state.best_score),
            float(operation),
            float(last.factor),
            float(not state.applied),
        ),
        structure.csr,
        structure.counts,
        structure.starts,
        network.connections,
        probe.activations,
        probe.gradients,
        found,
    )


# The entries are compiled: in plain Python they take as long as small networks are trained.


@compile_loops(brief=True)
def _observe(
    facts: Facts,
    index: Index,
    counts: Counts,
    starts: np.ndarray,
    connections: np.ndarray,
    activations: np.ndarray,
    gradients: np.ndarray,
    found: np.ndarray,
) -> np.ndarray:
    """The observation, float32.

    Args:
        facts: numbers about the moment.
        index: structure of the network.
        counts: numbers of its connections.
        starts: int64 `[layers + 1]`, first unit of each layer, and the number of units.
        connections: float32 `[4, connections]`, state of its weights.
        activations: float32 `[units, samples]`, from a probe of the network.
        gradients: float32 `[rows, units]`, from the same probe.
        found: float64, zeros where these functions fill in the entries; others may follow them.
    """
    depth = starts.size - 3
    for place, entry in enumerate(_global_features(facts, counts, starts, connections.shape[1])):
        found[place] = entry
    if facts.operation >= 0:
        found[_FURTHER + int(facts.operation)] = 1.0
    found[_FURTHER + _OPERATIONS] = log2(facts.factor)
    found[_FURTHER + _OPERATIONS + 1] = facts.refused
    sums, numbers = np.empty((2, starts.size - 1)), np.empty((2, starts.size - 1), np.int64)
    summary = LayerSummary(sums[0], sums[1], numbers[0], numbers[1])
    summarize(gradients, activations, starts, index, summary)
    magnitudes, end = connections[EMA], 0
    for layer in range(1, starts.size - 1):
        start = end
        for source in range(layer):
            end += counts.block_counts[layer, source]
        entries = _layer_features(
            layer,
            layer <= depth,
            magnitudes[start:end],
            counts,
            starts,
            summary,
            connections.shape[1],
            activations.shape[1],
        )
        slot = layer - 1 if layer <= depth else MAX_DEPTH
        for place, entry in enumerate(entries):
            found[_SLOTS + slot * _SLOT + place] = entry
    observation = np.empty(found.size, np.float32)
    for place in range(found.size):
        observation[place] = min(max(found[place], -1.0), 1.0)
    return observation


LOOPS = (_observe,)
"""What is compiled here."""


@compile_loops(inline=True)
def _global_features(
    facts: Facts, counts: Counts, starts: np.ndarray, weights: int
) -> GlobalFeatures:
    n_inputs = starts[1]
    cost = facts.penalty * facts.relative_size
    error = 1 - facts.metric
    training_error = 1 - facts.training_metric
    used = 0
    for unit in range(n_inputs):
        used += counts.fan_out[unit] > 0
    metric_change = facts.metric - facts.metric_before
    score_change = facts.score - facts.score_before
    return GlobalFeatures(
        progress=facts.progress,
        penalty=(log10(max(facts.penalty, 1e-4)) + 1) / 2,
        classes=log10(facts.outputs) / 3,
        features=log10(facts.features) / 4,
        samples=log10(facts.training_samples) / 6,
        depth=(starts.size - 3) / MAX_DEPTH,
        size=log10(max(weights, 1)) / 6,
        relative_size=log10(max(facts.relative_size, 1e-3)) / 3,
        cost=cost,
        validation_accuracy=facts.metric,
        validation_loss=_squash(facts.loss),
        training_accuracy=facts.training_metric,
        training_loss=_squash(facts.training_loss),
        generalisation_gap=5 * (facts.training_metric - facts.metric),
        accuracy_change=10 * metric_change,
        size_change=log2(max(weights, 1) / max(facts.weights_before, 1.0)) / 2,
        score_change=10 * score_change,
        log_error=log10(max(error, 1e-3)) / 3,
        log_training_error=log10(max(training_error, 1e-3)) / 3,
        log_cost=log10(max(cost, 1e-4)) / 4,
        cost_over_error=log10(max(cost, 1e-4) / max(error, 1e-3)) / 3,
        log_accuracy_change=_magnify(metric_change),
        log_score_change=_magnify(score_change),
        log_below_best=_magnify(facts.score - facts.best_score),
        inputs_used=used / n_inputs,
    )


@compile_loops(inline=True)
def _layer_features(
    layer: int,
    hidden: bool,
    weights: np.ndarray,
    counts: Counts,
    starts: np.ndarray,
    summary: LayerSummary,
    all_weights: int,
    samples: int,
) -> LayerFeatures:
    width, count = starts[layer + 1] - starts[layer], weights.size
    typical = sqrt(summary.active[layer] / count) if count > 0 else 0.0
    fifth, half = _smallest_shares(sorted_magnitudes(weights))
    return LayerFeatures(
        present=1.0,
        width=log10(width) / 3,
        connections=log10(max(count, 1)) / 6,
        fan_in=log10(max(count / width, 1.0)) / 3,
        density=counts.densities[layer],
        share_of_weights=count / max(all_weights, 1),
        growth_gradient=log10((summary.inactive[layer] + 1e-8) / (typical + 1e-8)) / 2,
        smallest_fifth=fifth,
        smallest_half=half,
        activity=summary.firing[layer] / (width * samples) if hidden else 0.0,
        dead_share=summary.dead[layer] / width if hidden else 0.0,
    )


@compile_loops(inline=True)
def _smallest_shares(magnitudes: np.ndarray) -> tuple[float, float]:
    """Share of the summed magnitude that the smallest fifth and the smallest half hold.

    They are relative to a fifth and to a half, so that they are 1 if all magnitudes are equal.

    Args:
        magnitudes: uint32 `[n]`, the bits of float32 numbers, ascending.
    """
    sizes = int(np.rint(magnitudes.size / 5)), int(np.rint(magnitudes.size / 2))
    total, fifth, half = np.float32(0), np.float32(0), np.float32(0)
    for number in range(magnitudes.size):
        total += np.uint32(magnitudes[number]).view(np.float32)
        if number < sizes[0]:
            fifth = total
        if number < sizes[1]:
            half = total
    whole = np.float64(total) + 1e-12
    return fifth / whole * 5, half / whole * 2


@compile_loops(inline=True)
def _squash(loss: float) -> float:
    return loss / (1 + loss)


@compile_loops(inline=True)
def _magnify(change: float) -> float:
    """The change on a scale on which a thousandth and a tenth are both well seen."""
    return copysign(log10(1 + abs(change) / 1e-3) / 3, change)
