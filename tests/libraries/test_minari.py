"""Minari: episodes are recorded with all of their infos, and read again."""

import gc

import gymnasium as gym
import numpy as np
import pytest

minari = pytest.importorskip("minari", reason="Minari is not installed: `make test-libraries`")

from tests.compat.helpers import make
from tests.envs.helpers import play

pytestmark = pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")


@pytest.mark.parametrize("name", ["rlnas/TabularDigits-v0", "rlnas/Digits-v1"])
def test_infos_on_disk_are_those_of_the_episodes(name, tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env = minari.DataCollector(make(name), record_infos=True)
    played = []
    for seed in range(3):
        infos = [env.reset(seed=seed)[1]]
        steps = play(env, np.random.default_rng(seed), env.unwrapped.episode_steps)
        played.append(infos + [step[4] for step in steps])
    env.create_dataset(
        "rlnas/test-v0",
        eval_env=name,
        algorithm_name="random legal actions",
        author="a test",
        author_email="none",
        code_permalink="none",
        description="random legal actions",
    )
    env.close()

    dataset = minari.load_dataset("rlnas/test-v0")
    assert isinstance(dataset.recover_environment(), gym.Env)
    assert dataset.total_episodes == 3
    for episode, infos in zip(dataset.iterate_episodes(), played, strict=True):
        assert set(episode.infos) == set(infos[0])
        for key, values in episode.infos.items():
            np.testing.assert_array_equal(values, np.array([info[key] for info in infos]))
    del env, dataset
    gc.collect()  # Minari leaves temporary folders to the collector, which warns of them
