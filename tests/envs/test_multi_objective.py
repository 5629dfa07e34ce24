"""Environments with a reward vector: weighted, the scalar ones; and the front is known."""

from itertools import pairwise, product
from typing import Any

import gymnasium as gym
import mo_gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from mo_gymnasium.wrappers import LinearReward, MONormalizeReward, MORecordEpisodeStatistics
from mo_gymnasium.wrappers.vector import (
    MORecordEpisodeStatistics as VectorStatistics,
    MOSyncVectorEnv,
)

from rlnas.envs.multi_objective import MODesignEnv, MOTabularEnv
from rlnas.envs.searchable import metric_of
from rlnas.errors import InputError
from rlnas.tabular.grid import Grid
from rlnas.tabular.table import Table
from tests.core.tables import random_table
from tests.envs.helpers import bits
from tests.envs.vectors import assert_same, run

GRID = Grid((4, 8, 16), (0.5,), 2)
TABLE = random_table(GRID, seed=5, n_validation=12)
"""13 architectures of random results, 13 actions; so few samples that accuracies are equal."""

SHORT: dict[str, dict[str, Any]] = {
    "rlnas/MODigits-v1": {"dataset": "wine", "episode_steps": 5, "batches_per_step": 1},
    "rlnas/MOTabularDigits-v0": {"episode_steps": 8},
}
SCALAR = {name: name.replace("MO", "") for name in SHORT}


@pytest.fixture(params=SHORT)
def name(request) -> str:
    """The ids with a reward vector."""
    return request.param


def make(name: str, **settings: Any) -> Any:
    """As users of MO-Gymnasium make it, with short episodes."""
    return mo_gymnasium.make(name, **SHORT[name], **settings)


def scalar(name: str, **settings: Any) -> gym.Env:
    """The environment that pays a number."""
    return gym.make(SCALAR[name], **SHORT[name], **settings)


def actions_of(env: Any, seed: int = 0) -> np.ndarray:
    """Random actions of an episode, legal or not."""
    steps = env.unwrapped.episode_steps
    return np.random.default_rng(seed).integers(env.action_space.n, size=steps)


# --- rewards ---


@pytest.mark.parametrize("reward", ["difference", "score"])
def test_rewards_are_vectors_of_their_space(name, reward):
    env = make(name, reward=reward)
    unwrapped = env.unwrapped
    assert unwrapped.reward_dim == 2
    assert unwrapped.reward_space.shape == (2,)
    env.reset(seed=0)
    for action in actions_of(env):
        _, paid, *_ = env.step(action)
        assert isinstance(paid, np.ndarray)
        assert (paid.dtype, paid.shape) == (np.float32, (2,))
        assert unwrapped.reward_space.contains(paid)


def test_the_score_as_reward_is_accuracy_and_minus_weights(name):
    env = make(name, reward="score")
    env.reset(seed=0)
    for action in actions_of(env):
        _, paid, _, _, info = env.step(action)
        relative = info["active_weights"] / env.unwrapped.reference
        assert paid == pytest.approx([metric_of(info), -relative], rel=1e-6)


def test_rewards_of_differences_sum_to_the_gain_in_both(name):
    env = make(name)
    for seed in (0, 1):  # the second episode must not remember the first
        _, start = env.reset(seed=seed)
        outcomes = [env.step(action) for action in actions_of(env, seed)]
        end = outcomes[-1][4]
        gained = [
            metric_of(end) - metric_of(start),
            (start["active_weights"] - end["active_weights"]) / env.unwrapped.reference,
        ]
        assert np.sum([outcome[1] for outcome in outcomes], axis=0) == pytest.approx(
            gained, abs=1e-5
        )
        assert gained[1] != 0


@pytest.mark.parametrize("penalty", [0.1, 0.7])
@pytest.mark.parametrize("reward", ["difference", "score"])
def test_weighted_they_are_the_scalar_environment(name, reward, penalty):
    settings = {"reward": reward, "penalty": penalty}
    weighted = LinearReward(make(name, **settings), weight=np.array([1, penalty]))
    alone = scalar(name, **settings)
    for seed in (0, None):
        assert bits(weighted.reset(seed=seed)) == bits(alone.reset(seed=seed))
        for action in actions_of(alone):
            one, other = weighted.step(action), alone.step(action)
            assert one[1] == pytest.approx(other[1], abs=1e-6)
            assert one[4].pop("vector_reward").shape == (2,)
            one[4].pop("reward_weights")
            assert bits((one[0], *one[2:])) == bits((other[0], *other[2:]))
        assert one[2], "the episode is over in both"


def test_weighted_noisy_episodes_are_those_of_the_scalar_environment():
    settings = {"noisy": True, "start": "random", "penalty": 0.3}
    name = "rlnas/MOTabularDigits-v0"
    weighted = LinearReward(make(name, **settings), weight=np.array([1, 0.3]))
    alone = scalar(name, **settings)
    for seed in (0, None, None):
        assert bits(weighted.reset(seed=seed)) == bits(alone.reset(seed=seed))
        for action in actions_of(alone):
            assert weighted.step(action)[1] == pytest.approx(alone.step(action)[1], abs=1e-6)


def test_the_wrappers_of_mo_gymnasium_run(name):
    env = MORecordEpisodeStatistics(MONormalizeReward(make(name), idx=1))
    env.reset(seed=0)
    for action in actions_of(env):
        *_, info = env.step(action)
    assert info["episode"]["r"].shape == (2,)
    assert info["episode"]["l"] == env.unwrapped.episode_steps


def test_rewards_do_not_change_afterwards(name):
    env = make(name, reward="score")
    env.reset(seed=0)
    paid = [env.step(action)[1] for action in actions_of(env)]
    kept = [reward.copy() for reward in paid]
    env.reset(seed=1)
    env.step(1)
    paid[0][:] = 9
    assert bits(paid[1:]) == bits(kept[1:])
    for one, other in pairwise(paid):
        assert not np.shares_memory(one, other)


def test_bad_arguments_are_refused_as_by_the_scalar_environments():
    for kind in (MODesignEnv, MOTabularEnv):
        with pytest.raises(InputError, match="unknown reward 'vector'"):
            kind(reward="vector")
        env = kind()
        with pytest.raises(InputError, match="call reset"):
            env.step(0)


# --- many at once ---


@pytest.mark.parametrize("reward", ["difference", "score"])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_weighted_rewards_of_a_vector_are_those_of_the_scalar_vector(name, mode, reward):
    settings = {**SHORT[name], "reward": reward, "penalty": 0.7}
    ours, other = (
        gym.make_vec(each, 3, "vector_entry_point", autoreset_mode=mode, **settings)
        for each in (name, SCALAR[name])
    )
    outcomes = zip(run(ours, 20), run(other, 20), strict=True)
    for (observations, *paid, infos), (same, *numbers, others) in outcomes:
        if paid:
            assert (paid[0].shape, paid[0].dtype) == ((3, 2), np.float32)
            np.testing.assert_allclose(paid[0] @ [1, 0.7], numbers[0], atol=1e-6)
        assert_same((observations, *paid[1:], infos), (same, *numbers[1:], others))
    for each in (ours, other):
        each.close()


def test_vector_rewards_equal_those_of_mo_gymnasium(name):
    ours = gym.make_vec(name, 3, "vector_entry_point", **SHORT[name])
    theirs = MOSyncVectorEnv([lambda: make(name)] * 3)
    assert ours.reward_space == theirs.reward_space == make(name).unwrapped.reward_space
    rng = np.random.default_rng(0)
    assert_same(*(envs.reset(seed=0) for envs in (ours, theirs)))
    for _ in range(20):
        actions = rng.integers(ours.single_action_space.n, size=3)
        assert_same(*(envs.step(actions) for envs in (ours, theirs)))
    ours.close()


def test_mo_gymnasium_records_the_returns_of_a_vector(name):
    envs = VectorStatistics(gym.make_vec(name, 3, "vector_entry_point", **SHORT[name]))
    _, start = envs.reset(seed=0)
    for _ in range(2):  # the second episode must not remember the first
        for _ in range(SHORT[name]["episode_steps"]):
            *_, end = envs.step(np.array([7, 12, 18]))
        gained = metric_of(end) - metric_of(start)
        assert end["episode"]["r"].shape == (3, 2)
        np.testing.assert_allclose(end["episode"]["r"][:, 0], gained, atol=1e-6)
        *_, start = envs.step(np.zeros(3, int))  # resets
    envs.close()


# --- the Pareto front ---


def returns_of(env: MOTabularEnv) -> set[tuple[float, float]]:
    """The sum of rewards of every sequence of actions, as differences of looked-up results."""
    found = set()
    _, start = env.reset(seed=0)
    for sequence in product(range(int(env.action_space.n)), repeat=env.episode_steps):  # type: ignore[attr-defined]
        env.reset()
        total = np.zeros(2)
        for action in sequence:
            _, paid, _, _, info = env.step(action)
            total += paid
        exact = (
            info["val_accuracy"] - start["val_accuracy"],
            (start["active_weights"] - info["active_weights"]) / env.reference,
        )
        assert total == pytest.approx(exact, abs=1e-5)
        found.add((round(exact[0], 9), round(exact[1], 9)))
    return found


def undominated(points: set[tuple[float, float]]) -> set[tuple[float, float]]:
    """The points that no other is as good as in both and better than in one."""
    return {
        (a, b)
        for a, b in points
        if not any(x >= a and y >= b and (x > a or y > b) for x, y in points)
    }


def as_set(front: list[np.ndarray]) -> set[tuple[float, float]]:
    assert all(isinstance(point, np.ndarray) and point.shape == (2,) for point in front)
    return {(round(float(a), 9), round(float(b), 9)) for a, b in front}


@pytest.mark.parametrize("start", ["middle", (), ((4, 0.5), (16, 0.5))])
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_the_front_is_that_of_all_sequences_of_actions(start, steps):
    env = MOTabularEnv(table=TABLE, start=start, episode_steps=steps)
    front = env.pareto_front(1.0)
    attained = returns_of(env)
    assert as_set(front) == undominated(attained)
    assert len(front) == len(as_set(front)), "no point twice"


def test_longer_episodes_reach_more_up_to_the_front_of_the_table():
    fronts = [
        as_set(MOTabularEnv(table=TABLE, start=(), episode_steps=steps).pareto_front(1.0))
        for steps in (1, 2, 20)
    ]
    assert fronts[0] != fronts[2]
    for shorter, longer in pairwise(fronts):
        for a, b in shorter:
            assert any(x >= a and y >= b for x, y in longer)
    columns, place = TABLE.columns(), TABLE.pareto_front()
    whole = {
        (
            round(columns.val_accuracy[number] - columns.val_accuracy[0], 9),
            round((columns.active_weights[0] - columns.active_weights[number]) / (76 * 9), 9),
        )
        for number in place
    }
    assert fronts[2] == whole


def test_the_front_of_the_package_can_be_asked_for():
    env = make("rlnas/MOTabularDigits-v0", start="middle").unwrapped
    front = np.array(env.pareto_front(1.0))
    assert len(front) > 5
    assert (np.diff(front[:, 0]) * np.diff(front[:, 1]) < 0).all(), "a trade-off from end to end"
    table, start = Table.load("digits"), ((32, 1 / 8),)
    accuracy, weights = table.query(start).val_accuracy, table.query(start).active_weights
    within = {
        (
            round(record.val_accuracy - accuracy, 9),
            round((weights - record.active_weights) / 5624, 9),
        )
        for record in table.records()
    }
    assert as_set(list(front)) <= within
    assert (front >= 0).all(axis=1).any(), "standing still is on it or beaten"


def test_pareto_front_depends_on_epochs_and_not_on_penalty():
    fronts = [
        as_set(MOTabularEnv(table=TABLE, start=(), **settings).pareto_front(1.0))
        for settings in ({}, {"penalty": 3.0}, {"epochs": 4}, {"epochs": 1})
    ]
    assert fronts[0] == fronts[1] == fronts[2] != fronts[3]


def test_the_front_does_not_depend_on_the_episode_under_way():
    env = MOTabularEnv(table=TABLE, start=(), episode_steps=2)
    before = as_set(env.pareto_front(1.0))
    env.reset(seed=0, options={"architecture": ((16, 0.5),)})
    env.step(1)
    assert as_set(env.pareto_front(1.0)) == before


@pytest.mark.parametrize("gamma", [0.99, 0.0, 1.5, -1])
def test_a_discounted_front_is_refused(gamma):
    env = MOTabularEnv(table=TABLE, start=())
    with pytest.raises(InputError, match=f"not known for gamma {gamma}: expected 1"):
        env.pareto_front(gamma)


def test_the_front_of_a_random_start_is_that_of_the_present_episode():
    env = MOTabularEnv(table=TABLE, episode_steps=2)
    for seed in range(5):
        env.reset(seed=seed)
        fixed = MOTabularEnv(table=TABLE, episode_steps=2, start=env.architecture)
        before = as_set(env.pareto_front(1.0))
        assert before == as_set(fixed.pareto_front(1.0))
        env.step(1)
        assert as_set(env.pareto_front(1.0)) == before


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"start": "random"}, r"no episode is under way: call reset\(\) first, or give a fixed"),
        ({}, r"no episode is under way: call reset\(\) first, or give a fixed start"),
        ({"start": (), "reward": "score"}, "known for reward='difference' only"),
    ],
)
def test_a_front_that_is_not_known_is_refused(settings, told):
    env = MOTabularEnv(table=TABLE, **settings)
    with pytest.raises(InputError, match=told):
        env.pareto_front(1.0)
