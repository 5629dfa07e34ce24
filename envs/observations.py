"""The observation vector: what the agent sees of a design, and the name of each entry.

The layout does not depend on the data set, so that one policy serves all of them. Every entry is
clipped to [-1, 1].
"""

from dataclasses import dataclass
from itertools import chain
from math import copysign, log2, log10, sqrt

import numpy as np

from rlnas.data.datasets import Dataset
from rlnas.envs.actions import ACTIONS, MAX_DEPTH, OPERATIONS
from rlnas.nn.gradients import GradientSample
from rlnas.nn.network import EMA, SparseNetwork
from rlnas.nn.training import Evaluation
from rlnas.scoring import reference_weights, score


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A design at one moment of an episode, and how it was judged.

    Attributes:
        network: the network.
        probe: what it does on a few training samples.
        training: accuracy and loss over its last training batches.
        validation: accuracy and loss on the validation samples.
        score: see `rlnas.scoring.score`.
    """

    network: SparseNetwork
    probe: GradientSample
    training: Evaluation
    validation: Evaluation
    score: float


_GLOBAL = (
    "progress",
    "penalty",
    "classes",
    "features",
    "samples",
    "depth",
    "size",
    "relative_size",
    "cost",
    "validation_accuracy",
    "validation_loss",
    "training_accuracy",
    "training_loss",
    "generalisation_gap",
    "accuracy_change",
    "size_change",
    "score_change",
    "log_error",
    "log_training_error",
    "log_cost",
    "cost_over_error",
    "log_accuracy_change",
    "log_score_change",
    "log_below_best",
    "inputs_used",
    *(f"last_{operation}" for operation in OPERATIONS),
    "last_amount",
    "last_refused",
)

_SLOT = (
    "present",
    "width",
    "connections",
    "fan_in",
    "density",
    "share_of_weights",
    "growth_gradient",
    "smallest_fifth",
    "smallest_half",
    "activity",
    "dead_share",
)

SLOT_NAMES = (*(f"hidden_{k + 1}" for k in range(MAX_DEPTH)), "output")
"""Name of each slot: a hidden layer that may be there, or the output layer."""

OBSERVATION_NAMES = _GLOBAL + tuple(f"{slot}_{name}" for slot in SLOT_NAMES for name in _SLOT)
"""Name of each entry; `DesignEnv` says what they mean."""


def observe(
    now: Snapshot,
    before: Snapshot,
    dataset: Dataset,
    best_score: float,
    penalty: float,
    progress: float,
    action: int,
    refused: bool,
) -> np.ndarray:
    """float32 `[len(OBSERVATION_NAMES)]`, each in [-1, 1].

    Args:
        now: the design after the last step.
        before: the design before it (the same at the start of an episode).
        dataset: the episode's data set.
        best_score: the highest of the episode so far, with `now`.
        penalty: the episode's price of `reference` weights.
        progress: share of the episode that is over.
        action: number of the last action.
        refused: whether that action was not carried out.
    """
    network = now.network
    reference = reference_weights(network.n_inputs, network.n_outputs)
    relative_size = network.active_weights / reference
    done = ACTIONS[action]
    cost = penalty * relative_size
    error = 1 - now.validation.accuracy
    used = np.count_nonzero(network.fan_out[: network.n_inputs]) / network.n_inputs
    values = [
        progress,
        (log10(max(penalty, 1e-4)) + 2) / 2,
        log10(dataset.n_classes) / 3,
        log10(dataset.n_features) / 4,
        log10(dataset.train.size) / 6,
        network.depth / MAX_DEPTH,
        log10(network.active_weights) / 6,
        log10(relative_size) / 3,
        cost,
        now.validation.accuracy,
        _squash(now.validation.loss),
        now.training.accuracy,
        _squash(now.training.loss),
        5 * (now.training.accuracy - now.validation.accuracy),
        10 * (now.validation.accuracy - before.validation.accuracy),
        log2(network.active_weights / before.network.active_weights) / 2,
        10 * (now.score - before.score),
        log10(max(error, 1e-3)) / 3,
        log10(max(1 - now.training.accuracy, 1e-3)) / 3,
        log10(max(cost, 1e-4)) / 4,
        log10(max(cost, 1e-4) / max(error, 1e-3)) / 3,
        _magnify(now.validation.accuracy - before.validation.accuracy),
        _magnify(now.score - before.score),
        _magnify(now.score - best_score),
        used,
        *(operation == done.operation for operation in OPERATIONS),
        log2(done.factor),
        refused,
    ]
    *hidden, output = _observe_layers(now)
    absent = [[0.0] * len(_SLOT)] * (MAX_DEPTH - network.depth)
    slots = chain.from_iterable([*hidden, *absent, output])
    return np.array([*values, *slots]).clip(-1, 1).astype(np.float32)


def _observe_layers(now: Snapshot) -> list[list[float]]:
    """The entries `_SLOT` of every hidden layer and of the output layer."""
    network, probe = now.network, now.probe
    samples = probe.activations.shape[1]
    inactive, active, firing, dead = (sums.tolist() for sums in probe.summary(network))
    sizes = np.abs(network.connections[EMA])
    layers, end = [], 0
    for layer, width in enumerate(network.layer_sizes[1:], start=1):
        count = network.connections_into[layer]
        start, end = end, end + count
        typical = sqrt(active[layer] / count) if count else 0.0
        hidden = layer <= network.depth
        layers.append(
            [
                1,
                log10(width) / 3,
                log10(max(count, 1)) / 6,
                log10(max(count / width, 1)) / 3,
                network.layer_densities[layer - 1],
                count / network.active_weights,
                log10((inactive[layer] + 1e-8) / (typical + 1e-8)) / 2,
                *_smallest_shares(sizes[start:end]),
                firing[layer] / (width * samples) if hidden else 0,
                dead[layer] / width if hidden else 0,
            ]
        )
    return layers


def _smallest_shares(sizes: np.ndarray) -> tuple[float, float]:
    """Share of the summed magnitude that the smallest fifth and the smallest half hold."""
    if sizes.size == 0:
        return 0.0, 0.0
    fifth, half = round(sizes.size / 5), round(sizes.size / 2)
    running = np.sort(sizes).cumsum()
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


def judge(
    network: SparseNetwork,
    probe: GradientSample,
    training: Evaluation,
    validation: Evaluation,
    penalty: float,
) -> Snapshot:
    """A snapshot with its score."""
    reference = reference_weights(network.n_inputs, network.n_outputs)
    value = score(validation.accuracy, network.active_weights, penalty, reference)
    return Snapshot(network, probe, training, validation, value)
