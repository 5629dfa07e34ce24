"""The same training with several seeds, each in a folder of its own, and what all of them reach."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from rlnas.agents.config import WORKERS, TrainConfig, check_seed
from rlnas.agents.experiments.statistics import Interval, trimmed_mean_interval
from rlnas.agents.policies.environments import make_env
from rlnas.agents.policies.outcome import MEASURES
from rlnas.agents.policies.run_config import check_data, read_train_config
from rlnas.agents.policies.run_folder import SEED, runs_of_seeds
from rlnas.agents.training.interrupt import Paused, interrupts
from rlnas.agents.training.ppo import train_once
from rlnas.agents.training.watching.evaluations import Evaluations, read_evaluations
from rlnas.errors import InputError
from rlnas.files.folders import LOCK, check_free, locked

_REPORT = "report.html"


@dataclass(frozen=True)
class SeedRun:
    """The training with one seed, which may be in progress.

    Attributes:
        seed: The seed.
        folder: Its run folder.
        config: Its settings.
        evaluations: Its evaluations so far; None before the first.
    """

    seed: int
    folder: Path
    config: TrainConfig
    evaluations: Evaluations | None


def train_seeds(config: TrainConfig, seeds: Sequence[int], progress_bar: bool = True) -> Path:
    """Train with each of several seeds, one after the other.

    The same call goes on with a training that was cut short, and leaves those that have ended as
    they are; further seeds may be added.

    Args:
        config: Settings of the trainings; `run_dir` is the folder for all of them, by default
            `runs/<dataset>-<algorithm>-seeds`. Its seed is not used.
        seeds: The seeds, none twice.
        progress_bar: Show the progress of each training.

    Returns:
        The folder, in which `seed-0` is the run folder of seed 0.

    Raises:
        InputError: A value cannot be used, or the folder holds something else, such as trainings
            with other settings.
        Paused: As `train`.
    """
    for seed in seeds:
        check_seed(seed, "--seeds")
    if not seeds:
        raise InputError("--seeds: expected at least one seed, such as --seeds 0 1 2")
    if len(set(seeds)) != len(seeds):
        raise InputError(f"--seeds {' '.join(map(str, seeds))}: expected different seeds")
    config.check()
    folder = folder_of(config)
    configs = [replace(config, seed=seed, run_dir=folder / f"{SEED}{seed}") for seed in seeds]
    _check_same(configs[0], folder)
    make_env(config, config.load())  # checks the other values, before anything is written
    with locked(folder), interrupts() as pressed:
        try:
            for each in configs:
                if pressed():  # after the last rollout of the training before
                    raise KeyboardInterrupt
                train_once(each, progress_bar)
        except KeyboardInterrupt as error:
            raise Paused("stopped; go on with the same command") from error
    return folder


def folder_of(config: TrainConfig) -> Path:
    """The folder for the trainings of all seeds."""
    if config.run_dir is not None:
        return config.run_dir
    return config.folder.with_name(config.folder.name.removesuffix(str(config.seed)) + "seeds")


def seed_runs(folder: Path) -> list[SeedRun]:
    """The trainings in a folder, in the order of their seeds.

    Raises:
        InputError: A file of one of them is damaged.
    """
    paths = runs_of_seeds(folder)
    configs = [read_train_config(path) for path in paths]
    found = [
        SeedRun(config.seed, path, config, read_evaluations(path))
        for path, config in zip(paths, configs, strict=True)
    ]
    return sorted(found, key=lambda each: each.seed)


def kept_scores(runs: Sequence[SeedRun]) -> list[float]:
    """The score of the policy that each training has kept, of those with an evaluation."""
    return [run.evaluations.best.score for run in runs if run.evaluations is not None]


def evaluation_curve(runs: Sequence[SeedRun]) -> tuple[np.ndarray, np.ndarray]:
    """The evaluations that all trainings have.

    Returns:
        Their steps, int64 `[n]`, and the scores of each training, float64 `[trainings, n]`.
    """
    curves = [
        {each.timesteps: each.score for each in run.evaluations.done}
        for run in runs
        if run.evaluations is not None
    ]
    steps = sorted(set.intersection(*map(set, curves))) if curves else []
    scores = [[curve[step] for step in steps] for curve in curves]
    return np.array(steps, np.int64), np.array(scores, float).reshape(len(curves), len(steps))


def band(scores: np.ndarray) -> list[Interval]:
    """The interquartile mean at each point of curves, with its interval over the trainings.

    Args:
        scores: Float `[trainings, points]`.
    """
    return [trimmed_mean_interval(column, resamples=2_000) for column in scores.T]


def mean_in_words(scores: Sequence[float]) -> str:
    """The interquartile mean over trainings, with its interval if there are several."""
    interval = trimmed_mean_interval(scores)
    if len(scores) == 1:
        return f"{interval.value:.4f}"
    # Of so few, 2.5 % of the resamples hold nothing in their middle but the least, or the largest.
    told = f"{interval:.4f}"
    return told if len(scores) >= 5 else f"{told.removesuffix(')')}, the least and the largest)"


def in_words(folder: Path) -> str:
    """What the trainings in a folder have reached, in one line.

    Raises:
        InputError: A file of one of them is damaged.
    """
    runs = seed_runs(folder)
    scores = kept_scores(runs)
    told = f"{len(runs)} seed{'s' * (len(runs) > 1)} in {folder}"
    first = next((run.evaluations for run in runs if run.evaluations is not None), None)
    if first is None:
        return f"{told}, without evaluations"
    beside = ", ".join(f"{name} {score:.4f}" for name, score in first.rivals.items())
    return (
        f"{told}: interquartile mean of the {MEASURES[first.measure]} of the policies over "
        f"{first.episodes} held-out episodes {mean_in_words(scores)}; by seed "
        f"{', '.join(f'{score:.4f}' for score in scores)} ({beside})"
    )


def _check_same(config: TrainConfig, folder: Path) -> None:
    """Raise `InputError` if a folder holds anything but trainings with the same settings."""
    if not runs_of_seeds(folder):
        check_free(folder)
        return
    known = {LOCK, _REPORT}
    for path in folder.iterdir():
        if path.name not in known and not (path.name.startswith(SEED) and path.is_dir()):
            raise InputError(f"{folder} holds something else ({path.name}): choose another folder")
    data = config.load()
    free = {"seed", "run_dir", *WORKERS}
    for run in seed_runs(folder):
        for each in fields(TrainConfig):
            ours, theirs = getattr(config, each.name), getattr(run.config, each.name)
            if each.name not in free and ours != theirs:
                raise InputError(
                    f"{folder} holds trainings with other settings: {each.name} is {theirs} there, "
                    f"not {ours}; give the same, or another --run-dir"
                )
        check_data(run.folder, data)
