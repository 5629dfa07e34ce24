"""Settings of the tiny training runs that the tests of the agents share."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy

from rlnas.agents.config import TrainConfig
from rlnas.agents.policies.feature_extractors import policy_arguments
from rlnas.agents.policies.layouts import STEPS, Layout
from rlnas.files.folders import LOCK

POLICY_CLASSES: dict[str, Any] = {
    "maskable_ppo": MaskableActorCriticPolicy,
    "ppo": ActorCriticPolicy,
}
ALGORITHMS = tuple(POLICY_CLASSES)

TINY: dict[str, Any] = {
    "dataset": ("wine",),
    "total_timesteps": 192,
    "num_envs": 2,
    "rollout_steps": 32,
    "batch_size": 32,
    "epochs": 2,
    "episode_steps": 4,
    "batches_per_step": 5,
    "net_arch": (8,),
    "seed": 7,
}
"""Three updates, in a second or two, most of it for pictures."""


def tiny(folder: Path, **settings: Any) -> TrainConfig:
    """A training run that writes to a folder."""
    return TrainConfig(run_dir=folder, **{**TINY, **settings})


TINY_BUDGET: dict[str, Any] = {
    "budget": (0.05, 0.3),
    "episode_steps": None,
    "batches_per_step": None,
    "net_arch": (8,),
}
"""What differs in a tiny training with budgets."""


def new_policy(
    algorithm: str,
    net_arch: list[int],
    features: str = "flat",
    seed: int = 0,
    layout: Layout = STEPS,
) -> Any:
    """An untrained policy of Stable-Baselines3, whose actions depend on what it sees."""
    torch.manual_seed(seed)
    policy = POLICY_CLASSES[algorithm](
        spaces.Box(-1, 1, (len(layout.observations),), np.float32),
        spaces.Discrete(len(layout.actions)),
        lr_schedule=lambda _: 1e-3,
        **policy_arguments(net_arch, features),
    )
    with torch.no_grad():  # Stable-Baselines3 begins with tiny ones
        policy.action_net.weight.normal_()
    return policy


def files_in(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder; locks stay there and have none."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != LOCK
    }


def progress_of(run: Path) -> list[dict[str, str]]:
    """The rows of `progress.csv` without what depends on the clock."""
    with (run / "progress.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    counted = {"time/iterations", "time/total_timesteps"}
    return [
        {key: value for key, value in row.items() if key in counted or not key.startswith("time/")}
        for row in rows
    ]
