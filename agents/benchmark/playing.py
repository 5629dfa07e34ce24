"""Playing episodes of the family of tasks, all side by side, without Gymnasium in between."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from rlnas.envs.family.actions import FAMILY_ACTIONS
from rlnas.envs.family.bank import Bank
from rlnas.envs.family.dynamics import (
    EPISODE_STEPS,
    NOISE,
    Episodes,
    Settings,
    advance,
    begin,
    no_episodes,
)
from rlnas.envs.family.family_env import bank_of
from rlnas.errors import InputError
from rlnas.family.table import TaskTable
from rlnas.validation import check_count, check_range, whole


class Episode(NamedTuple):
    """How an episode begins.

    Attributes:
        task: Name of the task.
        seed: Seed of the results that decisions are based on.
        penalty: Metric that the reference number of weights costs.
        budget: What may be spent, in units of the task's budget.
    """

    task: str
    seed: int
    penalty: float
    budget: float


class View(NamedTuple):
    """What a player sees of `n` episodes side by side; the arrays are its own.

    Attributes:
        observations: Those of `FamilyEnv`, float32 `[n, 78]`.
        masks: Which actions are legal, bool `[n, 91]`.
        scores: Validation score of the present network, float64 `[n]`.
        best_scores: Validation score of the best design, float64 `[n]`.
        running: Whether the episode still goes on, bool `[n]`.
    """

    observations: NDArray[np.float32]
    masks: NDArray[np.bool_]
    scores: NDArray[np.float64]
    best_scores: NDArray[np.float64]
    running: NDArray[np.bool_]


class Player(Protocol):
    """Who decides in many episodes at once."""

    def begin(self, n: int) -> None:
        """Forget everything: `n` episodes begin."""

    def act(self, view: View) -> NDArray[np.int64]:
        """Number of the next action in each episode, int64 `[n]`; ignored where none is running."""


class Played(NamedTuple):
    """What was done in some episodes, and what it gave.

    Attributes:
        actions: The numbers of the actions of each episode, or of the designs.
        anytime: Sum of the rewards, float64 `[n]`.
        final: Judged score of the best design, less that of a prediction without features, float64
            `[n]`.
        spent: What was spent, in units of the task's budget, float64 `[n]`.
        designs: Whether the numbers are those of designs that were looked up, of whatever
            architecture and length, see `rlnas.agents.benchmark.rivals.looking_up.Designs`.
    """

    actions: list[list[int]]
    anytime: NDArray[np.float64]
    final: NDArray[np.float64]
    spent: NDArray[np.float64]
    designs: bool = False


def play(
    tables: Sequence[TaskTable],
    episodes: Sequence[Episode],
    player: Player,
    episode_steps: int = EPISODE_STEPS,
    told: Callable[[int], object] | None = None,
) -> Played:
    """Play episodes side by side, with the results of stepping `FamilyEnv` in each.

    Args:
        tables: Tables of the tasks, each with as many seeds.
        episodes: The episodes, of tasks of these tables.
        player: Who decides.
        episode_steps: Most steps of an episode.
        told: Called after every step with the number of steps, of `episode_steps` in each episode,
            that are over since the last call.

    Returns:
        What was done, and what it gave.

    Raises:
        InputError: An episode cannot begin, or the player returns anything but numbers of actions.
    """
    check_count("episode_steps", episode_steps)
    bank, n = bank_of(list(tables)), len(episodes)
    there = begun(tables, bank, episodes, episode_steps)
    params = Settings(0, 0, 0, 0, episode_steps, True).record
    judged = there.states["judged"].copy()
    actions: list[list[int]] = [[] for _ in episodes]
    running = np.ones(n, bool)
    player.begin(n)
    step = 0
    while running.any():
        step += 1
        chosen = _checked(player.act(_view(there, running)), running)
        for episode in np.flatnonzero(running).tolist():
            actions[episode].append(int(chosen[episode]))
        advance(bank, params, chosen, running, there)
        before, running = running, ~there.states["over"].astype(bool)
        if told is not None:
            ended = before & ~running
            told(int(before.sum() + ended.sum() * (episode_steps - step)))
    final = there.states["judged"] - judged
    return Played(actions, there.states["anytime"].copy(), final, there.states["spent"].copy())


def begun(
    tables: Sequence[TaskTable], bank: Bank, episodes: Sequence[Episode], episode_steps: int
) -> Episodes:
    """The first moments of episodes.

    Raises:
        InputError: The task of an episode is not there, its seed is none of the table's, its
            penalty or budget cannot be used, or the budget pays for nothing.
    """
    numbers = {table.task.name: place for place, table in enumerate(tables)}
    noise = np.zeros((len(episodes), NOISE))
    prices: dict[tuple[float, float], list[int]] = {}
    for place, episode in enumerate(episodes):
        if episode.task not in numbers:
            raise InputError(f"no table of the task {episode.task!r} was given")
        seed = whole("seed", episode.seed, 0, bank.n_seeds - 1)
        penalty, _ = check_range("penalty", episode.penalty, low=0.0)
        budget, _ = check_range("budget", episode.budget, 1e-6, 1e6)
        noise[place, :2] = (numbers[episode.task] + 0.5) / len(tables), (seed + 0.5) / bank.n_seeds
        prices.setdefault((penalty, budget), []).append(place)
    there = no_episodes(len(episodes))
    for (penalty, budget), places in prices.items():
        which = np.zeros(len(episodes), bool)
        which[places] = True
        settings = Settings(penalty, penalty, budget, budget, episode_steps, True)
        begin(bank, settings.record, noise, which, there)
    unpaid = np.flatnonzero(there.states["over"])
    if unpaid.size:
        episode = episodes[int(unpaid[0])]
        raise InputError(f"budget {episode.budget:g} pays for nothing on task {episode.task!r}")
    return there


def _view(there: Episodes, running: NDArray[np.bool_]) -> View:
    return View(
        there.observations.copy(),
        there.masks.astype(bool),
        there.states["score"].copy(),
        there.states["best_score"].copy(),
        running.copy(),
    )


def _checked(actions: Any, running: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The actions of a player, with 0 where no episode is running.

    Raises:
        InputError: They are no numbers of actions.
    """
    found = np.asarray(actions)
    if found.shape != running.shape or found.dtype.kind not in "iu":
        raise InputError(
            f"the player returned {found.dtype} {list(found.shape)}: expected the number of an "
            f"action for each of {running.size} episodes"
        )
    chosen: NDArray[np.int64] = np.where(running, found, 0).astype(np.int64)
    beyond = (chosen < 0) | (chosen >= len(FAMILY_ACTIONS))
    if beyond.any():
        raise InputError(
            f"the player returned the action {chosen[beyond][0]}: expected 0 to "
            f"{len(FAMILY_ACTIONS) - 1}"
        )
    return chosen


class CallablePlayer:
    """A player that asks a function in each episode.

    Args:
        policy: From an observation, float32 `[78]`, and a mask, bool `[91]`, to the number of an
            action.
    """

    def __init__(self, policy: Callable[[NDArray[np.float32], NDArray[np.bool_]], Any]):
        self.policy = policy

    def begin(self, n: int) -> None:
        """Nothing is remembered."""

    def act(self, view: View) -> NDArray[np.int64]:
        """The numbers that the function returns."""
        found = np.zeros(view.running.size, np.int64)
        for episode in np.flatnonzero(view.running).tolist():
            action = self.policy(view.observations[episode], view.masks[episode])
            if np.ndim(action) or np.asarray(action).dtype.kind not in "iu":
                raise InputError(
                    f"the policy returned {action!r}: expected the number of an action, "
                    f"0 to {len(FAMILY_ACTIONS) - 1}"
                )
            found[episode] = action
        return found
