"""`BudgetDesignEnv`: design a network within a budget of training cost."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any, cast

import gymnasium as gym
import numpy as np

from rlnas.cost import edit_cost, size_of
from rlnas.data.datasets import Dataset, Source
from rlnas.envs import actions
from rlnas.envs.budget.actions import (
    BUDGET_ACTIONS,
    STARTS,
    STARTS_SLICE,
    Back,
    BudgetAction,
    Start,
    legal_edits,
    legal_starts,
)
from rlnas.envs.budget.costs import (
    FIRST_SHARE,
    LEAST_BATCHES,
    batches_of,
    first_step_costs,
    step_cost,
    unit_cost,
)
from rlnas.envs.budget.episode import BudgetState, constant_prediction, share_left
from rlnas.envs.budget.observations import BUDGET_OBSERVATION_NAMES, observe_budget
from rlnas.envs.live_env import LiveEnv, diverged, diverging_start, draw, probe_size
from rlnas.envs.validation import check_action, check_number, check_seed, check_under_way
from rlnas.errors import InputError
from rlnas.nn import edits
from rlnas.nn.initialization import new_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    Batches,
    Hyperparameters,
    evaluate,
)
from rlnas.validation import Range, check_choice, check_count, check_range

RETURNS = ("anytime", "final")
"""What an episode with a budget may pay."""


GIVEN_BATCHES = (6, 400)
"""Least and most training batches of a network that an episode begins with."""


class BudgetDesignEnv(LiveEnv):
    """Design a network within a budget of training cost."""

    n_actions = len(BUDGET_ACTIONS)

    def __init__(
        self,
        dataset: Source | list[Source] = "digits",
        penalty: Range = 0.1,
        reward: str = "anytime",
        budget: Range = (0.05, 5.0),
        given: float = 0.5,
        episode_steps: int = 100,
        network: SparseNetwork | None = None,
        hyperparameters: Hyperparameters | Mapping[str, Any] = DEFAULT_HYPERPARAMETERS,
        saliency: actions.Saliency = edits.saliency,
        data_dir: str | PathLike[str] | None = None,
        render_mode: str | None = None,
    ):
        super().__init__(
            dataset, penalty, network, hyperparameters, saliency, data_dir, render_mode
        )
        check_choice("reward", reward, RETURNS)
        self.reward = reward
        self.budget_range = check_range("budget", budget, low=1e-6)
        self.given = check_number("given", given, low=0.0, high=1.0)
        self.episode_steps = check_count("episode_steps", episode_steps)
        for data in self.datasets:
            self._check_first_step(data)
        self.observation_space = gym.spaces.Box(-1, 1, (len(BUDGET_OBSERVATION_NAMES),), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; see the class.

        Args:
            seed: of everything random.
            options: `{"architecture": ...}` starts with a random network of that architecture,
                `(width, density)` of each hidden layer; `{"network": ...}` with a copy of that one.

        Raises:
            InputError: a value cannot be used, the starting network diverges, or the budget does
                not pay for a training batch of it.
        """
        architecture, start = self._wanted_start(options)
        super().reset(seed=check_seed(seed))
        rng = self.np_random
        dataset_index = int(rng.integers(len(self.datasets)))
        data = self.datasets[dataset_index]
        penalty = draw(self.penalty_range, rng)
        batches = Batches(data.train, rng, self.hyperparameters.batch_size)
        unit = unit_cost(data, batches.batch_size)
        budget = round(draw(self.budget_range, rng) * unit)
        first_steps = first_step_costs(data, batches.batch_size)
        legal = legal_starts(data.n_features, data.n_classes, first_steps <= budget)
        nothing = constant_prediction(data, penalty)
        state = BudgetState(
            dataset=data,
            dataset_index=dataset_index,
            penalty=penalty,
            batches=batches,
            current=nothing,
            previous=nothing,
            legal=legal,
            elapsed=0,
            action=actions.NO_OP,
            applied=True,
            diverged=False,
            best_score=nothing.score,
            budget=budget,
            unit=unit,
            first=max(round(FIRST_SHARE * budget), int(first_steps.min())),
            spent=0,
            cost=0,
            best=nothing,
            best_at=0,
            best_spent=0,
            anytime=nothing.score,
            trained=0,
            over=False,
        )
        begins_with_one = rng.random() < self.given
        if architecture is not None:
            start = new_network(architecture, data.n_features, data.n_classes, rng)
        elif start is None and begins_with_one:
            start = self._drawn_network(state, first_steps)
        if start is not None:
            state = self._given(state, start.copy())
        return self._outcome(state)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Edit, train, evaluate; see the class.

        Raises:
            InputError: no episode is under way, or there is no such action.
        """
        before = self.state
        check_under_way(-1 if before.over else before.elapsed)
        number = check_action(action, self.n_actions)
        after = self._moved(
            replace(
                before,
                previous=before.current,
                elapsed=before.elapsed + 1,
                action=number,
                applied=bool(before.legal[number]),
                diverged=False,
                cost=0,
                trained=0,
            )
        )
        over = after.over or after.elapsed >= self.episode_steps
        observation, info = self._outcome(replace(after, over=over))
        if self.reward == "final":
            reward = after.best_score - before.best_score
        else:
            reward = after.anytime - before.anytime
        return observation, float(reward), over, False, info

    def _moved(self, state: BudgetState) -> BudgetState:
        """The state after the action that was chosen."""
        chosen = state.last
        if chosen.edit is None and state.applied:
            return replace(state, over=True)
        if state.applied:
            network = self._edited(state, chosen)
            batches = 0 if network is None else self._batches(state, network)
            if network is not None and batches > 0:
                return self._trained(state, network, batches)
            state = replace(state, applied=False)
        if not state.started:
            return _ended_if_spent(_charged(state, edit_cost(size_of(state.current.network))))
        # Nothing is changed; a copy, since training must not change the design before.
        network = state.current.network.copy()
        return self._trained(state, network, self._batches(state, network))

    def _edited(self, state: BudgetState, chosen: BudgetAction) -> SparseNetwork | None:
        """A network of its own after a legal edit; None if it cannot be carried out after all."""
        edit, data = chosen.edit, state.dataset
        if isinstance(edit, Start):
            inputs, outputs = data.n_features, data.n_classes
            return new_network(edit.architecture, inputs, outputs, self.np_random)
        if isinstance(edit, Back):
            return state.best.network.copy()
        return self._edit(state.current, cast(actions.Action, edit))

    def _batches(self, state: BudgetState, network: SparseNetwork) -> int:
        """Training batches of a step, by its length and by what is left; 0 if that is too little.

        A step has at least `LEAST_BATCHES`, unless the rest of the budget pays for fewer.
        """
        before, after = size_of(state.current.network), size_of(network)
        task = before, after, state.dataset, state.batches.batch_size
        wanted = max(batches_of(state.last.share * state.spent, *task), LEAST_BATCHES)
        return max(min(wanted, batches_of(state.budget - state.spent, *task)), 0)

    def _trained(self, state: BudgetState, network: SparseNetwork, batches: int) -> BudgetState:
        """The state after a network was trained and evaluated."""
        data = state.dataset
        before, after = size_of(state.current.network), size_of(network)
        training = self._train(network, data, state.batches, batches)
        now = self._evaluated(network, data, training, state.penalty)
        cost = step_cost(before, after, data, batches, state.batches.batch_size)
        state = replace(_charged(state, cost), trained=batches)
        if diverged(now):
            state = replace(state, applied=False, diverged=True)
        else:
            state = _improved(replace(state, current=now))
        if state.started:
            can_go_back = state.best.network.active_weights > 0 and state.best is not state.current
            state = replace(state, legal=legal_edits(state.current.network, can_go_back))
        return _ended_if_spent(state)

    def _drawn_network(self, state: BudgetState, first_steps: np.ndarray) -> SparseNetwork:
        """One of the legal starts, at random, trained for a random number of batches at no cost."""
        data, rng = state.dataset, self.np_random
        affordable = np.flatnonzero(state.legal[STARTS_SLICE] & (first_steps <= state.budget / 2))
        if affordable.size == 0:
            affordable = np.array([int(first_steps.argmin())])
        chosen = STARTS[int(rng.choice(affordable))]
        network = new_network(chosen, data.n_features, data.n_classes, rng)
        self._train(network, data, state.batches, round(draw(GIVEN_BATCHES, rng)))
        return network

    def _given(self, state: BudgetState, network: SparseNetwork) -> BudgetState:
        """The state in which an episode begins that has a network from the start."""
        data = state.dataset
        training = evaluate(network, data, data.train[: probe_size(data)])
        now = self._evaluated(network, data, training, state.penalty)
        if diverged(now):
            raise diverging_start(data)
        legal = state.legal | legal_edits(network, back=False)
        state = replace(
            state,
            current=now,
            previous=now,
            legal=legal,
            best=now,
            best_score=now.score,
            anytime=now.score,
        )
        if self._batches(state, network) == 0:
            raise InputError(
                f"a budget of {state.budget / state.unit:g} does not pay for a training batch of "
                f"the starting network with {network.active_weights:,} weights: expected more"
            )
        return state

    def _outcome(self, state: BudgetState) -> tuple[np.ndarray, dict[str, Any]]:
        """Make a state the present one; its observation and info."""
        self._enter(state)
        return observe_budget(state, self.episode_steps), cast(dict[str, Any], state.info())

    def _check_first_step(self, data: Dataset) -> None:
        """Raise `InputError` if the smallest budget pays for no start on a data set."""
        batch_size = min(self.hyperparameters.batch_size, data.train.size)
        least = first_step_costs(data, batch_size).min() / unit_cost(data, batch_size)
        if self.budget_range[0] < least:
            raise InputError(
                f"budget {self.budget_range[0]:g} does not pay for the first step on data set "
                f"'{data.name}': expected at least {least:.2g}"
            )

    @property
    def state(self) -> BudgetState:
        """The present moment of the episode; see `LiveEnv.state`."""
        return cast(BudgetState, super().state)

    @property
    def evaluation_cost(self) -> int:
        """Multiply-adds of the last reset or step; see `rlnas.envs.searchable`."""
        return self.state.cost


def _charged(state: BudgetState, cost: int) -> BudgetState:
    """The state after a cost was paid, or the rest of the budget."""
    cost = min(cost, state.budget - state.spent)
    return replace(state, cost=cost, spent=state.spent + cost)


def _improved(state: BudgetState) -> BudgetState:
    """The state after the present design was compared with the best."""
    now = state.current
    if now.score <= state.best_score:
        return state
    gained = (now.score - state.best_score) * share_left(state.spent, state.first, state.budget)
    return replace(
        state,
        best=now,
        best_score=now.score,
        best_at=state.elapsed,
        best_spent=state.spent,
        anytime=state.anytime + gained,
    )


def _ended_if_spent(state: BudgetState) -> BudgetState:
    """The state, over if the rest of the budget pays for no further batch."""
    size, batch_size = size_of(state.current.network), state.batches.batch_size
    if state.started:
        least = step_cost(size, size, state.dataset, 1, batch_size)
    else:
        least = first_step_costs(state.dataset, batch_size).min()
    return replace(state, over=state.budget - state.spent < least)
