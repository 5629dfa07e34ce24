"""Training on Ray: what one and two workers give, what is sent, and what hundreds would give.

    python benchmarks/scaling.py

Measured here: steps per second, bytes for each step, and the parts of a vector step that grow with
its size. The estimate for many cores plays vector steps with durations drawn from those measured,
for a learner that waits for the slowest worker, as Stable-Baselines3 does.
"""

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
import tyro

from rlnas.agents.config import TrainConfig
from rlnas.agents.distributed.ray_cluster import cluster
from rlnas.agents.distributed.ray_vec_env import RayVecEnv
from rlnas.agents.policies.environments import make_env
from rlnas.agents.training.model import new_model
from rlnas.agents.training.vec_env import new_vec_env
from rlnas.data import datasets
from rlnas.envs.replay import ReplayableEnv

NETWORK = 1.25e9
"""Bytes per second of the learner's network in the estimate: ten gigabits."""

CORES = (2, 100, 1000)
PER_CORE = (1, 4, 16)
"""Environments for each core."""

THREADS = 8
"""Of a worker in the estimate."""


@dataclass(frozen=True)
class Scaling:
    """What to measure."""

    datasets: tuple[str, ...] = ("digits", "mixed", "mnist")
    """Each is a table."""
    num_envs: int = 16
    """Environments that step at the same time."""
    seconds: float = 15
    """That a measurement takes, about."""


class Instant(gym.Env):
    """Answers at once what a real environment answered once; all that is left is the sending."""

    def __init__(self, env: gym.Env):
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.started = env.reset(seed=0)
        self.stepped = env.step(0)
        self.best, self.words = env.best, env.words  # type: ignore[attr-defined]
        self.render_mode = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """The first observation."""
        super().reset(seed=seed)
        return self.started

    def step(self, action: Any) -> Any:
        """The second one."""
        return self.stepped[0], *self.stepped[1:4], dict(self.stepped[4])

    def action_masks(self) -> np.ndarray:
        """All actions are legal."""
        return np.ones(self.action_space.n, bool)  # type: ignore[attr-defined]


def instant(make: Any, index: int = 0) -> gym.Env:
    """Such an environment."""
    return ReplayableEnv(Instant(make()))


def play(
    env: Any, vector_steps: int, clock: Callable[[], float] = time.perf_counter, seed: int = 0
) -> float:
    """Seconds for vector steps of random legal actions, after a few to warm up."""
    rng = np.random.default_rng(seed)
    env.seed(seed)
    env.reset()
    began = 0.0
    for step in range(vector_steps + 5):
        if step == 5:
            began = clock()
        masks = env.env_method("action_masks")
        env.step(np.array([rng.choice(np.flatnonzero(mask)) for mask in masks]))
    return clock() - began


def durations(make: Any, steps: int) -> np.ndarray:
    """Seconds of single steps of one environment, over random legal actions."""
    env, rng, found = make(), np.random.default_rng(0), []
    env.reset(seed=0)
    for _ in range(steps):
        action = rng.choice(np.flatnonzero(env.action_masks()))
        began = time.perf_counter()
        *_, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
        found.append(time.perf_counter() - began)
    return np.array(found)


def learner(config: TrainConfig, make: Any) -> tuple[float, float, float]:
    """Seconds of an update for each step of its rollout; of acting: fixed, and for each step."""
    model = new_model(config, new_vec_env(config, make))
    with torch.no_grad():
        acting = []
        for count in (1, 256):
            observations = torch.zeros(count, *model.observation_space.shape)
            masks = np.ones((count, model.action_space.n), bool)
            began = time.perf_counter()
            for _ in range(200):
                model.policy(observations, action_masks=masks)
            acting.append((time.perf_counter() - began) / 200)
    each = (acting[1] - acting[0]) / 255
    updates: list[float] = []
    whole = model.train

    def timed() -> None:
        began = time.perf_counter()
        whole()
        updates.append(time.perf_counter() - began)

    model.train = timed
    steps = config.rollout_steps * config.num_envs
    model.learn(3 * steps)
    model.env.close()
    return min(updates) / steps, acting[0] - each, each


def sent(env: RayVecEnv, vector_steps: int = 40) -> tuple[float, float]:
    """Bytes for a step of one environment, on average: to a worker, and back from it."""
    rng, there, back = np.random.default_rng(0), 0, 0
    for _ in range(vector_steps):
        masks = env.env_method("action_masks")
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in masks])
        env.step_async(actions)
        there += sum(len(pickle.dumps(question)) for question in env.asked)
        back += sum(len(pickle.dumps(answer)) for answer in env.ray.get(env.references))
        env.step_wait()
    steps = vector_steps * env.num_envs
    return there / steps, back / steps


def simulate(
    seconds: np.ndarray,
    cores: int,
    per_core: int,
    costs: dict[str, float],
    rounds: int = 200,
) -> dict[str, float]:
    """A vector step of many workers: its steps per second, and what bounds it.

    Args:
        seconds: `[n]` of single environment steps, to draw from.
        cores: for environments; each worker has `THREADS` of them, or all.
        per_core: environments for each.
        costs: seconds of the learner: `update` for each step; `act` and `act_each`, `answer` for
            each worker and `answer_each` for each environment; and `bytes` for each step.
        rounds: vector steps.
    """
    rng = np.random.default_rng(0)
    envs = cores * per_core
    workers = -(-cores // THREADS)
    drawn = rng.choice(seconds, (rounds, cores, per_core)).sum(axis=2)
    slowest = drawn.max(axis=1).mean()  # threads take the next environment: at most this
    work = seconds.mean() * per_core
    learner = (
        (costs["update"] + costs["act_each"] + costs["answer_each"]) * envs
        + costs["act"]
        + costs["answer"] * workers
    )
    network = costs["bytes"] * envs / NETWORK
    whole = slowest + learner + network
    return {
        "steps_per_second": envs / whole,
        "environments": work / whole,
        "waiting": (slowest - work) / whole,
        "learner": learner / whole,
        "network": network / whole,
    }


def measure(name: str, scaling: Scaling) -> None:
    """Print the tables of one data set."""
    config = TrainConfig(
        dataset=(name,), num_envs=scaling.num_envs, batch_size=400, run_dir=Path("unused")
    )
    data = datasets.load_datasets([name], None)
    make = partial(make_env, config, data)
    seconds = durations(make, 300)
    vector_steps = max(10, int(scaling.seconds / (seconds.mean() * scaling.num_envs)))
    steps = scaling.num_envs * vector_steps
    print(f"\n## {name}\n\n| environments step in | steps per second |\n|---|---|")
    for threads in (1, 2):
        env: Any = new_vec_env(config, make)
        base = env.venv
        base.pool.shutdown()
        base.pool = type(base.pool)(threads)
        print(f"| {threads} threads of the learner | {steps / play(env, vector_steps):,.0f} |")
        env.close()
    one = partial(_replayable, make)
    with cluster(None, 2):
        for workers in (1, 2):
            remote = RayVecEnv(one, scaling.num_envs, workers)
            rate = steps / play(remote, vector_steps)
            threads = remote.threads
            print(f"| {workers} Ray workers with {threads} threads each | {rate:,.0f} |")
            there, back = sent(remote)
            remote.close()
        idle = {}
        for envs in (2, 32):
            empty = RayVecEnv(partial(instant, make), envs, 2)
            idle[envs] = play(empty, 300, time.process_time) / 300  # of the learner alone
            empty.close()
    each = (idle[32] - idle[2]) / 30
    update, act, act_each = learner(config, partial(instant, make))
    costs = {
        "update": update,
        "act": act,
        "act_each": act_each,
        "answer": (idle[2] - 2 * each) / 2,
        "answer_each": each,
        "bytes": there + back,
    }
    print(f"\nbytes for a step: {there:,.0f} to the worker, {back:,.0f} back")
    print(
        f"an environment step: {1e3 * seconds.mean():.2f} ms, from {1e3 * seconds.min():.2f} ",
        end="",
    )
    print(f"to {1e3 * seconds.max():.2f}")
    print(
        "learner, microseconds: "
        + ", ".join(f"{k} {1e6 * v:.0f}" for k, v in costs.items() if k != "bytes")
    )
    print("\n| cores | environments each | steps per second | busy | waiting | learner | sending |")
    print("|---|---|---|---|---|---|---|")
    for cores in CORES:
        for per_core in PER_CORE:
            found = simulate(seconds, cores, per_core, costs)
            rate = found.pop("steps_per_second")
            shares = " | ".join(f"{share:.0%}" for share in found.values())
            print(f"| {cores:,} | {per_core} | {rate:,.0f} | {shares} |")


def _replayable(make: Any, index: int) -> gym.Env:
    return ReplayableEnv(make())


def main(scaling: Scaling) -> None:
    """Measure each data set."""
    torch.set_num_threads(1)
    for name in scaling.datasets:
        measure(name, scaling)


if __name__ == "__main__":
    main(tyro.cli(Scaling))
