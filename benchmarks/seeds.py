r"""Does a controller learn with every seed? Trains one for each, and tells them from random edits.

    python benchmarks/seeds.py digits --out runs/seeds-digits
    python benchmarks/seeds.py mixed --out runs/seeds-mixed --train.num-envs 16 \
        --train.batch-size 400 --train.episode-group-size 8 --train.gae-lambda 0.8 \
        --train.entropy 0.005 --train.total-timesteps 120000

The same command again goes on where the last one ended.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import numpy as np
import tyro
from resumable import claim
from threadpoolctl import threadpool_limits

from rlnas import DesignEnv, evaluate, score
from rlnas.agents import (
    Policy,
    TrainConfig,
    env_like,
    load_policy,
    play_episode,
    random_policy,
    train_once,
    trimmed_mean_interval,
)

FIRST_EPISODE = 10_000
"""Seed of the first fresh episode; training uses seeds near its own."""

DRAWS = 20
"""Sets of random episodes; on a single task the best design of each set is a rival."""


@dataclass(frozen=True)
class Settings:
    """The training, and how often it is repeated."""

    out: Path
    """Folder for the runs."""
    train: TrainConfig
    """Settings of the training; seed and folder are set for each run."""
    seeds: int = 10
    """Number of trainings."""
    episodes: int = 50
    """Fresh episodes of the trained and of the random policies; the same for all seeds."""


def run(config: TrainConfig, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Train with one seed, then play fresh episodes.

    Returns:
        Float `[episodes, 2]`, scores as of `play`; and float `[updates]`, mean score of the designs
        of each rollout of the training.
    """
    with threadpool_limits(1):
        folder = train_once(config)
        with (folder / "progress.csv").open() as file:
            curve = [float(row["score/final"]) for row in csv.DictReader(file)]
        return play(env_like(folder), load_policy(folder), episodes), np.array(curve)


def play(env: DesignEnv, policy: Policy, episodes: int) -> np.ndarray:
    """Float `[episodes, 2]`: scores of final designs on validation and on test samples."""
    scores = []
    for episode in range(episodes):
        _, history = play_episode(env, policy, FIRST_EPISODE + episode)
        network, data = env.current_design, env.dataset
        accuracy = evaluate(network, data, data.test).metric
        test_score = score(accuracy, network.active_weights, env.penalty, env.reference)
        scores.append((history[-1]["score"], test_score))
    return np.array(scores)


def smooth(curve: np.ndarray) -> np.ndarray:
    """Moving average over a fifth of a training, in which tasks of all kinds occur."""
    width = max(1, len(curve) // 5)
    return np.convolve(curve, np.ones(width) / width, mode="valid")


def main(settings: Settings) -> None:
    """Train, play, and print a table."""
    claim(settings.out, settings.train)
    configs = [
        replace(settings.train, seed=seed, run_dir=settings.out / f"seed-{seed}")
        for seed in range(settings.seeds)
    ]
    parallel = joblib.Parallel(n_jobs=-1, verbose=1)
    results = parallel(joblib.delayed(run)(config, settings.episodes) for config in configs)
    env = env_like(configs[0].folder)
    one_task = len(env.datasets) == 1
    count = settings.episodes * (DRAWS if one_task else 1)
    random = play(env, random_policy(FIRST_EPISODE), count)
    rivals = random[: settings.episodes, 0]
    print(f"random edits: mean {rivals.mean():.4f}")
    print("| seed | score | better than random by | standard errors | end against own best |")
    print("|---|---|---|---|---|")
    for seed, (scores, curve) in enumerate(results):
        better = scores[:, 0] - rivals
        apart = better.mean() / (better.std(ddof=1) / len(better) ** 0.5)
        smoothed = smooth(curve)
        print(
            f"| {seed} | {scores[:, 0].mean():.4f} | {better.mean():+.4f} | {apart:.1f} | "
            f"{smoothed[-1] / smoothed.max():.1%} |"
        )
    means = np.array([scores.mean(axis=0) for scores, _ in results])
    if not one_task:  # the best of many episodes would be one of the easiest task
        print(f"all seeds: {trimmed_mean_interval(means[:, 0]):.4f}")
        return
    draws = random.reshape(DRAWS, settings.episodes, 2)
    best = draws[np.arange(DRAWS), draws[:, :, 0].argmax(axis=1)]
    print(f"| samples | means of the seeds | best of {settings.episodes} random episodes |")
    print("|---|---|---|")
    for column, name in enumerate(("validation", "test")):
        ours, theirs = (trimmed_mean_interval(each[:, column]) for each in (means, best))
        print(f"| {name} | {ours:.4f} | {theirs:.4f} |")


if __name__ == "__main__":
    main(tyro.cli(Settings))
