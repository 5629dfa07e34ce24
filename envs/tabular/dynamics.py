"""The steps of the tabular environments, compiled.

One environment and a thousand of them are moved by the same two functions, `begin` and `advance`,
which work on arrays of records: the fields of a named tuple are the fields of the record.
"""

from math import log10
from typing import Any, NamedTuple

import numpy as np

from rlnas.envs.actions import OPERATIONS
from rlnas.envs.look_up.numbers import between, clip, compiled
from rlnas.envs.look_up.records import record
from rlnas.envs.tabular.actions import successors_of, tabular_actions
from rlnas.tabular.grid import Grid
from rlnas.tabular.table import Record, Table


class EpisodeFeatures(NamedTuple):
    """Entries of the observation that depend on the episode, in their order."""

    progress: Any
    penalty: Any
    cost: Any
    accuracy_change: Any
    size_change: Any
    score_change: Any
    last_none: Any
    last_add_connections: Any
    last_remove_connections: Any
    last_add_neurons: Any
    last_remove_neurons: Any
    last_add_layer: Any
    last_remove_layer: Any
    last_refused: Any


class ArchitectureFeatures(NamedTuple):
    """Entries of the observation about an architecture as a whole."""

    depth: Any
    size: Any
    relative_size: Any
    validation_accuracy: Any
    validation_loss: Any
    training_loss: Any


class LayerFeatures(NamedTuple):
    """Entries of the observation about a hidden layer; all zero for one that is not there."""

    present: Any
    width: Any
    connections: Any
    density: Any


_AT = EpisodeFeatures(*range(len(EpisodeFeatures._fields)))
"""Position of each of these entries in the observation, of which they are the first."""


class Result(NamedTuple):
    """What a table has about an architecture.

    Attributes:
        val_accuracy: validation accuracy.
        val_loss: validation loss.
        active_weights: active weights, a mean over seeds.
        log_weights: their binary logarithm.
    """

    val_accuracy: float
    val_loss: float
    active_weights: float
    log_weights: float


class TabularState(NamedTuple):
    """A moment of an episode; `TabularEnv` explains those fields that are entries of the info.

    Attributes:
        architecture: number of the present architecture.
        seed: index of the seed that the last evaluation is from; the number of seeds for the mean.
        elapsed: number of steps taken; -1 before the first reset.
        applied: whether the last action was legal; True after a reset.
        reward: of the last step.
        log_weights: binary logarithm of `active_weights`.
    """

    architecture: int
    seed: int
    elapsed: int
    applied: bool
    reward: float
    log_weights: float
    val_accuracy: float
    val_loss: float
    active_weights: float
    score: float
    penalty: float
    optimum: float
    regret: float


REPORTED = TabularState._fields[TabularState._fields.index("val_accuracy") :]
"""Fields of the state that are entries of the info under the same name."""


class _Noise(NamedTuple):
    """Position of uniform random numbers in the noise of an episode.

    Attributes:
        start: that draws the starting architecture.
        penalty: that draws the penalty.
        evaluations: the first of those that draw the seed of each evaluation.
    """

    start: int = 0
    penalty: int = 1
    evaluations: int = 2


_NOISE = _Noise()


def before_the_first_reset(num_envs: int) -> np.ndarray:
    """Records `[num_envs]` of `TabularState` of environments that have no episode yet."""
    states = np.zeros(num_envs, record(TabularState))
    states["elapsed"] = -1
    states["applied"] = True
    return states


class Rules(NamedTuple):
    """A table as the compiled functions read it.

    Rows of `results` and `features` are the seeds of the table; the last row is their mean.

    Attributes:
        successors: int32 `[architectures, actions]`; -1 where an action is illegal.
        legal: int8 `[architectures, actions]`.
        operations: int64 `[actions]`, indices into `OPERATIONS`.
        results: records `[rows, architectures]` of `Result`.
        features: float32 `[rows, architectures, features]`: the entries of the observation that
            depend on the architecture alone.
        front: records `[n]` of `Result`: the Pareto front of the means.
    """

    successors: np.ndarray
    legal: np.ndarray
    operations: np.ndarray
    results: np.ndarray
    features: np.ndarray
    front: np.ndarray

    def __deepcopy__(self, memo: dict[int, Any]) -> "Rules":
        return self  # nothing in it changes


class Settings(NamedTuple):
    """What is the same in every episode of an environment.

    Attributes:
        episode_steps: steps of an episode.
        noisy: whether each evaluation is that of one seed, and not the mean.
        difference: whether the reward is the change of the score, and not the score.
        start: number of the architecture an episode starts with; -1 draws one.
        low_penalty: lower bound of the penalty.
        high_penalty: upper bound.
        reference: active weights that the penalty is the price of.
    """

    episode_steps: int
    noisy: bool
    difference: bool
    start: int
    low_penalty: float
    high_penalty: float
    reference: float

    @property
    def record(self) -> np.ndarray:
        """The same as an array of one record, which compiled functions take faster than a tuple."""
        return np.array([tuple(self)], record(Settings))

    @property
    def noise_size(self) -> int:
        """Uniform random numbers that an episode may use."""
        return _NOISE.evaluations + self.episode_steps + 1

    @property
    def random(self) -> bool:
        """Whether an episode uses any of them."""
        return self.noisy or self.start < 0 or self.low_penalty < self.high_penalty


def observation_names(grid: Grid) -> tuple[str, ...]:
    """Name of each entry of the observation."""
    slots = range(1, grid.max_depth + 1)
    layers = [f"hidden_{slot}_{name}" for slot in slots for name in LayerFeatures._fields]
    return (*EpisodeFeatures._fields, *ArchitectureFeatures._fields, *layers)


def make_rules(table: Table, epochs: int | None = None) -> Rules:
    """The rules of a table.

    Args:
        table: the measured results.
        epochs: which of its epoch counts; by default the most.

    Raises:
        InputError: the table has no such epoch count.
    """
    successors = successors_of(table.grid)
    seeds = [table.columns(epochs, seed) for seed in (*range(table.n_seeds), None)]
    results = np.zeros((len(seeds), len(table)), record(Result))
    for row, columns in zip(results, seeds, strict=True):
        row["val_accuracy"] = columns.val_accuracy
        row["val_loss"] = columns.val_loss
        row["active_weights"] = columns.active_weights
        row["log_weights"] = np.log2(columns.active_weights)
    front = results[-1, table.pareto_front(epochs=epochs)]
    return Rules(
        successors,
        (successors >= 0).astype(np.int8),
        np.array([OPERATIONS.index(a.operation) for a in tabular_actions(table.grid)]),
        results,
        np.stack([_features(table, columns) for columns in seeds]),
        front,
    )


def _features(table: Table, columns: Record[np.ndarray]) -> np.ndarray:
    """float32 `[architectures, features]`: `_STATIC` and `_SLOT` of every hidden layer."""
    grid, places = table.grid, table.grid.indices
    present = places[..., 0] >= 0
    widths = np.where(present, np.array(grid.widths)[places[..., 0]], 0)
    densities = np.where(present, np.array(grid.densities)[places[..., 1]], 0)
    inputs = np.full((len(table), 1), table.n_inputs)
    sources = np.hstack([inputs, widths])[:, : grid.max_depth]
    connections = np.maximum(densities * sources, 1) * widths
    weights, loss = columns.active_weights, columns.val_loss
    whole = ArchitectureFeatures(
        depth=present.sum(axis=1) / max(1, grid.max_depth),
        size=np.log10(weights) / 6,
        relative_size=np.log10(weights / table.reference) / 3,
        validation_accuracy=columns.val_accuracy,
        validation_loss=loss / (1 + loss),
        training_loss=columns.train_loss / (1 + columns.train_loss),
    )
    layers = LayerFeatures(
        present=present,
        width=np.log10(np.maximum(widths, 1)) / 3,
        connections=np.log10(np.maximum(connections, 1)) / 6,
        density=densities,
    )
    by_layer = np.stack(layers, axis=2).reshape(len(table), -1)
    return np.hstack([np.stack(whole, axis=1), by_layer]).clip(-1, 1).astype(np.float32)


def begin(
    rules: Rules,
    params: np.ndarray,
    noise: np.ndarray,
    chosen: np.ndarray,
    states: np.ndarray,
    observations: np.ndarray,
) -> None:
    """Start an episode in some environments.

    Args:
        rules: of the table.
        params: `Settings.record`.
        noise: float64 `[n, noise_size]`, uniform random numbers.
        chosen: bool `[n]`, where.
        states: records `[n]` of `TabularState`, updated.
        observations: float32 `[n, features]`, updated.
    """
    _begin(rules.results, rules.features, rules.front, params, noise, chosen, states, observations)


def advance(
    rules: Rules,
    params: np.ndarray,
    noise: np.ndarray,
    actions: np.ndarray,
    moving: np.ndarray,
    states: np.ndarray,
    observations: np.ndarray,
) -> None:
    """One step in some environments.

    Args:
        rules: of the table.
        params: `Settings.record`.
        noise: float64 `[n, noise_size]`, as when the episode began.
        actions: int64 `[n]`, in range.
        moving: bool `[n]`, where.
        states: records `[n]` of `TabularState`, updated.
        observations: float32 `[n, features]`, updated.
    """
    # Numba would take the tuple too, but needs 2.5 us more to recognise it, half of the time that a
    # step of one environment takes in all.
    _advance(
        rules.successors,
        rules.operations,
        rules.results,
        rules.features,
        params,
        noise,
        actions,
        moving,
        states,
        observations,
    )


@compiled
def _begin(
    results: np.ndarray,
    features: np.ndarray,
    front: np.ndarray,
    params: np.ndarray,
    noise: np.ndarray,
    chosen: np.ndarray,
    states: np.ndarray,
    observations: np.ndarray,
) -> None:
    fixed = params[0]
    low, high = fixed.low_penalty, fixed.high_penalty
    mean = results.shape[0] - 1
    for env in range(chosen.size):
        if not chosen[env]:
            continue
        state, observation = states[env], observations[env]
        state.architecture = fixed.start
        if fixed.start < 0:
            state.architecture = int(noise[env, _NOISE.start] * results.shape[1])
        penalty = between(low, high, noise[env, _NOISE.penalty])
        optimum = -np.inf
        for point in front:
            cost = penalty * point.active_weights / fixed.reference
            optimum = max(optimum, point.val_accuracy - cost)
        state.penalty, state.optimum = penalty, optimum
        state.elapsed, state.applied, state.reward = 0, True, 0.0
        state.seed = mean
        if fixed.noisy:
            state.seed = int(noise[env, _NOISE.evaluations] * mean)
        for entry in range(len(_AT)):
            observation[entry] = 0
        observation[_AT.penalty] = clip((log10(max(penalty, 1e-4)) + 2) / 2)
        observation[_AT.last_none] = 1
        _evaluate(results, features, fixed, state, observation)


@compiled
def _advance(
    successors: np.ndarray,
    operations: np.ndarray,
    results: np.ndarray,
    features: np.ndarray,
    params: np.ndarray,
    noise: np.ndarray,
    actions: np.ndarray,
    moving: np.ndarray,
    states: np.ndarray,
    observations: np.ndarray,
) -> None:
    fixed = params[0]
    mean = results.shape[0] - 1
    # Two short loops, in which the processor can fetch for several environments at once.
    for env in range(actions.size):
        if moving[env]:
            state = states[env]
            successor = successors[state.architecture, actions[env]]
            state.applied = successor >= 0
            state.architecture = successor if successor >= 0 else state.architecture  # no branch
            state.elapsed += 1
            state.seed = mean
            if fixed.noisy:
                state.seed = int(noise[env, _NOISE.evaluations + state.elapsed] * mean)
    for env in range(actions.size):
        if not moving[env]:
            continue
        state, observation = states[env], observations[env]
        score, accuracy, size = state.score, state.val_accuracy, state.log_weights
        _evaluate(results, features, fixed, state, observation)
        observation[_AT.accuracy_change] = clip(10 * (state.val_accuracy - accuracy))
        observation[_AT.size_change] = clip((state.log_weights - size) / 2)
        observation[_AT.score_change] = clip(10 * (state.score - score))
        for entry in range(_AT.last_none, _AT.last_refused):
            observation[entry] = 0
        observation[_AT.last_none + operations[actions[env]]] = 1
        observation[_AT.last_refused] = not state.applied
        state.reward = state.score - score if fixed.difference else state.score


@compiled
def _evaluate(
    results: np.ndarray, features: np.ndarray, fixed: Any, state: Any, observation: np.ndarray
) -> None:
    """Look the present architecture up, and observe all but what the last step changed."""
    # Fields are read once: for all the compiler knows, observations are in the same memory.
    architecture, seed, penalty = state.architecture, state.seed, state.penalty
    result, mean = results[seed, architecture], results[results.shape[0] - 1, architecture]
    accuracy, weights = result.val_accuracy, result.active_weights
    cost = penalty * weights / fixed.reference
    mean_cost = penalty * mean.active_weights / fixed.reference
    state.regret = state.optimum - (mean.val_accuracy - mean_cost)
    state.val_accuracy, state.val_loss = accuracy, result.val_loss
    state.active_weights, state.log_weights = weights, result.log_weights
    state.score = accuracy - cost
    observation[_AT.progress] = state.elapsed / fixed.episode_steps
    observation[_AT.cost] = clip(cost)
    for entry in range(features.shape[2]):
        observation[len(_AT) + entry] = features[seed, architecture, entry]
