"""Environments of a search: every evaluation is charged to one budget and kept in one history."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, cast

import gymnasium as gym
import numpy as np

from rlnas.agents.search.episodes.budget import STOP, pays_for
from rlnas.agents.search.history import SearchHistory
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.searchable import SearchableEnv, metric_of
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.nn.architecture import Architecture
from rlnas.nn.network import SparseNetwork


class BudgetSpent(Exception):
    """The budget does not allow another evaluation: the search is over."""


class BudgetedEnv(gym.Wrapper):
    """An environment that adds every evaluation to a history, until a budget is spent.

    The cost of an evaluation is a number of training batches, the same in each step, or one look-up
    in a table; then the last evaluation may exceed the budget. In episodes with a budget of their
    own, the cost is the multiply-adds of the step. A step that leaves no network, because there is
    none yet, is charged but is no evaluation, nor is a step that trains nothing; and a step that
    the rest of the budget does not pay for ends the search without being one.

    A deep copy is an independent environment that shares the history.

    Args:
        env: the environment to wrap.
        history: receives every evaluation; shared by all environments of a search.
        budget: the cost at which `reset` and `step` begin to be refused.
        seed: seed of the first episode; later episodes go on with the same generator.
        on_spent: called with each cost, to show progress.

    Raises:
        BudgetSpent: by `reset` and `step`, once the budget is spent.
    """

    def __init__(
        self,
        env: DesignEnv | BudgetDesignEnv | TabularEnv,
        history: SearchHistory,
        budget: int,
        seed: int | None,
        on_spent: Callable[[int], object] | None = None,
    ):
        super().__init__(env)
        self.history = history
        self.budget = budget
        self.first_seed = seed
        self.on_spent = on_spent

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode."""
        if seed is None:
            seed, self.first_seed = self.first_seed, None
        self._check_budget()
        observation, info = self.env.reset(seed=seed, options=options)
        self._record(info)
        return observation, info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Take an action."""
        self._check_budget()
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._record(info)
        return observation, float(reward), terminated, truncated, info

    def action_masks(self) -> np.ndarray:
        """Bool `[actions]`: which actions are legal now.

        An episode that has cost nothing cannot be stopped: a search of such episodes would not end.
        """
        masks: np.ndarray = self.env.get_wrapper_attr("action_masks")()
        if isinstance(self.unwrapped, BudgetDesignEnv) and not self.unwrapped.state.spent:
            masks[STOP] = False
        return masks

    def legal_edits(self) -> np.ndarray:
        """int64 `[n]`: the legal actions, without the one that ends an episode."""
        legal = np.flatnonzero(self.action_masks())
        return legal[legal != STOP] if self._has_own_budget else legal

    @property
    def current_design(self) -> SparseNetwork | Architecture:
        """The design that the last reset or step evaluated."""
        return self._searchable.current_design

    @property
    def cost(self) -> int:
        """Cost of the last reset or step; of each in the present episode if all cost the same."""
        return self._searchable.evaluation_cost

    @property
    def _searchable(self) -> SearchableEnv:
        return cast(SearchableEnv, self.unwrapped)

    @property
    def _has_own_budget(self) -> bool:
        return isinstance(self.unwrapped, BudgetDesignEnv)

    def _check_budget(self) -> None:
        if self.history.spent >= self.budget:
            raise BudgetSpent

    def _record(self, info: dict[str, Any]) -> None:
        history, cost, weights = self.history, self.cost, float(info["active_weights"])
        left = self.budget - history.spent
        too_much = self._has_own_budget and cost > left
        if too_much:
            cost = left
        if too_much or not cost or not weights:
            history.charge(cost)
        else:
            history.add(cost, info["score"], metric_of(info), weights, self.current_design)
        if self.on_spent is not None:
            self.on_spent(cost)
        if too_much:
            raise BudgetSpent

    def __deepcopy__(self, memo: dict[int, Any]) -> "BudgetedEnv":
        inner: Any = deepcopy(self.env, memo)
        return BudgetedEnv(inner, self.history, self.budget, self.first_seed, self.on_spent)


class StartFromBest(gym.Wrapper):
    """Every episode starts with the best design of the search, once there is one.

    A network is trained further, with the state of its optimiser. An episode starts as usual if its
    budget does not pay for that.

    Args:
        env: the environment to wrap, a `BudgetedEnv`.
    """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode."""
        best = self.env.get_wrapper_attr("history").best
        inner = self.unwrapped
        dear = isinstance(inner, BudgetDesignEnv) and not (
            isinstance(best, SparseNetwork) and pays_for(inner, best)
        )
        if best is not None and not dear:
            kind = "network" if isinstance(best, SparseNetwork) else "architecture"
            options = {**(options or {}), kind: best}
        return self.env.reset(seed=seed, options=options)
