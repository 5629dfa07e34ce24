r"""Time and learning curves of PPO with masks: ours against that of sb3-contrib, whose model it is.

    python benchmarks/learner.py speed
    python benchmarks/learner.py curves tabular-digits --out runs/curves
    python benchmarks/learner.py curves digits --out runs/curves
    python benchmarks/learner.py curves mixed --out runs/curves

Unless it says otherwise, settings are the defaults of `rlnas train`. Times are processor time of
one thread; both learners take turns, and the fastest run of each counts. `curves` goes on where the
last call ended.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import joblib
import numpy as np
import torch
import tyro
from sb3_contrib import MaskablePPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor
from threadpoolctl import threadpool_limits

from rlnas import DesignEnv, TabularVecEnv, ThreadedVecEnv
from rlnas.agents import ArrayMaskablePPO, TrainConfig, trimmed_mean_interval

LEARNERS: dict[str, type[MaskablePPO]] = {"sb3-contrib": MaskablePPO, "ours": ArrayMaskablePPO}

MIXED: dict[str, Any] = {"penalty": (0.01, 1.0), "width": (4, 64), "density": (0.1, 1.0)}
"""Tasks, penalties and starts that differ in every episode."""

PARTS = 4
"""Parts of a training, for each of which the scores of the episodes that end in it are averaged."""

FASTEST_OF = 5


class Task(NamedTuple):
    """Environments, and how long to learn in them.

    Attributes:
        make: Returns a number of environments.
        steps: Steps over all environments.
    """

    make: Callable[[int], VecEnv]
    steps: int


def live(dataset: str, count: int, **arguments: Any) -> VecEnv:
    """Live environments that share one copy of the data, and step one after the other."""
    make = partial(DesignEnv, DesignEnv(dataset).datasets, **arguments)
    return ThreadedVecEnv([make] * count, num_threads=1)


TASKS = {
    "tabular-digits": Task(TabularVecEnv, 24_000),
    "digits": Task(partial(live, "digits"), 8_000),
    "mixed": Task(partial(live, "mixed", **MIXED), 8_000),
}


class FreeVecEnv(DummyVecEnv):
    """Environments with a recorded episode of digits, whose steps cost nothing.

    Args:
        count: Number of environments.
    """

    def __init__(self, count: int):
        env = DesignEnv("digits")
        super().__init__([partial(DesignEnv, env.datasets)] * count)
        observation, _ = env.reset(seed=0)
        self.seen, self.legal = [observation], [env.action_masks()]
        self.told: list[dict[str, Any]] = []
        self.moment = 0
        rng = np.random.default_rng(0)
        while len(self.told) < env.episode_steps:
            action = rng.choice(np.flatnonzero(self.legal[-1]))
            observation, _, _, _, info = env.step(action)
            self.seen.append(observation)
            self.legal.append(env.action_masks())
            self.told.append({**info, "TimeLimit.truncated": False})

    def reset(self) -> np.ndarray:
        """All environments begin."""
        return np.tile(self.seen[0], (self.num_envs, 1))

    def step_wait(self) -> Any:
        """The next moment of the episode, whatever the actions are."""
        told = self.told[self.moment]
        self.moment = (self.moment + 1) % len(self.told)
        over = self.moment == 0
        if over:
            told = {**told, "terminal_observation": self.seen[-1]}
        observations = np.tile(self.seen[self.moment], (self.num_envs, 1))
        rewards = np.full(self.num_envs, 0.01, np.float32)
        dones = np.full(self.num_envs, over)
        return observations, rewards, dones, [dict(told) for _ in range(self.num_envs)]

    def env_method(self, *_: Any, **__: Any) -> list[Any]:
        """The masks, which are all that is ever asked for."""
        return [self.legal[self.moment]] * self.num_envs


class Scores(BaseCallback):
    """The final scores of all episodes, and when they ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[int, float]] = []

    def _on_step(self) -> bool:
        for info, done in zip(self.locals["infos"], self.locals["dones"], strict=True):
            if done:
                self.ends.append((self.num_timesteps, float(info["score"])))
        return True


def new_model(learner: str, env: VecEnv, config: TrainConfig) -> MaskablePPO:
    """A model with the settings of a training."""
    return LEARNERS[learner](
        "MlpPolicy",
        VecMonitor(env),
        learning_rate=lambda left: config.learning_rate * min(1.0, left + 1 / config.updates),
        n_steps=config.rollout_steps,
        batch_size=config.batch_size,
        n_epochs=config.epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        ent_coef=config.entropy,
        target_kl=config.target_kl,
        policy_kwargs={"net_arch": list(config.net_arch)},
        seed=config.seed,
        device="cpu",
    )


def microseconds(learner: str, make: Callable[[int], VecEnv], config: TrainConfig) -> float:
    """Processor time of a training for each environment step."""
    model = new_model(learner, make(config.num_envs), config)
    began = time.process_time()
    model.learn(config.total_timesteps)
    return (time.process_time() - began) / model.num_timesteps * 1e6


def speed() -> None:
    """Print a table: processor time of whole trainings."""
    torch.set_num_threads(1)
    default = TrainConfig(total_timesteps=8_000)
    larger = replace(default, num_envs=16, batch_size=400)
    many = replace(default, num_envs=64, batch_size=800, total_timesteps=25_600)
    rows = {
        "learner alone": (FreeVecEnv, default),
        "learner alone, 16 environments, batches of 400": (FreeVecEnv, larger),
        "tabular digits": (TabularVecEnv, default),
        "tabular digits, 64 environments, batches of 800": (TabularVecEnv, many),
    }
    print("| us for an environment step | sb3-contrib | ours | ratio | ours, steps per second |")
    print("|---|---|---|---|---|")
    with threadpool_limits(1):
        for name, (make, config) in rows.items():
            best = dict.fromkeys(LEARNERS, np.inf)
            for _ in range(FASTEST_OF):
                for learner in LEARNERS:
                    best[learner] = min(best[learner], microseconds(learner, make, config))
            theirs, ours = best.values()
            cells = (f"{theirs:.1f}", f"{ours:.1f}", f"{theirs / ours:.1f}x", f"{1e6 / ours:,.0f}")
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


def learn(path: Path, task: Task, learner: str, seed: int) -> list[float]:
    """Mean score of the episodes that end in each part of a training; all are kept in a file."""
    if not path.is_file():
        with threadpool_limits(1):
            torch.set_num_threads(1)
            config = TrainConfig(total_timesteps=task.steps, seed=seed)
            scores = Scores()
            new_model(learner, task.make(config.num_envs), config).learn(task.steps, scores)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".partial")
        unfinished.write_text(json.dumps(scores.ends))
        unfinished.rename(path)
    ends, found = np.array(json.loads(path.read_text())).T
    part = np.minimum((ends - 1) * PARTS // task.steps, PARTS - 1)
    return [float(found[part == k].mean()) for k in range(PARTS)]


def curves(
    task: Annotated[str, tyro.conf.Positional], /, out: Path, seeds: int = 10, jobs: int = 1
) -> None:
    """Print a table: interquartile means over seeds in each part of a training, with intervals.

    Args:
        task: One of tabular-digits, digits, mixed.
        out: Folder for the results of all tasks.
        seeds: Number of trainings of each learner.
        jobs: Number of trainings at the same time.
    """
    chosen = TASKS[task]
    calls = [
        (out / f"{task}-{learner}-{seed}.json", chosen, learner, seed)
        for seed in range(seeds)
        for learner in LEARNERS
    ]
    results = joblib.Parallel(jobs)(joblib.delayed(learn)(*call) for call in calls)
    print(f"{task}, {chosen.steps:,} steps, {seeds} seeds:\n")
    print("| steps | sb3-contrib | ours | difference |")
    print("|---|---|---|---|")
    theirs, ours = (np.array(results[k :: len(LEARNERS)]) for k in range(len(LEARNERS)))
    for k in range(PARTS):
        low, high = (chosen.steps * each // PARTS for each in (k, k + 1))
        columns = (theirs[:, k], ours[:, k], ours[:, k] - theirs[:, k])
        cells = " | ".join(f"{trimmed_mean_interval(column):.4f}" for column in columns)
        print(f"| {low:,} to {high:,} | {cells} |")


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"speed": speed, "curves": curves})
