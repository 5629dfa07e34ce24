"""The problem that a search strategy solves: design within a budget.

A strategy is a function of a `Problem`. It plays episodes, makes further environments or evaluates
architectures until the budget is spent, which ends it with `BudgetSpent`. Whatever it evaluates is
in the history of the problem.
"""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from rlnas.agents.policies.episode import steps_of_episode
from rlnas.agents.policies.policy import Policy
from rlnas.agents.search.budgeted_env import BudgetedEnv, BudgetSpent
from rlnas.agents.search.history import SearchHistory
from rlnas.envs.actions import NO_OP
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.tabular_env import TabularEnv
from rlnas.nn.architecture import Architecture
from rlnas.tabular.grid import Grid
from rlnas.validation import whole

LIVE_GRID = Grid((4, 8, 16, 32, 64, 128, 256), (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0), 3)
"""In live environments, the architectures for strategies that train every network from scratch."""


class Problem:
    """A design task with a budget.

    Args:
        make_env: makes an environment of the task; takes arguments of its class by keyword.
        budget: training batches that may be spent; in tabular environments look-ups.
        seed: seed of everything random.
        on_spent: called with the cost of each evaluation, to show progress.

    Attributes:
        history: every evaluation and the best design.
        rng: the source of randomness of the strategy.
        env: an environment of the task.
        n_actions: number of actions of the environments.
        episode_steps: steps of an episode.
        grid: the architectures to choose from where `evaluate` is used.
    """

    def __init__(
        self,
        make_env: Callable[..., DesignEnv | TabularEnv],
        budget: int,
        seed: int,
        on_spent: Callable[[int], object] | None = None,
    ):
        self._make_env = make_env
        self._on_spent = on_spent
        self.history = SearchHistory()
        self.budget = whole("budget", budget)
        self.rng = np.random.default_rng(whole("seed", seed))
        self.env = self.make()
        env: Any = self.env.unwrapped
        self.n_actions, self.episode_steps = int(env.action_space.n), int(env.episode_steps)
        self.tabular = isinstance(env, TabularEnv)
        self.grid: Grid = env.table.grid if self.tabular else LIVE_GRID

    def make(self, **arguments: Any) -> BudgetedEnv:
        """Another environment of the task, with the same budget and history.

        Args:
            **arguments: arguments of the class of the environment.
        """
        env = self._make_env(**arguments)
        seed = int(self.rng.integers(2**31))
        return BudgetedEnv(env, self.history, self.budget, seed, self._on_spent)

    @property
    def max_evaluations(self) -> int:
        """Evaluations, that is resets and steps, that the whole budget pays for."""
        return self.budget // self.env.cost

    @property
    def max_episodes(self) -> int:
        """Complete episodes that the whole budget pays for."""
        return self.max_evaluations // (self.episode_steps + 1)

    def play(self, policy: Policy, seed: int | None = None) -> float:
        """Play one episode in `env`; see `final_score`."""
        return final_score(self.env, policy, seed)

    def play_sequence(self, actions: Sequence[int], seed: int | None = None) -> float:
        """Play one episode with given actions, followed by "none"; see `final_score`.

        Illegal actions change nothing.
        """
        remaining = iter(actions)
        return self.play(lambda observation, mask: next(remaining, NO_OP), seed)

    def evaluate(self, architecture: Architecture) -> float:
        """The score of an architecture.

        In a live environment, a random network of this architecture is trained for as long as an
        episode lasts. In a table, the architecture is looked up.
        """
        _, info = self.env.reset(options={"architecture": architecture})
        if not self.tabular:
            for _ in range(self.episode_steps):
                info = self.env.step(NO_OP)[4]
        score: float = info["score"]
        return score


def final_score(env: gym.Env, policy: Policy, seed: int | None = None) -> float:
    """Play one episode.

    Args:
        env: a `BudgetedEnv`, perhaps in a wrapper.
        policy: chooses the actions.
        seed: seed of the episode; by default the generator of the environment goes on.

    Returns:
        The score of the last design.

    Raises:
        BudgetSpent: the budget was spent before the episode ended.
    """
    *_, last = steps_of_episode(env, policy, seed)
    score: float = last.info["score"]
    return score


Strategy = Callable[[Problem], None]
"""Searches until `BudgetSpent`."""


def search(strategy: Strategy, problem: Problem) -> SearchHistory:
    """Let a strategy spend the budget of a problem.

    Returns:
        The history of the problem.
    """
    try:
        strategy(problem)
    except BudgetSpent:
        return problem.history
    raise RuntimeError(f"{strategy} ended its search before its budget was spent")
