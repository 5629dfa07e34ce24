"""Training that goes on from the weights of a trained policy."""

from pathlib import Path

import torch
from stable_baselines3.common.policies import ActorCriticPolicy

from rlnas.agents.config import as_typed
from rlnas.agents.policies.layouts import Layout
from rlnas.agents.policies.policy import layout_of_policy, load_policy, read_weights
from rlnas.errors import InputError
from rlnas.files.json_files import read_json


def check_start(
    folder: str | Path, algorithm: str, net_arch: list[int], features: str, layout: Layout
) -> None:
    """Raise `InputError` unless a folder holds a policy that `start_from` can take.

    Args:
        folder: run folder of the trained policy.
        algorithm: algorithm of the policy to be trained, as for `save_policy`.
        net_arch: its hidden layers.
        features: its feature extractor.
        layout: that of its episodes.
    """
    load_policy(folder)
    found = layout_of_policy(folder)
    if found != layout:
        raise InputError(
            f"cannot go on from {folder}: it was trained in {found.episodes}, this training has "
            f"{layout.episodes}"
        )
    record = read_json(Path(folder) / "policy.json")
    ours = {"algorithm": algorithm, "net_arch": net_arch, "features": features}
    differing = [
        f"--{key.replace('_', '-')} {as_typed(record[key])} (here {as_typed(value)})"
        for key, value in ours.items()
        if key in record and record[key] != value
    ]
    if differing:
        raise InputError(
            f"cannot go on from {folder}: it was trained with {', '.join(differing)}, give the same"
        )


def start_from(folder: str | Path, policy: ActorCriticPolicy) -> None:
    """Copy the weights of a trained policy, which `check_start` has accepted, to a new one."""
    weights = read_weights(folder)
    policy.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
