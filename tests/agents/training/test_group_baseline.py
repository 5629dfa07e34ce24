"""Groups of environments: the same episodes within one, rewards relative to the others of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.policies.environments import make_env
from rlnas.agents.training.group_baseline import SharedEpisodes
from rlnas.agents.training.ppo import train
from rlnas.agents.training.seeded_episodes import SeededEpisodes
from rlnas.agents.training.vec_env import new_vec_env
from rlnas.envs.replay import ReplayableEnv
from rlnas.envs.sb3_vec_env import ThreadedVecEnv
from rlnas.errors import InputError
from tests.agents.helpers import files_in, tiny

N_ENVS, GROUP, STEPS = 6, 3, 3

SETTINGS: dict[str, Any] = {
    "dataset": ("wine", "synthetic:1"),
    "penalty": (0.1, 1.0),
    "episode_steps": STEPS,
    "batches_per_step": 2,
}


def task() -> ReplayableEnv:
    config = tiny(Path("run"), **SETTINGS)
    return ReplayableEnv(make_env(config, config.load()))


@pytest.fixture
def together(tmp_path):
    config = tiny(tmp_path / "run", **SETTINGS, num_envs=N_ENVS, episode_group_size=GROUP, seed=5)
    venv = new_vec_env(config, config.load())
    yield venv
    venv.close()


def names(venv) -> list[tuple[str, float]]:
    data, penalties = venv.get_attr("dataset"), venv.get_attr("penalty")
    return [(each.name, penalty) for each, penalty in zip(data, penalties, strict=True)]


def test_episodes_are_shared_within_groups_only(together):
    observations = together.reset()
    seen = []
    for _ in range(4):
        tasks = names(together)
        for first in (0, GROUP):
            assert len(set(tasks[first : first + GROUP])) == 1
            assert (observations[first : first + GROUP] == observations[first]).all()
        assert not (observations[0] == observations[GROUP]).all()
        seen.append(tasks)
        for _ in range(STEPS):
            observations, *_ = together.step([1, 11, 12, 1, 11, 12])
    assert seen[0] != seen[1] != seen[2], "every episode is another"


def test_an_environment_is_paid_what_it_gains_over_the_others(together):
    alone = [SeededEpisodes(task(), 5 + k // GROUP) for k in range(N_ENVS)]
    together.reset()
    for env in alone:
        env.reset()
    for _ in range(2 * STEPS):
        actions = [0, 11, 12, 1, 2, 3]
        _, rewards, dones, _ = together.step(actions)
        own = []
        for env, action in zip(alone, actions, strict=True):
            *_, reward, over, _, _ = env.step(action)
            own.append(reward)
            if over:
                env.reset()
        for k in range(N_ENVS):
            start = k // GROUP * GROUP
            others = [own[j] for j in range(start, start + GROUP) if j != k]
            assert rewards[k] == pytest.approx(own[k] - np.mean(others), abs=1e-6)
        assert len(set(dones)) == 1


def test_rewards_of_a_group_sum_to_zero(together):
    together.reset()
    rng = np.random.default_rng(0)
    for _ in range(STEPS):
        actions = [rng.choice(np.flatnonzero(m)) for m in together.env_method("action_masks")]
        _, rewards, _, _ = together.step(actions)
        assert rewards.reshape(-1, GROUP).sum(axis=1) == pytest.approx(0, abs=1e-6)
        assert rewards.any()


def test_episodes_follow_a_sequence_that_the_seed_decides():
    first, again, other = (SeededEpisodes(task(), seed) for seed in (1, 1, 2))
    starts = [[env.reset(seed=9)[0] for _ in range(3)] for env in (first, again, other)]
    assert np.array_equal(starts[0], starts[1])
    assert not np.array_equal(starts[0], starts[2])
    assert not np.array_equal(starts[0][0], starts[0][1])


def test_equal_actions_earn_nothing(together):
    together.reset()
    for _ in range(STEPS):
        _, rewards, _, _ = together.step([12] * N_ENVS)
        assert rewards == pytest.approx(0, abs=1e-6)


def test_a_group_of_one_pays_the_plain_reward(tmp_path):
    config = tiny(tmp_path / "run", episode_group_size=1)
    venv = new_vec_env(config, config.load())
    assert not isinstance(venv, SharedEpisodes)
    assert isinstance(venv.venv, ThreadedVecEnv)
    venv.close()


def test_training_in_groups_is_deterministic_and_reports_plain_reward(tmp_path):
    results = [
        train(tiny(tmp_path / name, episode_group_size=2), progress_bar=False)
        for name in ("first", "again")
    ]
    first, again = (files_in(folder) for folder in results)
    assert first["policy.safetensors"] == again["policy.safetensors"]
    rows = (results[0] / "progress.csv").read_text().splitlines()
    column = rows[0].split(",").index("rollout/ep_rew_mean")
    assert float(rows[1].split(",")[column]) != pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("group", [3, 0, -1])
def test_a_group_must_divide_the_environments(group, tmp_path):
    with pytest.raises(InputError, match=f"--episode-group-size {group}.* expected"):
        train(tiny(tmp_path / "run", num_envs=4, episode_group_size=group), progress_bar=False)
