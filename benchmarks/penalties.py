"""One policy for all penalties, against one policy for each.

    python benchmarks/penalties.py digits --out runs/penalties

One policy for all penalties is trained for as many steps as each of the others, another one for as
many as all the others together. The same command again continues where the last one was stopped.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import tyro
from moocore import hypervolume
from resumable import claim
from threadpoolctl import threadpool_limits

from rlnas.agents import (
    TrainConfig,
    env_like,
    load_policy,
    play_episode,
    train_once,
    trimmed_mean_interval,
)

FIRST_EPISODE = 10_000
"""Seed of the first fresh episode; training uses seeds near its own."""

ALL, LONGER, OWN = "all", "all_longer", "own"


@dataclass(frozen=True)
class Settings:
    """The penalties and the training."""

    out: Path
    """Folder for the runs."""
    train: TrainConfig
    """Settings of the training; penalty, seed and folder are set for each run."""
    penalties: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0)
    """Penalties to design for; the policy for all is trained on the range of these."""
    seeds: int = 3
    """Number of trainings of each policy."""
    episodes: int = 20
    """Fresh episodes of each policy at each of its penalties."""


def run(config: TrainConfig, penalties: tuple[float, ...], episodes: int) -> dict[float, Any]:
    """Train, then design at every penalty.

    Returns:
        For each penalty, float `[episodes, 3]`: score, validation error and relative weights of
        the final designs.
    """
    with threadpool_limits(1):
        folder = train_once(config)
        policy, designs = load_policy(folder), {}
        for penalty in penalties:
            env, found = env_like(folder, penalty=penalty), []
            for episode in range(episodes):
                info = play_episode(env, policy, FIRST_EPISODE + episode)[1][-1]
                weights = info["active_weights"] / env.reference
                found.append((info["score"], 1 - info["val_metric"], weights))
            designs[penalty] = np.array(found)
        return designs


def main(settings: Settings) -> None:
    """Train, design, and print a table."""
    asked, steps = settings.penalties, settings.train.total_timesteps
    drawn = {"penalty": (min(asked), max(asked))}
    claim(settings.out, replace(settings.train, **drawn))
    trainings: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
        ALL: (drawn, asked),
        LONGER: (drawn | {"total_timesteps": steps * len(asked)}, asked),
        **{f"{OWN}_{each:g}": ({"penalty": (each,)}, (each,)) for each in asked},
    }
    calls = {
        (name, seed): (
            replace(settings.train, **changes, seed=seed, run_dir=settings.out / f"{name}-{seed}"),
            penalties,
        )
        for name, (changes, penalties) in trainings.items()
        for seed in range(settings.seeds)
    }
    parallel = joblib.Parallel(n_jobs=-1, verbose=1)
    found = parallel(joblib.delayed(run)(*call, settings.episodes) for call in calls.values())
    results = dict(zip(calls, found, strict=True))

    def designs(kind: str, penalty: float) -> list[np.ndarray]:
        """Of each seed, float `[episodes, 3]`."""
        name = f"{OWN}_{penalty:g}" if kind == OWN else kind
        return [results[name, seed][penalty] for seed in range(settings.seeds)]

    kinds = (ALL, LONGER, OWN)
    print("| penalty | one policy | one policy, as many steps as all | a policy of its own |")
    print("|---|---|---|---|")
    for penalty in asked:
        cells = []
        for kind in kinds:
            each = designs(kind, penalty)
            scores = trimmed_mean_interval([one[:, 0].mean() for one in each])
            cells.append(f"{scores:.4f}, {np.mean([one[:, 2] for one in each]):.4f}")
        print(f"| {penalty:g} | " + " | ".join(cells) + " |")
    areas = []
    for kind in kinds:
        by_seed = zip(*(designs(kind, penalty) for penalty in asked), strict=True)
        fronts = [np.concatenate(each)[:, 1:] for each in by_seed]
        volumes = [float(hypervolume(front, ref=[1.0, 1.0])) for front in fronts]
        areas.append(f"{trimmed_mean_interval(volumes):.4f}")
    print("| hypervolume of the designs | " + " | ".join(areas) + " |")


if __name__ == "__main__":
    main(tyro.cli(Settings))
