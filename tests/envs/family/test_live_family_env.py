"""The tasks of the family with networks that are trained: `LiveFamilyEnv` and its ids."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rlnas.envs.family.live_env import LiveFamilyEnv
from rlnas.errors import InputError
from rlnas.family.measuring import load
from rlnas.family.tasks import tasks

GENERATED = [task for task in tasks("train") if task.axis == "generated"]


def test_tasks_are_those_of_the_split_with_their_samples():
    env = LiveFamilyEnv(axis="generated", num_tasks=3, start_task=2, sample_seed=1)
    assert list(env.tasks) == GENERATED[2:5]
    for task, data in zip(env.tasks, env.datasets, strict=True):
        expected = load(task, 1)
        assert data.fingerprint == expected.fingerprint
        np.testing.assert_array_equal(data.validation, expected.validation)
    seen = set()
    for seed in range(20):
        env.reset(seed=seed)
        seen.add(env.task.name)
        assert env.task.name == env.state.dataset.name
    assert seen == {task.name for task in env.tasks}


@pytest.mark.parametrize(
    ("split", "axis", "metric"),
    [("test", "imbalance", "balanced_accuracy"), ("train", "generated", "accuracy")],
)
def test_metric_of_a_task_is_that_of_the_family(split, axis, metric):
    env = LiveFamilyEnv(split, axis=axis, num_tasks=1)
    assert env.datasets[0].objective.metric == metric
    numbers = next(place for place, task in enumerate(GENERATED) if task.regression)
    env = LiveFamilyEnv(axis="generated", num_tasks=1, start_task=numbers)
    assert env.datasets[0].objective.metric == "r2"


def test_gymnasium_accepts_it():
    check_env(LiveFamilyEnv(axis="generated", num_tasks=2), skip_render_check=True)


@pytest.mark.parametrize(
    ("name", "split"), [("LiveTrain", "train"), ("LiveVal", "validation"), ("LiveTest", "test")]
)
def test_id_has_the_tasks_of_its_split(name, split):
    arguments = {"axis": "generated", "num_tasks": 2}
    env = gym.make(f"rlnas/{name}-v0", **arguments).unwrapped
    assert [task.split for task in env.tasks] == [split] * 2
    many = gym.make_vec(f"rlnas/{name}-v0", 3, vectorization_mode="vector_entry_point", **arguments)
    single = [each.unwrapped for each in many.envs]
    assert single[0].datasets[0] is single[2].datasets[0], "they share the data"
    observations, _ = many.reset(seed=5)
    alone, _ = env.reset(seed=5)
    np.testing.assert_array_equal(observations[0], alone)
    many.close()


def test_missing_data_and_unknown_tasks_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("RLNAS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match="rlnas data fetch keel"):
        LiveFamilyEnv(axis="table", num_tasks=1, data_dir=tmp_path)
    with pytest.raises(InputError, match="unknown split 'exam'"):
        LiveFamilyEnv(split="exam")
    with pytest.raises(InputError, match="unknown axis 'size'"):
        LiveFamilyEnv(axis="size")
