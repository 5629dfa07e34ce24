"""`rlnas/Mixed-v1` and `rlnas/MixedHeldOut-v1`: every episode on a task of its family."""

import subprocess
import sys

import gymnasium as gym
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check

from rlnas.data.generated.families import HELD_OUT_FAMILY, TRAINING_FAMILY
from tests.envs.helpers import bits, episode

MIXED, HELD_OUT = "rlnas/Mixed-v1", "rlnas/MixedHeldOut-v1"
BOTH = pytest.mark.parametrize("name", [MIXED, HELD_OUT])


def drawn(name: str, resets: int) -> set[str]:
    """The data sets of some episodes."""
    env = gym.make(name, batches_per_step=1)
    env.reset(seed=0)
    datasets = env.get_wrapper_attr("datasets")
    return {datasets[env.reset()[1]["dataset_index"]].name for _ in range(resets)}


@BOTH
def test_gymnasium_finds_no_fault(name):
    gymnasium_check(gym.make(name).unwrapped)  # unwrapped, so that every render mode is tried


@BOTH
def test_stable_baselines3_finds_no_fault(name):
    sb3_check(gym.make(name))


def test_episodes_draw_from_the_whole_training_family():
    tasks = drawn(MIXED, resets=150)
    assert len(tasks) >= 30
    assert tasks <= set(TRAINING_FAMILY)


def test_held_out_episodes_draw_no_task_of_the_training_family():
    tasks = drawn(HELD_OUT, resets=100)
    assert tasks == set(HELD_OUT_FAMILY)
    assert not tasks & set(TRAINING_FAMILY)


@BOTH
def test_spaces_are_those_of_a_single_data_set(name):
    env, digits = gym.make(name), gym.make("rlnas/Digits-v1")
    assert env.observation_space == digits.observation_space
    assert env.action_space == digits.action_space


def test_observations_of_every_task_are_in_space_and_differ():
    seen = set()
    for task in (*TRAINING_FAMILY, *HELD_OUT_FAMILY):
        env = gym.make("rlnas/Design-v1", dataset=task, batches_per_step=1)
        observation, _ = env.reset(seed=0)
        assert env.observation_space.contains(observation)
        seen.add(observation.tobytes())
    assert len(seen) == 51


@BOTH
def test_a_seed_decides_task_and_episode(name):
    first, again = (gym.make(name, episode_steps=3, batches_per_step=2) for _ in range(2))
    for seed in range(5):
        assert bits(episode(first, seed)) == bits(episode(again, seed))


def test_environments_of_a_process_share_the_data():
    vector = gym.make_vec(MIXED, num_envs=8, vectorization_mode="sync")
    assert isinstance(vector, gym.vector.SyncVectorEnv)
    first, *others = [env.unwrapped.datasets for env in vector.envs]  # type: ignore[attr-defined]
    assert len(first) == 35
    for other in others:
        assert all(a is b for a, b in zip(first, other, strict=True))
    vector.close()


def test_a_spec_survives_json():
    env = gym.make(MIXED)
    assert env.spec is not None
    again = gym.envs.registration.EnvSpec.from_json(env.spec.to_json())
    assert again.kwargs["dataset"] == "mixed"


def test_importing_rlnas_generates_nothing():
    names = ("sklearn", "rlnas.data.loading")
    code = f"import sys, rlnas; print([name for name in {names} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
