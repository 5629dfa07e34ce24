"""The environments of a run: those that its settings describe, with or without a budget."""

import inspect
import math
from dataclasses import fields
from pathlib import Path

import pytest

from rlnas.agents.config import (
    BUDGET_REWARDS,
    SHIPPED,
    SHIPPED_BUDGET,
    STEP_REWARDS,
    WITHOUT_BUDGET,
    EpisodesConfig,
    TrainConfig,
)
from rlnas.agents.policies.environments import env_like, make_env, step_env_like, thorough_env
from rlnas.envs.budget.design_env import RETURNS, BudgetDesignEnv
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.validation import REWARDS
from rlnas.errors import InputError
from rlnas.family.measuring import load
from rlnas.family.tasks import tasks
from tests.agents.helpers import TINY_BUDGET


def defaults(kind: type) -> dict[str, object]:
    return {name: each.default for name, each in inspect.signature(kind).parameters.items()}


def test_without_settings_the_environment_has_its_own_defaults():
    config = TrainConfig(dataset=("wine",))
    env, expected = make_env(config, config.load()), defaults(DesignEnv)
    assert isinstance(env, DesignEnv)
    assert (env.width_range, env.density_range) == ((32, 32), (0.2, 0.2))
    for name in ("reward", "episode_steps", "batches_per_step"):
        assert getattr(env, name) == expected[name]


def test_a_budget_makes_episodes_with_a_budget():
    config = TrainConfig(dataset=("wine",), budget=(0.1, 2.0), penalty=(0.5,))
    env, expected = make_env(config, config.load()), defaults(BudgetDesignEnv)
    assert isinstance(env, BudgetDesignEnv)
    assert env.budget_range == (0.1, 2.0)
    assert env.penalty_range == (0.5, 0.5)
    for name in ("reward", "episode_steps", "given"):
        assert getattr(env, name) == expected[name]
    settings = {"reward": "final", "episode_steps": 7, "given": 0.25}
    config = TrainConfig(dataset=("wine",), budget=(0.1,), **settings)
    env = make_env(config, config.load())
    assert {name: getattr(env, name) for name in settings} == settings
    assert isinstance(env, BudgetDesignEnv)
    assert env.budget_range == (0.1, 0.1)


def test_the_family_stands_for_the_training_tasks_of_the_benchmark(monkeypatch):
    made = [task for task in tasks("train") if not task.real][:3]
    monkeypatch.setattr("rlnas.family.tasks.tasks", {"train": tuple(made)}.__getitem__)
    config = TrainConfig(dataset=("wine", "family"), budget=(0.1,))
    assert [data.name for data in config.load()] == ["wine", *(task.name for task in made)]
    assert make_env(config, config.load()).datasets[1].fingerprint == load(made[0]).fingerprint


def test_a_policy_of_the_family_designs_without_its_tables_unless_data_are_named():
    (data,) = env_like(SHIPPED_BUDGET, middle=True).datasets
    assert data.name.startswith("made:")


def test_rewards_of_settings_are_those_of_the_environments_with_the_default_first():
    assert (STEP_REWARDS, BUDGET_REWARDS) == (REWARDS, RETURNS)
    assert STEP_REWARDS[0] == defaults(DesignEnv)["reward"]
    assert BUDGET_REWARDS[0] == defaults(BudgetDesignEnv)["reward"]


def test_settings_that_a_budget_excludes_are_no_arguments_of_its_environment():
    assert defaults(BudgetDesignEnv).keys().isdisjoint(WITHOUT_BUDGET)
    assert set(WITHOUT_BUDGET) <= defaults(DesignEnv).keys()
    assert set(WITHOUT_BUDGET) <= {each.name for each in fields(EpisodesConfig)}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"width": (8,)}, "--width: expected only without --budget"),
        ({"density": (0.5,), "batches_per_step": 3}, "--density, --batches-per-step: expected"),
        ({"reward": "score"}, "unknown --reward 'score': expected 'anytime' or 'final'"),
        ({"num_envs": 4, "episode_group_size": 2}, "--episode-group-size 2: expected 1 with"),
        ({"budget": (1.0, 2.0, 3.0)}, "--budget takes a number or LOW HIGH, not 3 values"),
        ({"given": 1.5}, "--given 1.5 cannot be used: expected a number from 0 to 1"),
        ({"budget": None, "given": 0.5}, "--given: expected only with --budget"),
        ({"budget": None, "reward": "final"}, "unknown --reward 'final': expected 'difference'"),
    ],
)
def test_settings_of_the_other_kind_of_episodes_are_refused(settings, told):
    with pytest.raises(InputError) as caught:
        TrainConfig(**{"budget": (1.0,), **settings}).check()
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_env_like_has_the_budgets_of_the_training_or_their_middle_or_another(budget_run):
    low, high = TINY_BUDGET["budget"]
    middle = math.sqrt(low * high)
    asked = ({}, {"middle": True}, {"budget": 0.7})
    envs = [env_like(budget_run, **each) for each in asked]
    assert all(isinstance(env, BudgetDesignEnv) for env in envs)
    ranges = [env.budget_range for env in envs if isinstance(env, BudgetDesignEnv)]
    assert ranges == [(low, high), (pytest.approx(middle),) * 2, (0.7, 0.7)]


def test_a_design_within_a_budget_begins_without_a_network(budget_run):
    for seed in range(6):
        _, info = env_like(budget_run, "wine", middle=True).reset(seed=seed)
        assert info["active_weights"] == 0


def test_episodes_with_a_fixed_number_of_steps_refuse_a_policy_of_the_others(budget_run):
    for make in (step_env_like, thorough_env):
        with pytest.raises(InputError, match="was trained with a budget of training cost") as no:
            make(Path(budget_run), "wine")
        assert "\n" not in str(no.value)
    assert isinstance(step_env_like(SHIPPED, "wine"), DesignEnv)
