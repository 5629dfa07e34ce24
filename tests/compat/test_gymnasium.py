"""Gymnasium's checker, wrappers, registry and vector environments, with every id of rlnas."""

import pickle
import subprocess
import sys
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from tests.compat.helpers import IDS, episode, is_family, make, short, to_the_end
from tests.envs.helpers import bits, play

NUM_ENVS = 2


def test_the_checker_finds_no_fault(scalar):
    check_env(make(scalar).unwrapped)  # unwrapped, so that every render mode is tried


def test_ids_of_every_kind_are_there():
    kinds = {"TabularDigits-v0", "Digits-v1", "BudgetDigits-v0", "MODigits-v1", "MOBudgetDigits-v0"}
    assert {f"rlnas/{name}" for name in kinds} <= set(IDS)


# --- wrappers ---


def test_time_limit_truncates(name):
    env = wrappers.TimeLimit(make(name), max_episode_steps=1)
    env.reset(seed=0)
    *_, terminated, truncated, _ = env.step(0)
    assert (terminated, truncated) == (False, True)


def test_no_id_has_a_time_limit_for_the_budget_is_part_of_the_task(name):
    assert gym.spec(name).max_episode_steps is None


@pytest.mark.parametrize("episode_steps", [1, 20, 40])
def test_an_episode_of_any_length_ends_by_termination_alone(episode_steps):
    env = gym.make("rlnas/TabularDigits-v0", episode_steps=episode_steps)
    _, *steps = episode(env, seed=0)
    assert [step[2] for step in steps] == [False] * (episode_steps - 1) + [True]
    assert not any(step[3] for step in steps)


def test_time_limit_observes_time_and_keeps_termination(name):
    length = short(name)["episode_steps"]
    limited = make(name, max_episode_steps=length)
    timed, plain = wrappers.TimeAwareObservation(limited), make(name)
    outcomes = list(zip(episode(timed, seed=0), episode(plain, seed=0), strict=True))
    assert [one[0][-1] for one, _ in outcomes] == list(range(len(outcomes)))
    assert len(outcomes) > 2
    for one, other in outcomes:
        np.testing.assert_array_equal(one[0][:-1], other[0])
        assert one[2:-2] == other[2:-2], "terminations"


def test_record_episode_statistics_adds_the_rewards_up(scalar):
    env = wrappers.RecordEpisodeStatistics(make(scalar))
    _, *steps = episode(env, seed=0)
    assert ["episode" in info for *_, info in steps] == [False] * (len(steps) - 1) + [True]
    recorded = steps[-1][4]["episode"]
    assert recorded["l"] == len(steps)
    assert recorded["r"] == pytest.approx(sum(reward for _, reward, *_ in steps))


def test_frames_can_be_stacked(name):
    env = wrappers.FrameStackObservation(make(name), stack_size=3)
    first, _ = env.reset(seed=0)
    second, *_ = env.step(0)
    for stacked in (first, second):
        assert env.observation_space.contains(stacked)
    np.testing.assert_array_equal(second[:2], first[1:])


def test_observations_can_be_normalised(name):
    env = wrappers.NormalizeObservation(make(name))
    for observation, *_ in episode(env, seed=0):
        assert observation.shape == env.observation_space.shape
        assert np.isfinite(observation).all()


@pytest.mark.slow
def test_videos_are_recorded(name, tmp_path):
    folder = tmp_path / "videos"
    env = wrappers.RecordVideo(make(name, render_mode="rgb_array"), str(folder))
    episode(env, seed=0)
    env.close()
    (video,) = folder.glob("*.mp4")
    assert video.stat().st_size > 1000


# --- life of an environment ---


def test_every_render_mode_gives_what_it_promises(name):
    modes = gym.spec(name).make(**short(name)).metadata["render_modes"]
    assert set(modes) == {"ansi", "rgb_array"}
    for mode in modes:
        env = make(name, render_mode=mode)
        env.reset(seed=0)
        env.step(0)
        drawn = env.render()
        if mode == "ansi":
            assert isinstance(drawn, str)
            assert len(drawn.splitlines()) > 1
        else:
            assert isinstance(drawn, np.ndarray)
            assert drawn.dtype == np.uint8
            assert drawn.ndim == 3
            assert len(np.unique(drawn)) > 1
        env.close()


def test_the_same_seed_gives_the_same_bits(name):
    assert bits(episode(make(name), seed=3)) == bits(episode(make(name), seed=3))


def test_pickled_environment_continues_with_the_same_bits(name):
    env = make(name)
    env.reset(seed=3)
    rng = np.random.default_rng(0)
    play(env, rng, 1)
    other, twin_rng = pickle.loads(pickle.dumps((env, rng)))
    assert bits(to_the_end(env, rng)) == bits(to_the_end(other, twin_rng))
    assert bits(env.reset()) == bits(other.reset())


def test_a_spec_goes_through_json_and_back(name):
    env = make(name)
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert bits(episode(again, seed=1)) == bits(episode(env, seed=1))


@pytest.mark.parametrize("begun", [False, True])
def test_closing_twice_is_safe(name, begun):
    env = make(name, render_mode="rgb_array")
    if begun:
        env.reset(seed=0)
        env.step(0)
        env.render()
    env.close()
    env.close()


def test_a_prefix_imports_rlnas():
    code = """
import sys, gymnasium
assert "rlnas" not in sys.modules
env = gymnasium.make("rlnas:rlnas/TabularDigits-v0")
env.reset(seed=0)
print(env.spec.id)
"""
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "rlnas/TabularDigits-v0\n"
    assert run.stderr == ""


# --- vectors ---


def vector_episodes(vector: gym.vector.VectorEnv, steps: int) -> list[Any]:
    """Reset, then steps with random actions; in mode DISABLED whoever is over is reset."""
    rng = np.random.default_rng(1)
    found: list[Any] = [vector.reset(seed=5)]
    for _ in range(steps):
        outcome = vector.step(rng.integers(vector.single_action_space.n, size=NUM_ENVS))  # type: ignore[attr-defined]
        found.append(outcome)
        over = outcome[2] | outcome[3]
        if vector.metadata["autoreset_mode"] is AutoresetMode.DISABLED and over.any():
            found.append(vector.reset(options={"reset_mask": over}))
    return found


def values(outcomes: list[Any]) -> list[Any]:
    """What vectors of both kinds must agree on: observations, rewards, ends and the score."""
    return [
        [*outcome[:-1], outcome[-1]["score"], outcome[-1]["action_mask"]] for outcome in outcomes
    ]


def assert_equal(some: list[Any], others: list[Any]) -> None:
    for one, other in zip(some, others, strict=True):
        for array, same in zip(one, other, strict=True):
            np.testing.assert_array_equal(array, same)


@pytest.mark.parametrize("mode", AutoresetMode)
def test_the_vector_entry_point_equals_stepping_one_by_one(scalar, mode):
    settings = short(scalar)
    ours = gym.make_vec(
        scalar,
        NUM_ENVS,
        vectorization_mode="vector_entry_point",
        autoreset_mode=mode.value,
        **settings,
    )
    sync = gym.make_vec(
        scalar,
        NUM_ENVS,
        vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": mode},
        **settings,
    )
    assert ours.observation_space == sync.observation_space
    steps = settings["episode_steps"] + 2
    assert_equal(values(vector_episodes(ours, steps)), values(vector_episodes(sync, steps)))
    for vector in (ours, sync):
        vector.close()


def test_vector_can_be_closed_twice(name):
    vector = gym.make_vec(name, NUM_ENVS, "vector_entry_point", **short(name))
    vector.reset(seed=0)
    vector.close()
    vector.close()


@pytest.mark.parametrize("mode", AutoresetMode)
def test_vector_metadata_has_autoreset_mode(name, mode):
    vector = gym.make_vec(
        name, NUM_ENVS, "vector_entry_point", autoreset_mode=mode.value, **short(name)
    )
    assert vector.autoreset_mode is vector.metadata["autoreset_mode"] is mode  # type: ignore[attr-defined]
    vector.close()


def test_vector_works_with_normalization_and_episode_statistics(scalar):
    vector = gym.make_vec(scalar, NUM_ENVS, **short(scalar))
    vector = wrappers.vector.NormalizeObservation(vector)
    vector = wrappers.vector.RecordEpisodeStatistics(vector)
    steps = short(scalar)["episode_steps"]
    outcomes = vector_episodes(vector, steps)
    assert all(np.isfinite(outcome[0]).all() for outcome in outcomes)
    lengths = [
        int(infos["episode"]["l"][place])
        for *_, infos in outcomes
        for place in np.flatnonzero(infos.get("_episode", []))
    ]
    assert lengths
    assert max(lengths) <= steps  # an episode of the family is over when its budget is spent
    assert is_family(scalar) or lengths == [steps] * 2
    vector.close()


@pytest.mark.parametrize("name", ["rlnas/TabularDigits-v0", "rlnas/Digits-v1"])
def test_processes_give_what_one_process_gives(name):
    vectors = [
        gym.make_vec(name, NUM_ENVS, vectorization_mode=kind, **short(name))
        for kind in ("async", "sync")
    ]
    found = [values(vector_episodes(vector, steps=2)) for vector in vectors]
    assert_equal(*found)
    for vector in vectors:
        vector.close()
