"""One policy for the whole trade-off, against one policy for each penalty.

    python benchmarks/penalties.py --out runs/penalties --train.dataset digits

One policy for all penalties learns from as many steps as each of the others does, another one from
as many as all the others together. The same command again goes on where the last one ended.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from moocore import hypervolume

from rlnas.agents.config import TrainConfig
from rlnas.agents.experiments.statistics import estimate
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import load_policy
from rlnas.agents.training.ppo import train_once
from rlnas.data.datasets import load_datasets
from rlnas.files.json_schema import NUMBER, list_of, record
from rlnas.jobs import Call, own_folder, run_all

FIRST_EPISODE = 10_000
"""Seed of the first fresh episode; training uses seeds near its own."""

ALL, LONGER, OWN = "all", "all_longer", "own"


@dataclass(frozen=True)
class Settings:
    """Which penalties, which training."""

    out: Path
    """Folder for the runs and results."""
    train: TrainConfig
    """Penalty, seed and folder are set for each run."""
    penalties: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0)
    """Two orders of magnitude, which the policy for all draws from."""
    seeds: int = 3
    """Trainings of each policy."""
    episodes: int = 20
    """Fresh episodes of each policy at each of its penalties."""


def run(config: TrainConfig, penalties: tuple[float, ...], episodes: int) -> dict[str, Any]:
    """Train, then design at every penalty.

    Returns:
        For each penalty a list of score, validation error and relative weights of every episode.
    """
    torch.set_num_threads(1)
    folder = train_once(config)
    policy, designs = load_policy(folder), {}
    for penalty in penalties:
        env = env_like(folder, penalty=penalty)
        designs[f"{penalty:g}"] = []
        for k in range(episodes):
            info = play_episode(env, policy, FIRST_EPISODE + k)[1][-1]
            weights = info["active_weights"] / env.reference
            designs[f"{penalty:g}"].append([info["score"], 1 - info["val_accuracy"], weights])
    return designs


def main(settings: Settings) -> None:
    """Train, design, print a table."""
    data = load_datasets(list(settings.train.dataset), settings.train.data_dir)
    task = {
        "train": str(settings.train),
        "episodes": settings.episodes,
        "data_sha256": [each.fingerprint for each in data],
    }
    own_folder(settings.out, task)
    drawn = (min(settings.penalties), max(settings.penalties))
    steps = settings.train.total_timesteps
    trainings: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
        ALL: ({"penalty": drawn}, settings.penalties),
        LONGER: (
            {"penalty": drawn, "total_timesteps": steps * len(settings.penalties)},
            settings.penalties,
        ),
    }
    trainings |= {f"{each:g}": ({"penalty": (each,)}, (each,)) for each in settings.penalties}
    calls = []
    for name, (changes, asked) in trainings.items():
        form = record(**{f"{each:g}": list_of(list_of(NUMBER, 3)) for each in asked})
        for seed in range(settings.seeds):
            folder = settings.out / f"{name}-{seed}"
            config = replace(settings.train, **changes, seed=seed, run_dir=folder)
            key = {**task, **changes, "penalties": asked, "seed": seed}
            calls.append(Call(folder.name, key, (config, asked, settings.episodes), form))
    found = run_all(run, settings.out, calls, "training")
    results = {call.label: result for call, result in zip(calls, found, strict=True)}

    def designs(kind: str, penalty: float, seed: int) -> np.ndarray:
        """Float `[episodes, 3]`."""
        name = f"{penalty:g}" if kind == OWN else kind
        return np.array(results[f"{name}-{seed}"][f"{penalty:g}"])

    kinds = (ALL, LONGER, OWN)
    print("| penalty | one policy | one policy, as many steps as all | a policy of its own |")
    print("|---|---|---|---|")
    for penalty in settings.penalties:
        cells = []
        for kind in kinds:
            each = [designs(kind, penalty, seed) for seed in range(settings.seeds)]
            weights = np.mean([one[:, 2] for one in each])
            cells.append(f"{estimate([one[:, 0].mean() for one in each]):.4f}, {weights:.4f}")
        print(f"| {penalty:g} | " + " | ".join(cells) + " |")
    areas = []
    for kind in kinds:
        fronts = [
            np.concatenate([designs(kind, penalty, seed)[:, 1:] for penalty in settings.penalties])
            for seed in range(settings.seeds)
        ]
        areas.append(
            f"{estimate([float(hypervolume(each, ref=[1.0, 1.0])) for each in fronts]):.4f}"
        )
    print("| hypervolume of the designs | " + " | ".join(areas) + " |")


if __name__ == "__main__":
    main(tyro.cli(Settings))
