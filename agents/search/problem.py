"""The problem that a search strategy solves: design within a budget.

A strategy is a function of a `Problem`. It plays episodes, makes further environments or evaluates
architectures until the budget is spent, which ends it with `BudgetSpent`. Whatever it evaluates is
in the history of the problem.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from rlnas.agents.policies.outcome import episode_score
from rlnas.agents.policies.policy import Policy
from rlnas.agents.search.budgeted_env import BudgetedEnv, BudgetSpent
from rlnas.agents.search.episodes import budget as budget_episodes
from rlnas.agents.search.episodes.sequences import SequenceSpace
from rlnas.agents.search.history import SearchHistory
from rlnas.envs.actions import NO_OP
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.nn.architecture import Architecture
from rlnas.tabular.grid import Grid
from rlnas.validation import whole

LIVE_GRID = Grid((4, 8, 16, 32, 64, 128, 256), (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0), 3)
"""In live environments, the architectures for strategies that train every network from scratch."""


class Problem:
    """A design task with a budget.

    Args:
        make_env: makes an environment of the task; takes arguments of its class by keyword.
        budget: training batches that may be spent; in tabular environments look-ups, in episodes
            with a budget of their own multiply-adds.
        seed: seed of everything random.
        on_spent: called with each cost, to show progress.

    Attributes:
        history: every evaluation and the best design.
        rng: the source of randomness of the strategy.
        env: an environment of the task.
        n_actions: number of actions of the environments.
        episode_steps: steps of an episode; the most it may have if it has a budget.
        tabular: whether designs are looked up in a table.
        budget_env: an environment of the task if its episodes have a budget, else None.
        grid: the architectures to choose from where `evaluate` is used.
    """

    def __init__(
        self,
        make_env: Callable[..., DesignEnv | BudgetDesignEnv | TabularEnv],
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
        self.budget_env = env if isinstance(env, BudgetDesignEnv) else None
        self.grid: Grid = env.table.grid if self.tabular else LIVE_GRID

    def make(self, **arguments: Any) -> BudgetedEnv:
        """Another environment of the task, with the same budget and history.

        Args:
            **arguments: arguments of the class of the environment.
        """
        env = self._make_env(**arguments)
        seed = int(self.rng.integers(2**31))
        return BudgetedEnv(env, self.history, self.budget, seed, self._on_spent)

    def make_endless(self) -> BudgetedEnv:
        """An environment whose episode does not end before the budget is spent."""
        # A step costs at least one: no episode can be longer than the budget.
        if self.budget_env is None:
            return self.make(episode_steps=self.budget)
        twice = budget_episodes.units(self.budget_env, 2 * self.budget)
        return self.make(episode_steps=self.budget, budget=twice)

    @property
    def max_evaluations(self) -> int:
        """Evaluations, that is resets and steps, that the whole budget pays for.

        If episodes have a budget, it is about as many: of episodes with steps of normal length.
        """
        if self.budget_env is None:
            return self.budget // self.env.cost
        return self.budget * self.sequences.length // self.episode_cost

    @property
    def episode_cost(self) -> int:
        """Cost of an episode; the most it can cost if it has a budget."""
        if self.budget_env is None:
            return self.env.cost * (self.episode_steps + 1)
        return budget_episodes.episode_cost(self.budget_env)

    @property
    def max_episodes(self) -> int:
        """Complete episodes that the whole budget pays for; at least so many if they have one."""
        return self.budget // self.episode_cost

    @cached_property
    def sequences(self) -> SequenceSpace:
        """The action sequences of an episode.

        With a budget, they begin with a start that is legal in every episode, and have as many
        actions as an episode with steps of normal length.
        """
        env = self.budget_env
        if env is None:
            return SequenceSpace(self.episode_steps, np.arange(self.n_actions))
        return SequenceSpace(
            budget_episodes.sequence_length(env),
            budget_episodes.edits_and_stop(),
            budget_episodes.starts(env),
        )

    def play(self, policy: Policy, seed: int | None = None) -> float:
        """Play one episode in `env`; see `episode_score`."""
        return episode_score(self.env, policy, seed)

    def play_sequence(self, actions: Sequence[int], seed: int | None = None) -> float:
        """Play one episode with given actions, followed by "none"; see `episode_score`.

        Illegal actions change nothing. With a budget, "none" trains shortly, and changes nothing as
        long as there is no network.
        """
        remaining = iter(actions)
        return self.play(lambda observation, mask: next(remaining, NO_OP), seed)

    def evaluate(self, architecture: Architecture) -> float:
        """The score of an architecture.

        In a live environment, a random network of this architecture is trained for as long as an
        episode lasts. In a table, the architecture is looked up.
        """
        _, info = self.env.reset(options={"architecture": architecture})
        over = self.tabular
        while not over:
            _, _, over, _, info = self.env.step(NO_OP)
        score: float = info["score"]
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
