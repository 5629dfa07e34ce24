"""The steps of episodes on the family, compiled; one environment and a thousand move alike."""

from math import log, log10
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.envs.family.actions import EDITS, FAMILY_ACTIONS, STARTS
from rlnas.envs.family.bank import ARCHITECTURE_NAMES, TASK_NAMES, Bank
from rlnas.envs.look_up.numbers import between, clip, compiled, inlined
from rlnas.envs.look_up.records import record
from rlnas.family.space import ARCHITECTURES, LENGTHS

_N_LENGTHS = len(LENGTHS)
_N_STARTS, _N_EDITS = len(STARTS), len(EDITS)
_LONGER, _BACK, _STOP = (len(FAMILY_ACTIONS) - k for k in (3, 2, 1))
_START, _EDIT, _KIND_LONGER, _KIND_BACK = range(4)  # kinds that are entries of the observation
_FIRST_SHARE = 0.1

_RESULTS = [f"{name}_{length}" for length in LENGTHS for name in ("metric", "loss", "train_loss")]
_MEMORY = [f"start_{k}_{name}" for k in range(_N_STARTS) for name in ("metric", "length")]

_PARTS = {
    "task": TASK_NAMES,
    "budget": ("penalty", "budget", "spent", "log_spent", "log_left", "steps"),
    "now": (
        "started", *ARCHITECTURE_NAMES, "size", "relative_size", "length", "relative_cost",
        *_RESULTS, "gain",
    ),
    "best": (
        *(f"best_{name}" for name in ARCHITECTURE_NAMES), "best_relative_size", "best_metric",
        "best_score", "best_length", "best_is_current", "steps_since_best", "spent_since_best",
    ),
    "memory": _MEMORY,
    "last": ("last_start", "last_edit", "last_longer", "last_back", "last_refused"),
}  # fmt: skip
FAMILY_OBSERVATION_NAMES: tuple[str, ...] = tuple(n for part in _PARTS.values() for n in part)
"""Name of each entry of the observation."""

_AT = {name: place for place, name in enumerate(FAMILY_OBSERVATION_NAMES)}
_PENALTY, _SPENT, _STARTED, _SIZE, _METRIC, _GAIN, _BEST, _BEST_SIZE, _FIRST_MEMORY, _LAST = (
    _AT[name] for name in (
        "penalty", "spent", "started", "size", f"metric_{LENGTHS[0]}", "gain", "best_depth",
        "best_relative_size", "start_0_metric", "last_start",
    )
)  # fmt: skip


class FamilyState(NamedTuple):
    """A moment of an episode; `FamilyEnv` explains those fields that are entries of the info.

    Attributes:
        task: Number of the task among those of the environment.
        seed: Seed of the results that decisions are based on.
        architecture: Number of the present architecture; -1 before the first.
        length: Index of the longest training of the present architecture; -1 before the first.
        elapsed: Number of steps taken; -1 before the first reset.
        over: Whether the episode is over.
        applied: Whether the last action was legal; True after a reset.
        kind: Kind of the last action, an index into `KINDS`; -1 after a reset.
        reward: Of the last step.
        gain: Change of the validation score by the last look-up.
        first: Cost at which the anytime score begins to count.
        found_at: Step of the best design.
        found_cost: What was spent when it was found.
        best: Number of the architecture of the best design; -1 for a constant prediction.
        best_length: Index of the length of its training.
    """

    task: int
    seed: int
    architecture: int
    length: int
    elapsed: int
    over: bool
    applied: bool
    kind: int
    reward: float
    gain: float
    first: float
    found_at: int
    found_cost: float
    best: int
    best_length: int
    penalty: float
    budget: float
    spent: float
    val_metric: float
    score: float
    best_score: float
    judged: float
    anytime: float


REPORTED = FamilyState._fields[FamilyState._fields.index("penalty") :]
"""Fields of the state that are entries of the info under the same name."""


class Settings(NamedTuple):
    """What is the same in every episode of an environment.

    Attributes:
        low_penalty: Lower bound of the penalty.
        high_penalty: Upper bound.
        low_budget: Lower bound of the budget.
        high_budget: Upper bound.
        episode_steps: Most steps of an episode.
        anytime: Whether a good design that is found early pays more.
    """

    low_penalty: float
    high_penalty: float
    low_budget: float
    high_budget: float
    episode_steps: int
    anytime: bool

    @property
    def record(self) -> np.ndarray:
        """The same as an array of one record."""
        return np.array([tuple(self)], record(Settings))


class Episodes(NamedTuple):
    """The episodes of some environments.

    Attributes:
        states: Records `[n]` of `FamilyState`.
        trained: Index of the longest training of each architecture, -1 for none, int8 `[n, a]`.
        observations: float32 `[n, entries]`.
        masks: Which actions are legal, int8 `[n, actions]`.
    """

    states: np.ndarray
    trained: NDArray[np.int8]
    observations: NDArray[np.float32]
    masks: NDArray[np.int8]


def no_episodes(n: int) -> Episodes:
    """Environments that have no episode yet."""
    states = np.zeros(n, record(FamilyState))
    states["elapsed"] = -1
    return Episodes(
        states,
        np.full((n, len(ARCHITECTURES)), -1, np.int8),
        np.zeros((n, len(FAMILY_OBSERVATION_NAMES)), np.float32),
        np.zeros((n, len(FAMILY_ACTIONS)), np.int8),
    )


NOISE = 4
"""Uniform random numbers that an episode uses: for its task, seed, penalty and budget."""


@compiled
def begin(
    bank: Bank, params: np.ndarray, noise: np.ndarray, chosen: np.ndarray, episodes: Episodes
) -> None:
    """Start an episode in some environments.

    Args:
        bank: Of the tasks.
        params: `Settings.record`.
        noise: float64 `[n, NOISE]`, uniform random numbers.
        chosen: bool `[n]`, where.
        episodes: Updated.
    """
    fixed = params[0]
    for env in range(chosen.size):
        if not chosen[env]:
            continue
        state = episodes.states[env]
        state.task = int(noise[env, 0] * bank.results.shape[0])
        state.seed = int(noise[env, 1] * bank.results.shape[1])
        state.penalty = between(fixed.low_penalty, fixed.high_penalty, noise[env, 2])
        state.budget = between(fixed.low_budget, fixed.high_budget, noise[env, 3])
        state.architecture, state.length, state.best, state.best_length = -1, -1, -1, -1
        state.elapsed, state.over, state.applied, state.kind = 0, False, True, -1
        state.reward, state.gain, state.anytime = 0.0, 0.0, 0.0
        state.spent, state.found_at, state.found_cost = 0.0, 0, 0.0
        state.val_metric, state.judged = bank.nothing[state.task, 0], bank.nothing[state.task, 1]
        state.score = state.best_score = state.val_metric
        cheapest = np.inf
        for start in range(_N_STARTS):
            cheapest = min(cheapest, bank.cost[state.task, bank.successors[0, start], 0])
        state.first = max(_FIRST_SHARE * state.budget, cheapest + bank.edit[state.task])
        episodes.trained[env, :] = -1
        seen = episodes.observations[env]
        seen[:] = 0
        for entry in range(len(TASK_NAMES)):
            seen[entry] = bank.tasks[state.task, entry]
        seen[_PENALTY] = clip((log10(max(state.penalty, 1e-4)) + 2) / 2)
        seen[_PENALTY + 1] = clip(log10(state.budget) / 2)
        _look(bank, fixed, env, episodes)


@compiled
def advance(
    bank: Bank, params: np.ndarray, actions: np.ndarray, moving: np.ndarray, episodes: Episodes
) -> None:
    """One step in some environments.

    Args:
        bank: Of the tasks.
        params: `Settings.record`.
        actions: int64 `[n]`, in range.
        moving: bool `[n]`, where.
        episodes: Updated.
    """
    fixed = params[0]
    for env in range(actions.size):
        if not moving[env]:
            continue
        state, action = episodes.states[env], actions[env]
        state.elapsed += 1
        state.reward, state.gain = 0.0, 0.0
        state.applied = episodes.masks[env, action] == 1
        state.kind = _kind(action)
        if action == _STOP and state.applied:
            state.over = True
        elif state.applied:
            _train(bank, fixed, action, state, episodes.trained[env])
        else:
            state.spent = min(state.spent + bank.edit[state.task], state.budget)
        _look(bank, fixed, env, episodes)


@inlined
def _kind(action: int) -> int:
    if action < _N_STARTS * _N_LENGTHS:
        return _START
    if action < _LONGER:
        return _EDIT
    return action - _LONGER + _KIND_LONGER


@inlined
def _price(cost: np.ndarray, edit: float, before: int, length: int) -> float:
    """Cost of a step to an architecture: only what is trained anew costs more than an edit.

    Args:
        cost: Of training the architecture to each length, float64 `[lengths]`.
        edit: Cost of an edit.
        before: Index of its longest training so far; -1 for none.
        length: Index of the length that it is trained to.
    """
    price = edit
    if length > before:
        price += cost[length]
        if before >= 0:
            price -= cost[before]
    return price


@inlined
def _train(bank: Bank, fixed: Any, action: int, state: Any, trained: np.ndarray) -> None:
    """Train what an action leads to, and pay for a better design."""
    task, seed, length = state.task, state.seed, 0
    if action < _LONGER:
        goal = int(bank.successors[max(state.architecture, 0), action // _N_LENGTHS])
        length = action % _N_LENGTHS
    elif action == _LONGER:
        goal, length = state.architecture, state.length + 1
    else:
        goal = state.best
    price = _price(bank.cost[task, goal], bank.edit[task], trained[goal], length)
    state.spent = min(state.spent + price, state.budget)
    trained[goal] = max(trained[goal], length)
    state.architecture, state.length = goal, trained[goal]
    size = state.penalty * bank.weights[task, goal]
    metric = bank.results[task, seed, goal, trained[goal], 0]
    score = metric - size
    state.gain = score - state.score
    state.val_metric, state.score = metric, score
    if score > state.best_score:
        judged = bank.judged[task, seed, goal, trained[goal]] - size
        better = judged - state.judged
        share = 1.0
        if fixed.anytime and state.spent > state.first:
            share = log(state.budget / state.spent) / log(state.budget / state.first)
        state.best, state.best_length, state.best_score = goal, trained[goal], score
        state.judged = judged
        state.reward = better * share
        state.anytime += state.reward
        state.found_at, state.found_cost = state.elapsed, state.spent


@inlined
def _look(bank: Bank, fixed: Any, env: int, episodes: Episodes) -> None:
    """Masks and observation of the present moment, and whether the episode is over."""
    state, trained = episodes.states[env], episodes.trained[env]
    mask, seen = episodes.masks[env], episodes.observations[env]
    task, seed, now = state.task, state.seed, state.architecture
    left, edit, cost = state.budget - state.spent, bank.edit[task], bank.cost[task]
    goals, some = bank.successors[max(now, 0)], False
    for place in range(_N_STARTS + _N_EDITS):
        goal, legal = goals[place], place < _N_STARTS or (now >= 0 and goals[place] >= 0)
        for length in range(_N_LENGTHS):
            paid = legal and _price(cost[goal], edit, trained[goal], length) <= left
            mask[place * _N_LENGTHS + length] = paid
            some = some or paid
    mask[_LONGER] = now >= 0 and state.length + 1 < _N_LENGTHS
    if mask[_LONGER] == 1:
        mask[_LONGER] = _price(cost[now], edit, state.length, state.length + 1) <= left
    mask[_BACK] = state.best >= 0 and state.best != now and edit <= left
    some = some or mask[_LONGER] == 1 or mask[_BACK] == 1
    mask[_STOP] = now >= 0
    state.over = state.over or not some or state.elapsed >= fixed.episode_steps
    share = state.spent / state.budget
    seen[_SPENT] = share
    seen[_SPENT + 1] = clip(log10(max(share, 1e-3)) / 3)
    seen[_SPENT + 2] = clip(log10(max(1 - share, 1e-3)) / 3)
    seen[_SPENT + 3] = state.elapsed / fixed.episode_steps
    seen[_STARTED:_FIRST_MEMORY] = 0
    if now >= 0:
        seen[_STARTED] = 1
        for entry in range(len(ARCHITECTURE_NAMES)):
            seen[_STARTED + 1 + entry] = bank.shapes[now, entry]
        relative = bank.weights[task, now]
        seen[_SIZE] = clip((log10(relative) + 6 * bank.tasks[task, 4]) / 6)
        seen[_SIZE + 1] = clip(log10(relative) / 3)
        seen[_SIZE + 2] = (state.length + 1) / _N_LENGTHS
        seen[_SIZE + 3] = clip(log10(bank.cost[task, now, 0] / state.budget) / 4)
        for length in range(state.length + 1):
            for each in range(3):
                seen[_METRIC + 3 * length + each] = bank.results[task, seed, now, length, each]
        seen[_GAIN] = clip(10 * state.gain)
        for start in range(_N_STARTS):
            if bank.successors[0, start] == now:
                seen[_FIRST_MEMORY + 2 * start] = state.val_metric
                seen[_FIRST_MEMORY + 2 * start + 1] = (state.length + 1) / _N_LENGTHS
    if state.best >= 0:
        for entry in range(len(ARCHITECTURE_NAMES)):
            seen[_BEST + entry] = bank.shapes[state.best, entry]
        seen[_BEST_SIZE] = clip(log10(bank.weights[task, state.best]) / 3)
        seen[_BEST_SIZE + 1] = bank.results[task, seed, state.best, state.best_length, 0]
        seen[_BEST_SIZE + 2] = clip(state.best_score - bank.nothing[task, 0])
        seen[_BEST_SIZE + 3] = (state.best_length + 1) / _N_LENGTHS
        seen[_BEST_SIZE + 4] = state.best == now
        seen[_BEST_SIZE + 5] = clip((state.elapsed - state.found_at) / 10)
        seen[_BEST_SIZE + 6] = clip(log10(state.spent / state.found_cost) / 2)
    for kind in range(4):
        seen[_LAST + kind] = state.kind == kind
    seen[_LAST + 4] = not state.applied
