"""The steps of episodes on the family, compiled; one environment and a thousand move alike."""

from math import log, log10
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.envs.family.actions import BACK, EDITS, FAMILY_ACTIONS, LONGER, STARTS, STOP
from rlnas.envs.family.bank import ARCHITECTURE_NAMES, JUDGED, TASK_NAMES, Bank
from rlnas.envs.look_up.numbers import between, clip, compiled, inlined
from rlnas.envs.look_up.records import record
from rlnas.family.space import ARCHITECTURES, LENGTHS, NUMBERS

EPISODE_STEPS = 48
"""Most steps of an episode, unless something else is said."""

_N_LENGTHS = len(LENGTHS)
_N_STARTS, _N_EDITS = len(STARTS), len(EDITS)
_START, _EDIT, _KIND_LONGER, _KIND_BACK = range(4)  # kinds that are entries of the observation
_FIRST_SHARE = 0.1
_PLACE_OF_START = np.full(len(ARCHITECTURES), -1)
_PLACE_OF_START[[NUMBERS[start] for start in STARTS]] = range(_N_STARTS)

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
        prices: Of starts and edits in the order of their actions, float64 `[n, actions - 3]`;
            infinite for an edit that leads nowhere.
        observations: float32 `[n, entries]`.
        masks: Which actions are legal, int8 `[n, actions]`.
    """

    states: np.ndarray
    trained: NDArray[np.int8]
    prices: NDArray[np.float64]
    observations: NDArray[np.float32]
    masks: NDArray[np.int8]


def no_episodes(n: int) -> Episodes:
    """Environments that have no episode yet."""
    states = np.zeros(n, record(FamilyState))
    states["elapsed"] = -1
    return Episodes(
        states,
        np.full((n, len(ARCHITECTURES)), -1, np.int8),
        np.zeros((n, LONGER)),
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
        seen[_PENALTY] = clip((log10(max(state.penalty, 1e-3)) + 1) / 2)
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
    # Two loops: in the first, the processor can fetch results for several environments at once.
    for env in range(actions.size):
        if moving[env]:
            state, action = episodes.states[env], actions[env]
            state.elapsed += 1
            state.reward, state.gain = 0.0, 0.0
            state.applied = episodes.masks[env, action] == 1
            state.kind = _kind(action)
            if not state.applied:
                state.spent = min(state.spent + bank.edit[state.task], state.budget)
            elif action == STOP:
                state.over = True
            else:
                goal, length = _goal(bank, action, state)
                _train(bank, goal, length, state, episodes.trained[env])
    for env in range(actions.size):
        if moving[env]:
            _pay(bank, fixed, episodes.states[env])
            _look(bank, fixed, env, episodes)


@inlined
def _kind(action: int) -> int:
    if action < _N_STARTS * _N_LENGTHS:
        return _START
    if action < LONGER:
        return _EDIT
    return action - LONGER + _KIND_LONGER


@inlined
def price_of(cost: np.ndarray, edit: float, before: int, length: int) -> float:
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
def _goal(bank: Bank, action: int, state: Any) -> tuple[int, int]:
    """Number of the architecture that an action leads to, and index of the length."""
    if action < LONGER:
        goal = int(bank.successors[max(state.architecture, 0), action // _N_LENGTHS])
        return goal, action % _N_LENGTHS
    if action == LONGER:
        return state.architecture, state.length + 1
    return state.best, 0


@inlined
def look_up(
    bank: Bank, fixed: Any, goal: int, length: int, state: Any, trained: np.ndarray
) -> None:
    """Train an architecture to a length, and pay for a better design.

    Args:
        bank: Of the tasks.
        fixed: Record of `Settings`.
        goal: Number of the architecture.
        length: Index of the length.
        state: Record of `FamilyState`, updated.
        trained: Index of the longest training of each architecture, updated.
    """
    _train(bank, goal, length, state, trained)
    _pay(bank, fixed, state)


@inlined
def _train(bank: Bank, goal: int, length: int, state: Any, trained: np.ndarray) -> None:
    """Train an architecture to a length, and see what it gives."""
    task, before = state.task, trained[goal]
    longest = max(before, length)
    price = price_of(bank.cost[task, goal], bank.edit[task], before, length)
    state.spent = min(state.spent + price, state.budget)
    trained[goal] = longest
    state.architecture, state.length = goal, longest
    metric = bank.results[task, state.seed, goal, longest, 0]
    score = metric - state.penalty * bank.weights[task, goal]
    state.gain = score - state.score
    state.val_metric, state.score = metric, score


@inlined
def _pay(bank: Bank, fixed: Any, state: Any) -> None:
    """Pay for the present design if it is better than the best one."""
    if state.score <= state.best_score:
        return
    task, goal, length = state.task, state.architecture, state.length
    size = state.penalty * bank.weights[task, goal]
    judged = bank.results[task, state.seed, goal, length, JUDGED] - size
    better = judged - state.judged
    share = 1.0
    if fixed.anytime and state.spent > state.first:
        share = log(state.budget / state.spent) / log(state.budget / state.first)
    state.best, state.best_length, state.best_score = goal, length, state.score
    state.judged = judged
    state.reward = better * share
    state.anytime += state.reward
    state.found_at, state.found_cost = state.elapsed, state.spent


@inlined
def _look(bank: Bank, fixed: Any, env: int, episodes: Episodes) -> None:
    """Masks and observation of the present moment, and whether the episode is over."""
    state, prices = episodes.states[env], episodes.prices[env]
    _price(bank, state, episodes.trained[env], prices)
    some = _mask(bank, state, prices, episodes.masks[env])
    state.over = state.over or not some or state.elapsed >= fixed.episode_steps
    _observe(bank, fixed, state, episodes.observations[env])


@inlined
def _price(bank: Bank, state: Any, trained: np.ndarray, prices: np.ndarray) -> None:
    """Write what starts and edits cost now; of the starts, training one changes its own price."""
    now, cost = state.architecture, bank.cost[state.task]
    goals = bank.successors[max(now, 0)]
    for place in range(_N_STARTS + _N_EDITS):
        if now >= 0 and place < _N_STARTS and goals[place] != now:
            continue
        there = place < _N_STARTS or (now >= 0 and goals[place] >= 0)
        edit, goal = bank.edit[state.task] if there else np.inf, max(goals[place], 0)
        before = trained[goal]
        paid = cost[goal, before] if before >= 0 else 0.0
        for length in range(_N_LENGTHS):  # `price_of`, without branches that nobody foresees
            price = edit + cost[goal, length] - paid if length > before else edit
            prices[place * _N_LENGTHS + length] = price


@inlined
def _mask(bank: Bank, state: Any, prices: np.ndarray, mask: np.ndarray) -> bool:
    """Write which actions are legal; whether any but stop is."""
    task, now = state.task, state.architecture
    left, edit, cost, some = state.budget - state.spent, bank.edit[task], bank.cost[task], False
    for action in range(LONGER):
        mask[action] = prices[action] <= left
    for action in range(LONGER):
        some |= mask[action] == 1
    mask[LONGER] = now >= 0 and state.length + 1 < _N_LENGTHS
    if mask[LONGER] == 1:
        mask[LONGER] = price_of(cost[now], edit, state.length, state.length + 1) <= left
    mask[BACK] = state.best >= 0 and state.best != now and edit <= left
    mask[STOP] = now >= 0
    return some or mask[LONGER] == 1 or mask[BACK] == 1


@inlined
def _observe(bank: Bank, fixed: Any, state: Any, seen: np.ndarray) -> None:
    """Write those entries of the observation that a step can change."""
    task, now, share = state.task, state.architecture, state.spent / state.budget
    seen[_SPENT] = share
    seen[_SPENT + 1] = clip(log10(max(share, 1e-3)) / 3)
    seen[_SPENT + 2] = clip(log10(max(1 - share, 1e-3)) / 3)
    seen[_SPENT + 3] = state.elapsed / fixed.episode_steps
    if now >= 0:
        seen[_STARTED] = 1
        for entry in range(len(ARCHITECTURE_NAMES)):
            seen[_STARTED + 1 + entry] = bank.shapes[now, entry]
        seen[_SIZE] = bank.sizes[task, now, 0]
        seen[_SIZE + 1] = bank.sizes[task, now, 1]
        seen[_SIZE + 2] = (state.length + 1) / _N_LENGTHS
        seen[_SIZE + 3] = clip(log10(bank.cost[task, now, 0] / state.budget) / 4)
        results = bank.results[task, state.seed, now]
        for length in range(_N_LENGTHS):
            for each in range(JUDGED):
                known = results[length, each] if length <= state.length else np.float32(0)
                seen[_METRIC + JUDGED * length + each] = known
        seen[_GAIN] = clip(10 * state.gain)
        start = _PLACE_OF_START[now]
        if start >= 0:
            seen[_FIRST_MEMORY + 2 * start] = state.val_metric
            seen[_FIRST_MEMORY + 2 * start + 1] = (state.length + 1) / _N_LENGTHS
    if state.best >= 0:
        if state.found_at == state.elapsed:
            for entry in range(len(ARCHITECTURE_NAMES)):
                seen[_BEST + entry] = bank.shapes[now, entry]
            seen[_BEST_SIZE] = bank.sizes[task, now, 1]
            seen[_BEST_SIZE + 1] = state.val_metric
            seen[_BEST_SIZE + 2] = clip(state.best_score - bank.nothing[task, 0])
            seen[_BEST_SIZE + 3] = (state.length + 1) / _N_LENGTHS
        seen[_BEST_SIZE + 4] = state.best == now
        seen[_BEST_SIZE + 5] = clip((state.elapsed - state.found_at) / 10)
        seen[_BEST_SIZE + 6] = clip(log10(state.spent / state.found_cost) / 2)
    for kind in range(4):
        seen[_LAST + kind] = state.kind == kind
    seen[_LAST + 4] = not state.applied
