"""Training that goes on from the weights of a trained policy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from rlnas.agents.config import TrainConfig, as_typed, shipped
from rlnas.agents.policies.layouts import BUDGET, STEPS
from rlnas.agents.policies.policy import (
    ALGORITHMS,
    layout_of_policy,
    load_policy,
    read_weights,
)
from rlnas.errors import InputError
from rlnas.files.json_files import read_json

PACKAGED = Path("shipped")
"""Name that stands for the policy that comes with rlnas."""


def folder_of(config: TrainConfig) -> Path | None:
    """Run folder of the policy that a training starts from, if it does not begin with a new one."""
    if config.start == PACKAGED and not PACKAGED.exists():
        return shipped(config.budget is not None)
    return config.start


def with_its_network(config: TrainConfig) -> TrainConfig:
    """The settings with the algorithm, network and features of the policy to start from.

    Raises:
        InputError: There is no such policy, it belongs to other episodes, or the settings name
            others than it has.
    """
    folder = folder_of(config)
    if folder is None:
        return config
    load_policy(folder)
    found, layout = layout_of_policy(folder), STEPS if config.budget is None else BUDGET
    if found != layout:
        raise InputError(
            f"cannot go on from {folder}: it was trained in {found.episodes}, this training has "
            f"{layout.episodes}"
        )
    record = read_json(folder / "policy.json")
    if record["algorithm"] not in ALGORITHMS:
        raise InputError(f"cannot go on from {folder}: it is a fixed sequence, which cannot learn")
    theirs = {
        "algorithm": record["algorithm"],
        "net_arch": tuple(record["net_arch"]),
        "features": record["features"],
    }
    differing = [
        name for name in theirs if getattr(config, name) not in (_default(name), theirs[name])
    ]
    if differing:
        told = ", ".join(
            f"--{name.replace('_', '-')} {as_typed(theirs[name])} (here "
            f"{as_typed(getattr(config, name))})"
            for name in differing
        )
        raise InputError(f"cannot go on from {folder}: it was trained with {told}, give the same")
    return replace(config, **theirs)


def _default(name: str) -> Any:
    return TrainConfig.__dataclass_fields__[name].default


def start_from(folder: str | Path, policy: ActorCriticPolicy) -> None:
    """Copy the weights of a trained policy, which `with_its_network` has accepted."""
    weights = read_weights(folder)
    policy.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
