"""A moment of an episode of `DesignEnv`: the design, its evaluation, what the last step did."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypedDict

import numpy as np
from numpy.typing import DTypeLike

from rlnas.cost import Size, size_of
from rlnas.data.dataset import Dataset
from rlnas.envs.actions import ACTIONS, MAX_DEPTH, Judgement, judge
from rlnas.nn.gradients import GradientSample
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import Batches, Evaluation
from rlnas.scoring import reference_weights, score


class DesignInfo(TypedDict):
    """The info of a reset or a step; the manual of `DesignEnv` explains the entries."""

    score: float
    val_metric: float
    val_loss: float
    active_weights: int
    density: float
    layer_sizes: np.ndarray
    layer_densities: np.ndarray
    applied: bool
    diverged: bool
    penalty: float
    dataset_index: int
    action_mask: np.ndarray


class Words(TypedDict):
    """What infos have no place for, since libraries make tensors of their entries.

    Attributes:
        dataset: name of the data set.
        metric: name of the metric that networks are judged by.
        operation: operation of the last action.
        action: the last action, with its layer and amount.
    """

    dataset: str
    metric: str
    operation: str
    action: str


class Design(NamedTuple):
    """A network, and the info and the words of the step that made it."""

    network: SparseNetwork
    info: dict[str, Any]


class LastAction(Protocol):
    """What is told about the last action; its text has the layer and the amount."""

    @property
    def operation(self) -> str:
        """Name of the operation."""

    @property
    def factor(self) -> float:
        """How much was added or removed, see `rlnas.envs.actions.Action`."""


@dataclass(frozen=True, eq=False)
class EvaluatedNetwork:
    """A network after training, and how it was evaluated.

    Attributes:
        network: the network.
        probe: its activations and gradients on a few training samples.
        training: metric and loss over its last training batches.
        validation: metric and loss on the validation samples.
        penalty: price of the reference number of weights, in units of the metric.
        relative_size: active weights, divided by the reference number.
        score: see `rlnas.scoring.score`.
    """

    network: SparseNetwork
    probe: GradientSample
    training: Evaluation
    validation: Evaluation
    penalty: float

    relative_size: float = field(init=False)
    score: float = field(init=False)

    def __post_init__(self) -> None:
        network = self.network
        reference = reference_weights(network.n_inputs, network.n_outputs)
        value = score(self.validation.metric, network.active_weights, self.penalty, reference)
        object.__setattr__(self, "relative_size", network.active_weights / reference)
        object.__setattr__(self, "score", value)

    @cached_property
    def judgement(self) -> Judgement:
        """What the rules say of the actions that could be taken now."""
        return judge(self.network)

    @cached_property
    def size(self) -> Size:
        """What the cost of the network depends on."""
        return size_of(self.network)


@dataclass(frozen=True, eq=False)
class EpisodeState:
    """Everything that a reset draws and a step changes.

    Attributes:
        dataset: data set of the episode.
        dataset_index: its index among those of the environment.
        penalty: price of the reference number of weights in this episode, in units of the metric.
        batches: training batches of the episode; they draw from the environment's generator.
        current: the present design.
        previous: the design before the last step; after a reset the present one.
        legal: bool `[actions]`, which actions are legal now.
        elapsed: number of steps taken.
        action: number of the last action; `NO_OP` after a reset.
        applied: whether the last action was carried out; True after a reset.
        diverged: whether the last step was undone because the network diverged.
        best_score: the highest score of the episode so far.
    """

    dataset: Dataset
    dataset_index: int
    penalty: float
    batches: Batches
    current: EvaluatedNetwork
    previous: EvaluatedNetwork
    legal: np.ndarray
    elapsed: int
    action: int
    applied: bool
    diverged: bool
    best_score: float

    def info(self) -> DesignInfo:
        """The info of the last reset or step; its arrays are the caller's own."""
        network = self.current.network
        return {
            "score": float(self.current.score),
            "val_metric": float(self.current.validation.metric),
            "val_loss": float(self.current.validation.loss),
            "active_weights": network.active_weights,
            "density": network.density,
            "layer_sizes": _in_slots(network.layer_sizes, MAX_DEPTH + 2, np.int64),
            "layer_densities": _in_slots(network.layer_densities, MAX_DEPTH + 1, np.float64),
            "applied": self.applied,
            "diverged": self.diverged,
            "penalty": float(self.penalty),
            "dataset_index": self.dataset_index,
            "action_mask": self.legal.astype(np.int8),
        }

    @property
    def last(self) -> LastAction:
        """The last action."""
        return ACTIONS[self.action]

    @property
    def words(self) -> Words:
        """The data set, and the operation and the action of the last step."""
        return {
            "dataset": self.dataset.name,
            "metric": self.dataset.objective.metric_name,
            "operation": self.last.operation,
            "action": str(self.last),
        }


def _in_slots(values: Sequence[float], length: int, dtype: DTypeLike) -> np.ndarray:
    """An array with a fixed place for every layer: zeros stand before the last, the output's."""
    *others, output = values
    return np.array([*others, *[0] * (length - len(values)), output], dtype)
