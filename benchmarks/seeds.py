r"""Does a controller learn with every seed? Trains one for each, and tells them from random edits.

    python benchmarks/seeds.py --out runs/seeds-digits --train.dataset digits
    python benchmarks/seeds.py --out runs/seeds-mixed --train.dataset mixed --train.num-envs 16 \
        --train.batch-size 400 --train.episode-group-size 8 --train.gae-lambda 0.8 \
        --train.entropy 0.005 --train.total-timesteps 120000

The same command again goes on where the last one ended.
"""

import csv
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro

from rlnas.agents.config import TrainConfig
from rlnas.agents.experiments.statistics import estimate
from rlnas.agents.experiments.transfer import score_network
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode, random_policy
from rlnas.agents.policies.policy import Policy, load_policy
from rlnas.agents.training.ppo import train_once
from rlnas.data.datasets import load_datasets
from rlnas.files.json_schema import NUMBER, list_of, record
from rlnas.jobs import Call, own_folder, run_all

FIRST_EPISODE = 10_000
"""Seed of the first fresh episode; training uses seeds near its own."""

DRAWS = 20
"""Sets of random episodes, of each of which the best design is a rival where there is one task."""


@dataclass(frozen=True)
class Settings:
    """Which training, and how often."""

    out: Path
    """Folder for the runs and results."""
    train: TrainConfig
    """Seed and folder are set for each run."""
    seeds: int = 10
    """Trainings."""
    episodes: int = 50
    """Fresh episodes of the trained and of the random policy; the same for all seeds."""


def run(config: TrainConfig, episodes: int) -> dict[str, Any]:
    """Train with one seed, then play fresh episodes."""
    torch.set_num_threads(1)
    folder = train_once(config)
    with open(folder / "progress.csv") as file:
        curve = [float(row["design/score"]) for row in csv.DictReader(file)]
    return {**play(folder, load_policy(folder), episodes), "curve": curve}


def play(folder: Path, policy: Policy, episodes: int) -> dict[str, list[float]]:
    """Scores of the last designs of fresh episodes of the task that a run was trained on.

    Returns:
        `score`, of validation samples, and `test_score`, of test samples.
    """
    env, judged = env_like(folder), []
    for k in range(episodes):
        play_episode(env, policy, FIRST_EPISODE + k)
        judged.append(score_network(env.current_design, env.dataset, env.penalty))
    return {key: [facts[key] for facts in judged] for key in ("score", "test_score")}


def smooth(curve: list[float]) -> np.ndarray:
    """Mean over windows of a fifth of the training, in which tasks of all kinds come up."""
    width = max(1, len(curve) // 5)
    return np.convolve(curve, np.ones(width) / width, mode="valid")


def standard_error(values: np.ndarray) -> float:
    """Of the mean."""
    return float(values.std(ddof=1) / len(values) ** 0.5)


def main(settings: Settings) -> None:
    """Train, play, print a table."""
    data = load_datasets(list(settings.train.dataset), settings.train.data_dir)
    task = {
        "train": str(settings.train),
        "episodes": settings.episodes,
        "data_sha256": [each.fingerprint for each in data],
    }
    own_folder(settings.out, task)
    configs = [
        replace(settings.train, seed=seed, run_dir=settings.out / f"seed-{seed}")
        for seed in range(settings.seeds)
    ]
    scores = {"score": list_of(NUMBER), "test_score": list_of(NUMBER)}
    form = record(**scores, curve=list_of(NUMBER))
    calls = [
        Call(
            f"seed-{config.seed}", {**task, "seed": config.seed}, (config, settings.episodes), form
        )
        for config in configs
    ]
    results = run_all(run, settings.out, calls, "training")
    folder = settings.out / "seed-0"
    one_task = len(env_like(folder).datasets) == 1
    count = settings.episodes * (DRAWS if one_task else 1)
    choose = random_policy(FIRST_EPISODE)
    (random,) = run_all(
        partial(play, folder),
        settings.out,
        [Call("random", {**task, "count": count}, (choose, count), record(**scores))],
        "random",
        n_jobs=1,
    )
    rivals = np.array(random["score"][: settings.episodes])
    print(f"random edits: mean {rivals.mean():.4f}")
    print("| seed | score | better than random by | standard errors | end against own best |")
    print("|---|---|---|---|---|")
    for seed, result in enumerate(results):
        ours, curve = np.array(result["score"]), smooth(result["curve"])
        better = ours - rivals
        apart = better.mean() / standard_error(better)
        print(
            f"| {seed} | {ours.mean():.4f} | {better.mean():+.4f} | {apart:.1f} | "
            f"{curve[-1] / curve.max():.1%} |"
        )
    means = {key: [np.mean(result[key]) for result in results] for key in random}
    if not one_task:  # the best of many episodes would be that of the easiest task
        print(f"all seeds: {estimate(means['score']):.4f}")
        return
    draws = {key: np.reshape(values, (DRAWS, -1)) for key, values in random.items()}
    best = draws["score"].argmax(axis=1, keepdims=True)
    print(f"| samples | means of the seeds | best of {settings.episodes} random episodes |")
    print("|---|---|---|")
    for key, name in {"score": "validation", "test_score": "test"}.items():
        chosen = np.take_along_axis(draws[key], best, axis=1).ravel()
        print(f"| {name} | {estimate(means[key]):.4f} | {estimate(chosen):.4f} |")


if __name__ == "__main__":
    main(tyro.cli(Settings))
