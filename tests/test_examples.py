"""The examples do what they say: PPO in the style of CleanRL learns, designs are written."""

import csv
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from packaging.version import Version

from examples import design_for_my_table, train_a_policy, train_with_a_callback
from examples.ppo_single_file import History, train
from rlnas import load_design
from rlnas.agents import load_policy
from tests.compat.helpers import is_tabular, short

OURS: dict[str, Any] = {
    "vectorization_mode": "vector_entry_point",
    "autoreset_mode": "SameStep",
}
SYNC: dict[str, Any] = {
    "vectorization_mode": "sync",
    "vector_kwargs": {"autoreset_mode": AutoresetMode.SAME_STEP},
}
each_kind = pytest.mark.parametrize("kind", [OURS, SYNC], ids=["vector_entry_point", "sync"])


def vector(name: str, num_envs: int, kind: dict[str, Any]) -> gym.vector.VectorEnv:
    arguments = {} if is_tabular(name) else short(name)
    return RecordEpisodeStatistics(gym.make_vec(name, num_envs=num_envs, **kind, **arguments))


def trained(name: str, kind: dict[str, Any], num_envs: int, updates: int, steps: int) -> History:
    envs = vector(name, num_envs, kind)
    history = train(envs, updates, steps)
    envs.close()
    return history


@pytest.mark.skipif(
    Version(gym.__version__) < Version("1.4"),
    reason="Gymnasium before 1.4 leaves first rewards out of returns in mode SAME_STEP",
)
@each_kind
@pytest.mark.parametrize(
    "name", ["rlnas/TabularDigits-v0", "rlnas/Digits-v1", "rlnas/FamilyTrain-v0"]
)
def test_losses_are_finite_and_logged_returns_are_sums_of_rewards(name, kind):
    history = trained(name, kind, num_envs=4, updates=2, steps=40)
    assert np.isfinite(history.losses).all()
    assert len(history.logged) >= 16
    np.testing.assert_allclose(history.logged, history.summed, atol=1e-12)


def test_both_kinds_of_vector_give_the_same_training():
    name = "rlnas/TabularDigits-v0"
    ours, sync = (trained(name, kind, num_envs=4, updates=2, steps=40) for kind in (OURS, SYNC))
    assert ours == sync


def test_the_policy_becomes_better_than_random():
    history = trained("rlnas/TabularDigits-v0", OURS, num_envs=32, updates=30, steps=20)
    first, last = np.mean(history.logged[:32]), np.mean(history.logged[-64:])
    assert last > first + 0.04, "about half of what it gains (0.08)"


def test_a_policy_that_the_example_trained_designs_a_network_for_digits(tmp_path, capsys):
    run = tmp_path / "run"
    designed = train_a_policy.main(run, total_timesteps=800)
    assert (run / "policy.safetensors").is_file()
    assert load_design(run / "design").network.active_weights == designed.network.active_weights
    assert (designed.network.n_inputs, designed.network.n_outputs) == (64, 10)
    assert f"{designed.network.active_weights:,} active weights" in capsys.readouterr().out


def test_a_callback_of_the_user_logs_and_ends_the_training(tmp_path):
    run = tmp_path / "run"
    flat = train_with_a_callback.main(run, total_timesteps=8_000, patience=1)
    first = len(flat.bests) - 2  # the last one is not better
    assert flat.bests[first + 1] <= flat.bests[first]
    assert flat.bests[: first + 1] == sorted(flat.bests[: first + 1])
    assert flat.num_timesteps == 800 * len(flat.bests) + 8, "the first step after it"
    with (run / "progress.csv").open(newline="") as file:
        logged = [float(row["mine/best_final_score"]) for row in csv.DictReader(file)]
    assert logged == flat.bests
    assert load_policy(run)(np.zeros(78, np.float32), np.ones(39, bool)) < 39


def test_the_design_for_a_table_of_arrays_is_accurate_and_exported_as_c_code(tmp_path, capsys):
    designed = design_for_my_table.main(tmp_path / "design")
    assert designed.record["test_accuracy"] > 0.8
    assert (tmp_path / "design" / "c" / "wine.c").is_file()
    assert f"C code in {tmp_path / 'design' / 'c'}" in capsys.readouterr().out
