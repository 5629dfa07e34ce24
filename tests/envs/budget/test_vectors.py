"""Many episodes with budgets at once, rewards as vectors, episodes played again, learners."""

import copy
import json
import pickle
from typing import Any

import gymnasium as gym
import mo_gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from mo_gymnasium.wrappers import LinearReward
from mo_gymnasium.wrappers.vector import MORecordEpisodeStatistics, MOSyncVectorEnv
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback

from rlnas.envs.budget.multi_objective import MOBudgetDesignEnv, MOBudgetDesignVectorEnv
from rlnas.envs.budget.vector_env import BudgetDesignVectorEnv
from rlnas.envs.replay import ReplayableEnv
from rlnas.envs.sb3_vec_env import ThreadedVecEnv
from rlnas.errors import InputError
from tests.core.reference import bits as network_bits
from tests.envs.budget.helpers import NONE, REMOVE_HALF, STOP, make, number, rest, start
from tests.envs.helpers import TASK, bits
from tests.envs.vectors import assert_same, run

SHORT: dict[str, Any] = {"budget": 0.1, "episode_steps": 6}

# --- many at once ---


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("num_threads", [1, 3])
def test_a_vector_is_its_environments_one_by_one(mode, num_threads):
    ours = BudgetDesignVectorEnv(
        3, num_threads=num_threads, autoreset_mode=mode, dataset=TASK, **SHORT
    )
    other = SyncVectorEnv([lambda: make(given=0.5, **SHORT)] * 3, autoreset_mode=mode)
    assert_same(run(ours, 25), run(other, 25))
    for each in (ours, other):
        each.close()


def test_the_environments_of_a_vector_share_their_data_and_masks_have_rows():
    vector = BudgetDesignVectorEnv(2, dataset="wine")
    assert len({id(env.unwrapped.datasets[0]) for env in vector.envs}) == 1
    _, infos = vector.reset(seed=0)
    assert infos["action_mask"].shape == (2, vector.single_action_space.n)
    vector.close()


# --- rewards as vectors ---


def played(env: Any, seed: int = 0, steps: int = 12) -> list[Any]:
    """A reset, a start and random steps that do not stop."""
    found = [env.reset(seed=seed), env.step(start())]
    rng = np.random.default_rng(seed)
    while len(found) < steps and not found[-1][2]:
        legal = np.flatnonzero(env.unwrapped.action_masks()[:STOP])
        found.append(env.step(rng.choice(legal)))
    return found


def test_the_reward_is_the_change_of_accuracy_and_weights_and_the_cost():
    env = MOBudgetDesignEnv(dataset=TASK, budget=1.0)
    for seed in (0, 1):  # the second episode must not remember the first
        (_, before), *steps = played(env, seed)
        for _, paid, _, _, info in steps:
            assert (paid.dtype, paid.shape) == (np.float32, (3,))
            assert env.reward_space.contains(paid)
            expected = (
                info["val_metric"] - before["val_metric"],
                (before["active_weights"] - info["active_weights"]) / env.reference,
                -info["cost"] / env.state.unit,
            )
            assert paid == pytest.approx(expected, abs=1e-6)
            before = info


def test_weighted_they_are_the_change_of_the_score_and_else_nothing_differs():
    weights = np.array([1, 0.7, 0])
    vectorial = mo_gymnasium.make("rlnas/MOBudgetDigits-v0", dataset="wine", penalty=0.7)
    scalar = gym.make("rlnas/BudgetDigits-v0", dataset="wine", penalty=0.7)
    some, others = played(LinearReward(vectorial, weight=weights)), played(scalar)
    gained = np.diff([info["score"] for *_, info in others])
    for one, other, gain in zip(some[1:], others[1:], gained, strict=True):
        assert one[1] == pytest.approx(gain, abs=1e-6)
        assert bits((one[0], *one[2:4])) == bits((other[0], *other[2:4]))


def test_the_score_as_reward_is_what_is_reached_and_spent():
    env = MOBudgetDesignEnv(dataset=TASK, reward="score")
    _, *steps = played(env)
    for _, paid, _, _, info in steps:
        relative = info["active_weights"] / env.reference
        spent = info["spent"] / env.state.unit
        assert paid == pytest.approx([info["val_metric"], -relative, -spent], abs=1e-6)


def test_after_a_given_start_a_step_pays_for_itself_alone():
    env = MOBudgetDesignEnv(dataset=TASK)
    _, info = env.reset(seed=0, options={"architecture": ((8, 0.5),)})
    assert info["cost"] == 0
    _, paid, *_, after = env.step(NONE)
    assert paid[2] == pytest.approx(-after["cost"] / env.state.unit, rel=1e-6)


def test_kinds_of_reward_are_those_of_the_other_vector_rewards():
    with pytest.raises(InputError, match="unknown reward 'anytime': expected 'difference'"):
        MOBudgetDesignEnv(dataset=TASK, reward="anytime")


def test_vector_rewards_equal_those_of_mo_gymnasium():
    ours = MOBudgetDesignVectorEnv(3, dataset=TASK, **SHORT)
    theirs = MOSyncVectorEnv([lambda: MOBudgetDesignEnv(dataset=TASK, **SHORT)] * 3)
    assert ours.reward_space == theirs.reward_space
    rng = np.random.default_rng(0)
    assert_same(*(envs.reset(seed=0) for envs in (ours, theirs)))
    for _ in range(15):
        actions = rng.integers(ours.single_action_space.n, size=3)
        assert_same(*(envs.step(actions) for envs in (ours, theirs)))
    ours.close()


def test_mo_gymnasium_records_the_returns_of_a_vector():
    made = gym.make_vec("rlnas/MOBudgetDigits-v0", 2, "vector_entry_point", dataset=TASK, **SHORT)
    envs = MORecordEpisodeStatistics(made)
    _, first = envs.reset(seed=0)
    envs.step(np.array([start()] * 2))
    for _ in range(SHORT["episode_steps"] - 1):
        *_, last = envs.step(np.array([number("none")] * 2))
    returns = last["episode"]["r"]
    gained = last["val_metric"] - first["val_metric"]
    np.testing.assert_allclose(returns[:, 0], gained, atol=1e-6)
    np.testing.assert_allclose(returns[:, 2], -last["spent"] / last["budget"] * 0.1, rtol=1e-5)
    envs.close()


# --- again ---


@pytest.mark.parametrize("copied", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_copy_in_mid_episode_continues_with_the_same_bits(copied):
    env = make(penalty=(0.1, 1.0))
    env.reset(seed=3)
    for action in (start(), number("none"), REMOVE_HALF):
        env.step(action)
    other = copied(env)
    assert bits(rest(other, np.random.default_rng(1))) == bits(rest(env, np.random.default_rng(1)))
    assert bits(other.reset()) == bits(env.reset())


def test_an_episode_is_played_again_up_to_a_moment_and_goes_on_with_the_same_bits():
    env, other = (
        ReplayableEnv(make(penalty=(0.1, 1.0), budget=(0.2, 1.0), given=0.5)) for _ in range(2)
    )
    env.reset(seed=5)
    env.reset()  # the generator is in the middle of its numbers
    actions = (NONE, start(), number("none", "normal"), REMOVE_HALF, REMOVE_HALF, number("back"))
    paid = [env.step(action)[1] for action in actions]
    assert any(paid)
    replayed = other.restore(json.loads(json.dumps(env.state())))
    assert bits(replayed.rewards) == bits(np.array(paid, np.float32))
    one, same = env.unwrapped.state, other.unwrapped.state
    assert network_bits(one.current.network) == network_bits(same.current.network)
    assert network_bits(one.best.network) == network_bits(same.best.network)
    assert bits(rest(other.unwrapped, np.random.default_rng(0))) == bits(
        rest(env.unwrapped, np.random.default_rng(0))
    )


# --- learners ---


class Refusals(BaseCallback):
    """Counts the actions that the environments refused, and those that were masked."""

    refused = masked = 0

    def _on_step(self) -> bool:
        self.refused += sum(not info["applied"] for info in self.locals["infos"])
        masks = self.locals["action_masks"]
        chosen = self.locals["actions"].ravel()
        self.masked += int((masks[np.arange(chosen.size), chosen] == 0).sum())
        return True


def test_a_masked_policy_learns_and_takes_no_masked_action():
    env = ThreadedVecEnv([lambda: make(budget=(0.05, 0.3), given=0.5)] * 3)
    model = MaskablePPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=1, seed=0)
    counter = Refusals()
    model.learn(192, callback=counter)
    assert counter.masked == 0
    assert counter.refused < 20
    assert all(parameter.isfinite().all() for parameter in model.policy.parameters())
    env.close()
