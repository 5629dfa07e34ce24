"""The observation vector: what the agent sees of a design, and the name of each entry.

The layout does not depend on the data set, so that one policy serves all of them. Every entry is
clipped to [-1, 1].
"""

from dataclasses import dataclass

import numpy as np

from rlnas.datasets import Dataset
from rlnas.envs.actions import ACTIONS, MAX_DEPTH, OPERATIONS, OUTPUT, layer_of
from rlnas.network import AVERAGE, SparseNetwork
from rlnas.probe import Probe
from rlnas.scoring import reference_weights, score
from rlnas.training import Evaluation


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
    probe: Probe
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

_SLOT_NAMES = (*(f"hidden_{k + 1}" for k in range(MAX_DEPTH)), "output")

OBSERVATION_NAMES = _GLOBAL + tuple(f"{slot}_{name}" for slot in _SLOT_NAMES for name in _SLOT)
"""Name of each entry; `DesignEnv` says what they mean."""


def observe(
    now: Snapshot,
    before: Snapshot,
    dataset: Dataset,
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
        penalty: the episode's price of `reference` weights.
        progress: share of the episode that is over.
        action: number of the last action.
        refused: whether that action was not carried out.
    """
    network = now.network
    reference = reference_weights(network.n_inputs, network.n_outputs)
    relative_size = network.active_weights / reference
    done = ACTIONS[action]
    used = (network.fan_out[: network.n_inputs] > 0).mean()
    values = [
        progress,
        (np.log10(max(penalty, 1e-4)) + 2) / 2,
        np.log10(dataset.n_classes) / 3,
        np.log10(dataset.n_features) / 4,
        np.log10(dataset.train.size) / 6,
        network.depth / MAX_DEPTH,
        np.log10(network.active_weights) / 6,
        np.log10(relative_size) / 3,
        penalty * relative_size,
        now.validation.accuracy,
        _squash(now.validation.loss),
        now.training.accuracy,
        _squash(now.training.loss),
        5 * (now.training.accuracy - now.validation.accuracy),
        10 * (now.validation.accuracy - before.validation.accuracy),
        np.log2(network.active_weights / before.network.active_weights) / 2,
        10 * (now.score - before.score),
        used,
        *(operation == done.operation for operation in OPERATIONS),
        np.log2(done.factor),
        refused,
    ]
    slots = [_observe_slot(slot, now) for slot in range(MAX_DEPTH + 1)]
    return np.clip(np.concatenate([values, *slots]), -1, 1).astype(np.float32)


def _observe_slot(slot: int, now: Snapshot) -> np.ndarray:
    network, probe = now.network, now.probe
    layer = layer_of(slot, network)
    if layer is None:
        return np.zeros(len(_SLOT))
    start, stop = network.starts[layer : layer + 2]
    width = int(stop - start)
    rows = slice(start - network.n_inputs, stop - network.n_inputs)
    first, last = network.indptr[rows.start], network.indptr[rows.stop]
    count = int(last - first)
    firing = probe.activations[start:stop] > 0
    return np.array(
        [
            1,
            np.log10(width) / 3,
            np.log10(max(count, 1)) / 6,
            np.log10(max(count / width, 1)) / 3,
            network.layer_densities[layer - 1],
            count / network.active_weights,
            _growth_gradient(network, probe, rows, slice(first, last), int(start)),
            *_smallest_shares(np.abs(network.connections[AVERAGE, first:last])),
            firing.mean() if slot != OUTPUT else 0,
            1 - firing.any(axis=1).mean() if slot != OUTPUT else 0,
        ]
    )


def _growth_gradient(
    network: SparseNetwork, probe: Probe, rows: slice, connections: slice, sources: int
) -> float:
    """log10 of the largest inactive gradient over the root mean square of the active ones."""
    gradients = np.abs(probe.gradients[rows, :sources])
    targets = network.targets[connections] - network.n_inputs - rows.start
    active = gradients[targets, network.indices[connections]]
    gradients[targets, network.indices[connections]] = 0
    typical = np.sqrt((active**2).mean()) if active.size else 0.0
    return float(np.log10((gradients.max() + 1e-8) / (typical + 1e-8)) / 2)


def _smallest_shares(sizes: np.ndarray) -> tuple[float, float]:
    """Share of the summed magnitude that the smallest fifth and the smallest half hold."""
    if sizes.size == 0:
        return 0.0, 0.0
    ordered = np.cumsum(np.sort(sizes))
    total = ordered[-1] + 1e-12
    fifth, half = round(sizes.size / 5), round(sizes.size / 2)
    return (
        float(ordered[fifth - 1] / total) * 5 if fifth else 0.0,
        float(ordered[half - 1] / total) * 2 if half else 0.0,
    )


def _squash(loss: float) -> float:
    return loss / (1 + loss)


def judge(
    network: SparseNetwork,
    probe: Probe,
    training: Evaluation,
    validation: Evaluation,
    penalty: float,
) -> Snapshot:
    """A snapshot with its score."""
    reference = reference_weights(network.n_inputs, network.n_outputs)
    value = score(validation.accuracy, network.active_weights, penalty, reference)
    return Snapshot(network, probe, training, validation, value)
