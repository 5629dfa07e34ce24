"""PPO's hyperparameters: the files for RL Zoo and the reference scores agree with `rlnas train`."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from rlnas import agents
from rlnas.agents.config import TrainConfig
from rlnas.agents.experiments.reference_scores import _ON_POLICY
from rlnas.agents.training.model import ppo_arguments

FOLDER = Path(agents.__path__[0]) / "rl_zoo"
DEFAULTS = TrainConfig()


def entries(algorithm: str) -> dict[str, dict[str, Any]]:
    return yaml.safe_load((FOLDER / f"{algorithm}.yml").read_text())


@pytest.mark.parametrize("algorithm", ["ppo", "ppo_lstm"])
def test_zoo_hyperparameters_of_ppo_equal_the_defaults_of_train(algorithm):
    expected = {
        **ppo_arguments(DEFAULTS),
        "n_envs": DEFAULTS.num_envs,
        "learning_rate": f"lin_{DEFAULTS.learning_rate}",
    }
    for entry in entries(algorithm).values():
        assert {name: entry[name] for name in expected} == expected


def test_zoo_trains_ppo_on_digits_as_long_and_with_the_same_network_as_train():
    entry = entries("ppo")["rlnas/Digits-v1"]
    assert entry["n_timesteps"] == DEFAULTS.total_timesteps
    assert entry["policy_kwargs"] == f"dict(net_arch={list(DEFAULTS.net_arch)})"


def test_reference_scores_differ_from_train_only_in_the_shape_of_a_rollout():
    ours = ppo_arguments(DEFAULTS)
    different = {name for name, value in ours.items() if _ON_POLICY[name] != value}
    assert different == {"n_steps", "batch_size"}
    learning_rate: Any = _ON_POLICY["learning_rate"]
    assert learning_rate(1.0) == DEFAULTS.learning_rate
    assert learning_rate(0.5) == DEFAULTS.learning_rate / 2
