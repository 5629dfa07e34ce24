"""RLlib: its PPO learns, with masks and without, and its episodes have the infos of every step."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

REASON = "RLlib is not installed: `make test-libraries`"
pytest.importorskip("ray.rllib", reason=REASON, exc_type=ImportError)

from gymnasium.wrappers import TransformObservation
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.examples.rl_modules.classes.action_masking_rlm import ActionMaskingTorchRLModule
from ray.tune.registry import register_env

from rlnas.agents.distributed.ray_cluster import cluster
from tests.agents.distributed.helpers import QUIET
from tests.compat.helpers import is_family, make, short, what_pays

# RLlib registers an id of its own for the environment of every algorithm.
AGAIN = pytest.mark.filterwarnings("ignore:.*Overriding environment rllib-single-agent-env-v0")
pytestmark = [*QUIET, AGAIN, pytest.mark.ray, pytest.mark.slow]

NAMES = ["rlnas/TabularDigits-v0", "rlnas/Digits-v1", "rlnas/FamilyTrain-v0"]
STEPS = 160

each_name = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module", autouse=True)
def one_machine() -> Iterator[None]:
    """Ray on this machine."""
    with cluster(None):
        yield
    gc.collect()  # Ray leaves its processes to the collector, which warns of them


def masked(name: str) -> gym.Env:
    """As the document says."""
    env = make(name)

    def with_mask(observation: np.ndarray) -> dict[str, np.ndarray]:
        legal = env.unwrapped.action_masks()
        return {"action_mask": legal.astype(np.float32), "observations": observation}

    masks = gym.spaces.Box(0, 1, (int(env.action_space.n),))
    space = gym.spaces.Dict({"action_mask": masks, "observations": env.observation_space})
    return TransformObservation(env, with_mask, space)


@contextmanager
def ppo(config: PPOConfig, **env_runners: Any) -> Iterator[PPO]:
    """A small learner."""
    config.env_runners(num_env_runners=0, num_envs_per_env_runner=4, **env_runners)
    config.training(train_batch_size=STEPS, minibatch_size=40, num_epochs=1, gamma=1.0)
    algorithm = config.debugging(seed=0).build_algo()
    try:
        yield algorithm
    finally:
        algorithm.stop()


def parameters(algorithm: PPO) -> list[np.ndarray]:
    """Copies of what is learned."""
    return [value.copy() for value in algorithm.get_module().get_state().values()]


@each_name
@pytest.mark.parametrize("mode", ["sync", "vector_entry_point"])
def test_ppo_learns_from_the_rewards_that_the_infos_tell(name, mode):
    config = PPOConfig().environment(f"rlnas:{name}", env_config=short(name))
    with ppo(config, gym_env_vectorize_mode=mode) as algorithm:
        before = parameters(algorithm)
        result = algorithm.train()["env_runners"]
        assert result["num_env_steps_sampled"] >= STEPS
        assert result["episode_len_max"] == 4
        after = parameters(algorithm)
        assert all(np.isfinite(values).all() for values in after)
        assert any((one != other).any() for one, other in zip(before, after, strict=True))
        episodes = algorithm.env_runner.sample(num_episodes=8)
    assert len(episodes) >= 8
    for episode in episodes:
        assert episode.is_terminated
        assert not episode.is_truncated
        assert len(episode) <= 4 if is_family(name) else len(episode) == 4
        told = [info[what_pays(name)] for info in episode.get_infos()]
        np.testing.assert_allclose(episode.get_rewards(), np.diff(told), atol=1e-6)
        assert all(np.abs(row).max() <= 1 for row in episode.get_observations())


@each_name
def test_a_policy_with_masks_never_takes_an_illegal_action(name):
    register_env("masked", lambda _: masked(name))
    spec = RLModuleSpec(module_class=ActionMaskingTorchRLModule)
    config = PPOConfig().environment("masked").rl_module(rl_module_spec=spec)
    with ppo(config) as algorithm:
        before = parameters(algorithm)
        algorithm.train()
        after = parameters(algorithm)
        assert all(np.isfinite(values).all() for values in after)
        assert any((one != other).any() for one, other in zip(before, after, strict=True))
        episodes = algorithm.env_runner.sample(num_episodes=20)
    applied, legal = [], []
    for episode in episodes:
        infos = episode.get_infos()
        applied += [info["applied"] for info in infos[1:]]
        steps = zip(infos[:-1], episode.get_actions(), strict=True)
        legal += [info["action_mask"][action] for info, action in steps]
        assert not infos[0]["action_mask"].all(), "some actions are illegal"
    assert len(applied) == len(legal) >= 20
    assert all(applied)
    assert all(legal)
