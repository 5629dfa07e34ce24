"""The observation vector: what the agent sees of a design, and the name of each entry.

The layout does not depend on the data set, so that one policy serves all of them. Every entry is
clipped to [-1, 1]. The fields of the named tuples are the names of the entries, in their order.
"""

from collections.abc import Sequence
from math import copysign, log2, log10, sqrt
from typing import NamedTuple

import numpy as np

from rlnas.envs.actions import MAX_DEPTH, OPERATIONS
from rlnas.envs.episode import EpisodeState, EvaluatedNetwork
from rlnas.nn.network import EMA


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

_ABSENT = LayerFeatures(*[0.0] * len(LayerFeatures._fields))


def observe(state: EpisodeState, progress: float, further: Sequence[float] = ()) -> np.ndarray:
    """The observation of a moment of an episode.

    Args:
        state: the moment.
        progress: share of the episode that is over.
        further: entries that follow the others.

    Returns:
        float32 `[len(OBSERVATION_NAMES) + len(further)]`, each in [-1, 1].
    """
    *hidden, output = _layer_features(state.current)
    slots = [*hidden, *[_ABSENT] * (MAX_DEPTH - len(hidden)), output]
    entries = [*_global_features(state, progress), *_action_features(state)]
    for slot in slots:
        entries += slot
    entries += further
    return np.array(entries).clip(-1, 1).astype(np.float32)


def _global_features(state: EpisodeState, progress: float) -> GlobalFeatures:
    now, before, dataset = state.current, state.previous, state.dataset
    network, weights = now.network, now.network.active_weights
    cost = state.penalty * now.relative_size
    error = 1 - now.validation.metric
    used = np.count_nonzero(network.fan_out[: network.n_inputs])
    accuracy_change = now.validation.metric - before.validation.metric
    score_change = now.score - before.score
    return GlobalFeatures(
        progress=progress,
        penalty=(log10(max(state.penalty, 1e-4)) + 2) / 2,
        classes=log10(dataset.n_outputs) / 3,
        features=log10(dataset.n_features) / 4,
        samples=log10(dataset.train.size) / 6,
        depth=network.depth / MAX_DEPTH,
        size=log10(max(weights, 1)) / 6,
        relative_size=log10(max(now.relative_size, 1e-3)) / 3,
        cost=cost,
        validation_accuracy=now.validation.metric,
        validation_loss=_squash(now.validation.loss),
        training_accuracy=now.training.metric,
        training_loss=_squash(now.training.loss),
        generalisation_gap=5 * (now.training.metric - now.validation.metric),
        accuracy_change=10 * accuracy_change,
        size_change=log2(max(network.active_weights, 1) / max(before.network.active_weights, 1))
        / 2,
        score_change=10 * score_change,
        log_error=log10(max(error, 1e-3)) / 3,
        log_training_error=log10(max(1 - now.training.metric, 1e-3)) / 3,
        log_cost=log10(max(cost, 1e-4)) / 4,
        cost_over_error=log10(max(cost, 1e-4) / max(error, 1e-3)) / 3,
        log_accuracy_change=_magnify(accuracy_change),
        log_score_change=_magnify(score_change),
        log_below_best=_magnify(now.score - state.best_score),
        inputs_used=used / network.n_inputs,
    )


def _action_features(state: EpisodeState) -> ActionFeatures:
    last = state.last
    one_hot = {operation: float(operation == last.operation) for operation in OPERATIONS}
    return ActionFeatures(**one_hot, amount=log2(last.factor), refused=not state.applied)


def _layer_features(evaluated: EvaluatedNetwork) -> list[LayerFeatures]:
    """The entries of every hidden layer and of the output layer."""
    network, probe = evaluated.network, evaluated.probe
    samples = probe.activations.shape[1]
    inactive, active, firing, dead = (sums.tolist() for sums in probe.summary(network))
    magnitudes = np.abs(network.connections[EMA])
    layers, end = [], 0
    for layer, width in enumerate(network.layer_sizes[1:], start=1):
        count = network.connections_into[layer]
        start, end = end, end + count
        typical = sqrt(active[layer] / count) if count else 0.0
        hidden = layer <= network.depth
        fifth, half = _smallest_shares(magnitudes[start:end])
        layers.append(
            LayerFeatures(
                present=1,
                width=log10(width) / 3,
                connections=log10(max(count, 1)) / 6,
                fan_in=log10(max(count / width, 1)) / 3,
                density=network.layer_densities[layer - 1],
                share_of_weights=count / max(network.active_weights, 1),
                growth_gradient=log10((inactive[layer] + 1e-8) / (typical + 1e-8)) / 2,
                smallest_fifth=fifth,
                smallest_half=half,
                activity=firing[layer] / (width * samples) if hidden else 0,
                dead_share=dead[layer] / width if hidden else 0,
            )
        )
    return layers


def _smallest_shares(magnitudes: np.ndarray) -> tuple[float, float]:
    """Share of the summed magnitude that the smallest fifth and the smallest half hold.

    They are relative to a fifth and to a half, so that they are 1 if all magnitudes are equal.
    """
    if magnitudes.size == 0:
        return 0.0, 0.0
    fifth, half = round(magnitudes.size / 5), round(magnitudes.size / 2)
    running = np.sort(magnitudes).cumsum()
    total = running.item(-1) + 1e-12
    return (
        running.item(fifth - 1) / total * 5 if fifth else 0.0,
        running.item(half - 1) / total * 2 if half else 0.0,
    )


def _squash(loss: float) -> float:
    return loss / (1 + loss)


def _magnify(change: float) -> float:
    """The change on a scale on which a thousandth and a tenth are both well seen."""
    return copysign(log10(1 + abs(change) / 1e-3) / 3, change)
