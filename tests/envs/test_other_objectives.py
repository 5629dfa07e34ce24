"""Environments on data with numbers to predict, other metrics and weights: the same interface."""

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from sklearn.metrics import balanced_accuracy_score, r2_score

from rlnas.data.dataset import Dataset
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.live_env import LiveEnv
from rlnas.nn.network import EMA, VALUE
from rlnas.nn.training import predict
from rlnas.objective import Objective
from tests.core.reference import regression_dataset
from tests.envs.helpers import INFO_KEYS, TASK

NUMBERS = regression_dataset(np.random.default_rng(2))
WEIGHTS = np.random.default_rng(1).exponential(size=300).astype(np.float32)
DATA = {
    "numbers": NUMBERS,
    "huber": regression_dataset(np.random.default_rng(2), loss="huber"),
    "weighted numbers": replace(NUMBERS, weights=WEIGHTS),
    "balanced": replace(TASK, objective=Objective.of("classification", "balanced_accuracy")),
    "log loss": replace(TASK, objective=Objective.of("classification", "log_loss")),
    "own": replace(TASK, objective=Objective.of("classification", lambda labels, shares: 0.25)),
}


def make(kind: str, data: Dataset) -> LiveEnv:
    if kind == "steps":
        return DesignEnv(data, episode_steps=8, batches_per_step=10, width=8)
    return BudgetDesignEnv(data, budget=0.3, given=0.5)


def episode(env: LiveEnv, seed: int = 0) -> list[tuple[np.ndarray, float, dict[str, Any]]]:
    """Random legal actions; the reset has reward 0."""
    observation, info = env.reset(seed=seed)
    found, over = [(observation, 0.0, info)], False
    rng = np.random.default_rng(seed)
    while not over:
        action = rng.choice(np.flatnonzero(env.action_masks()))
        observation, reward, over, _, info = env.step(action)
        found.append((observation, reward, info))
    return found


def truth(env: LiveEnv) -> float:
    """The metric of the present design, by scikit-learn."""
    data, network = env.dataset, env.current_design
    rows = data.validation
    weights = data.weights[rows]
    found = predict(network, data, rows)
    if data.task == "regression":
        known = data.preprocessing.targets.in_units(data.targets[rows])
        return max(0.0, r2_score(known, found, sample_weight=weights))
    return balanced_accuracy_score(data.labels[rows], found, sample_weight=weights)


@pytest.mark.parametrize("kind", ["steps", "budget"])
@pytest.mark.parametrize("case", DATA)
def test_episodes_have_the_same_spaces_infos_and_rewards(kind, case):
    env, plain = make(kind, DATA[case]), make(kind, TASK)
    assert env.observation_space == plain.observation_space
    assert env.action_space == plain.action_space
    plain.reset(seed=0)
    for observation, _, info in (found := episode(env)):
        assert env.observation_space.contains(observation)
        assert INFO_KEYS <= info.keys() == plain.state.info().keys()
        price = info["penalty"] * info["active_weights"] / env.reference
        assert info["score"] == pytest.approx(info["val_metric"] - price, rel=1e-12)
        assert 0 <= info["val_metric"] <= 1
    paid = sum(reward for _, reward, _ in found)
    key = "score" if kind == "steps" else "anytime"
    assert paid == pytest.approx(found[-1][2][key] - found[0][2][key], abs=1e-9)
    assert env.words["metric"] == DATA[case].objective.metric_name


@pytest.mark.parametrize("kind", ["steps", "budget"])
@pytest.mark.parametrize("case", ["numbers", "weighted numbers", "balanced"])
def test_the_metric_is_that_of_scikit_learn_on_validation_samples(kind, case):
    env = make(kind, DATA[case])
    episode(env)
    assert env.state.info()["val_metric"] == pytest.approx(truth(env), abs=1e-4)


@pytest.mark.parametrize("kind", ["steps", "budget"])
@pytest.mark.parametrize("case", ["numbers", "huber"])
def test_training_learns_to_predict_numbers(kind, case):
    env = make(kind, DATA[case])
    scores = [info["score"] for seed in range(3) for _, _, info in episode(env, seed)]
    assert max(scores) > 0.4


@pytest.mark.parametrize("kind", ["steps", "budget"])
def test_the_same_seed_gives_the_same_bits(kind):
    first, second = (episode(make(kind, NUMBERS), 3) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1] == other[1]


def test_nothing_is_worth_the_mean_of_the_training_samples():
    env = BudgetDesignEnv(NUMBERS, budget=0.3, given=0.0)
    _, info = env.reset(seed=0)
    nothing = env.state.current
    assert info["val_metric"] == 0  # R² of the training mean on other samples is below 0
    assert nothing.training.loss == pytest.approx(1, rel=1e-4)
    assert not nothing.network.units[[VALUE, EMA]].any()


def test_a_network_worse_than_the_mean_has_metric_zero_and_finite_observations():
    env = make("steps", NUMBERS)
    env.reset(seed=0)
    bad = env.current_design.copy()
    bad.units[[VALUE, EMA], -2:] = 300
    env = DesignEnv(NUMBERS, episode_steps=3, batches_per_step=1, network=bad)
    observation, info = env.reset(seed=0)
    assert info["val_metric"] == 0
    assert info["val_loss"] > 1000
    assert env.observation_space.contains(observation)


@pytest.mark.parametrize("kind", ["steps", "budget"])
def test_gymnasium_accepts_the_environment(kind):
    check_env(make(kind, NUMBERS), skip_render_check=True)


@pytest.mark.parametrize("name", ["rlnas/Design-v1", "rlnas/BudgetDesign-v0"])
def test_vector_environments_mix_both_tasks(name):
    envs = gym.make_vec(name, 3, "vector_entry_point", dataset=[TASK, NUMBERS])
    _, infos = envs.reset(seed=0)
    assert infos["val_metric"].shape == (3,)
    for _ in range(3):
        masks = infos["action_mask"]
        *_, infos = envs.step(np.array([np.flatnonzero(mask)[0] for mask in masks]))
    envs.close()
