"""Training in workers: steps per second here, bytes that are sent, an estimate for many machines.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --no-ray    # threads and processes of this machine alone

Threads and workers take turns, and the fastest round of each counts. Bytes per step, and the parts
of a vector step that grow with its size, are measured too. The estimate simulates vector steps
whose environment steps last as long as randomly drawn measured ones, for a learner that waits for
the slowest worker, as Stable-Baselines3 does.
"""

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import gymnasium as gym
import numpy as np
import ray
import torch
import tyro
from learner import FreeVecEnv, new_model
from stable_baselines3.common.vec_env import VecEnv

from rlnas import Dataset, DesignEnv, ReplayableEnv, ThreadedVecEnv
from rlnas.agents import TrainConfig, WorkerVecEnv

NETWORK = 1.25e9
"""Bytes per second of the learner's network in the estimate: ten gigabits."""

CORES = (2, 100, 1000)
PER_CORE = (1, 4, 16)
"""Environments for each core."""

CPUS = 2
"""Processors that Ray is started with here."""

THREADS = 8
"""Threads of a worker in the estimate."""


@dataclass(frozen=True)
class Scaling:
    """What to measure."""

    datasets: tuple[str, ...] = ("digits", "mixed", "mnist")
    """Data sets; each has its own tables."""
    num_envs: int = 16
    """Environments that step at the same time."""
    seconds: float = 15
    """Approximate duration of a measurement."""
    rounds: int = 3
    """Measurements of each kind of workers."""
    ray: bool = True
    """Whether to measure on Ray too, and to estimate from that."""


class Instant(gym.Env):
    """Replies at once with the first step of an environment, so that only sending takes time."""

    def __init__(self, env: DesignEnv):
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.started = env.reset(seed=0)
        self.stepped = env.step(0)
        self.best, self.words = env.best, env.words
        self.render_mode = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """The first observation and info."""
        super().reset(seed=seed)
        return self.started

    def step(self, action: Any) -> Any:
        """The second ones."""
        return self.stepped[0], *self.stepped[1:4], dict(self.stepped[4])

    def action_masks(self) -> np.ndarray:
        """All actions are legal."""
        return np.ones(self.action_space.n, bool)  # type: ignore[attr-defined]


def live(data: list[Dataset], index: int = 0) -> gym.Env:
    """An environment that can be sent to a worker; the index, which workers give, is not used."""
    return ReplayableEnv(DesignEnv(data))


def instant(data: list[Dataset], index: int = 0) -> gym.Env:
    """The same without the work."""
    return ReplayableEnv(Instant(DesignEnv(data)))


def play(
    env: VecEnv, vector_steps: int, clock: Callable[[], float] = time.perf_counter, seed: int = 0
) -> float:
    """Seconds of vector steps with random legal actions, after five that are not timed."""
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


def durations(data: list[Dataset], steps: int) -> np.ndarray:
    """float64 `[steps]`: seconds of single steps of one environment, with random legal actions."""
    env, rng, found = DesignEnv(data), np.random.default_rng(0), []
    env.reset(seed=0)
    for _ in range(steps):
        action = rng.choice(np.flatnonzero(env.action_masks()))
        began = time.perf_counter()
        *_, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            env.reset()
        found.append(time.perf_counter() - began)
    return np.array(found)


def learner() -> tuple[float, float, float]:
    """Processor time of the learner in seconds, with environments whose steps cost nearly nothing.

    Returns:
        Of an update, per step of its rollout; of a vector step, for which actions are chosen and
        what the environments tell is noted; and in addition for each environment.
    """
    few, many = 16, 256
    collecting = {}
    for count in (few, many):
        config = TrainConfig(num_envs=count, batch_size=400, total_timesteps=300 * count)
        model = new_model("ours", FreeVecEnv(count), config)
        times: dict[str, list[float]] = {"collect_rollouts": [], "train": []}
        for name, found in times.items():
            setattr(model, name, timed(getattr(model, name), found))
        model.learn(config.total_timesteps)
        collecting[count] = min(times["collect_rollouts"]) / config.rollout_steps
        update = min(times["train"]) / (config.rollout_steps * count)
    each = (collecting[many] - collecting[few]) / (many - few)
    return update, collecting[few] - few * each, each


def timed(function: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    """A function that adds the processor time of each call to a list."""

    def call(*arguments: Any, **named: Any) -> Any:
        began = time.process_time()
        answer = function(*arguments, **named)
        seconds.append(time.process_time() - began)
        return answer

    return call


def sent(env: VecEnv, workers: int, vector_steps: int = 40) -> tuple[float, float]:
    """Mean number of bytes for a step of one environment: to a worker, and back from it."""
    rng, there, back = np.random.default_rng(0), 0, 0
    get = ray.get

    def counted(*arguments: Any, **named: Any) -> Any:
        nonlocal back
        answer = get(*arguments, **named)
        back += len(pickle.dumps(answer))
        return answer

    with patch.object(ray, "get", counted):
        for _ in range(vector_steps):
            masks = env.env_method("action_masks")
            actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in masks])
            there += sum(len(pickle.dumps(part)) for part in np.array_split(actions, workers))
            env.step(actions)
    steps = vector_steps * env.num_envs
    return there / steps, back / steps


def simulate(
    seconds: np.ndarray,
    cores: int,
    per_core: int,
    costs: dict[str, float],
    rounds: int = 200,
) -> dict[str, float]:
    """Steps per second with many workers, and the shares of the time of a vector step.

    Args:
        seconds: float64 `[n]`, durations of environment steps, from which is drawn.
        cores: Cores for environments; a worker has `THREADS` of them, or all if there are fewer.
        per_core: Environments for each core.
        costs: Seconds of the learner: `update` for each step; `act` for each vector step and
            `act_each` for each environment; `answer` for each worker and `answer_each` for each
            environment; and `bytes` for each step.
        rounds: Number of vector steps.
    """
    rng = np.random.default_rng(0)
    envs = cores * per_core
    workers = -(-cores // THREADS)
    drawn = rng.choice(seconds, (rounds, cores, per_core)).sum(axis=2)
    slowest = drawn.max(axis=1).mean()  # an upper bound: threads take the next environment
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


def rates(data: list[Dataset], scaling: Scaling, vector_steps: int) -> dict[str, float]:
    """Steps per second of each kind of workers, by its name."""
    make, count = partial(live, data), scaling.num_envs
    kinds: dict[str, Callable[[], VecEnv]] = {
        "1 thread of the learner": lambda: ThreadedVecEnv([make] * count, num_threads=1),
        "2 threads of the learner": lambda: ThreadedVecEnv([make] * count, num_threads=2),
        "2 processes": lambda: WorkerVecEnv(make, count, "processes", 2),
    }
    if scaling.ray:
        kinds |= {
            f"{n} Ray workers with {CPUS // n} threads each": partial(
                WorkerVecEnv, make, count, "ray", n
            )
            for n in (1, 2)
        }
    best = dict.fromkeys(kinds, 0.0)
    for _ in range(scaling.rounds):
        for kind, start in kinds.items():
            env = start()
            best[kind] = max(best[kind], count * vector_steps / play(env, vector_steps))
            env.close()
    return best


def measure(name: str, scaling: Scaling) -> None:
    """Measure, and print the tables of one data set."""
    data = DesignEnv(name).datasets
    seconds = durations(data, 300)
    vector_steps = max(10, int(scaling.seconds / (seconds.mean() * scaling.num_envs)))
    print(f"\n## {name}\n\n| environments step in | steps per second |\n|---|---|")
    for kind, rate in rates(data, scaling, vector_steps).items():
        print(f"| {kind} | {rate:,.0f} |")
    if scaling.ray:
        estimate(data, seconds, scaling)


def estimate(data: list[Dataset], seconds: np.ndarray, scaling: Scaling) -> None:
    """Measure what an estimate for many machines needs, and print it.

    Args:
        data: the data sets.
        seconds: float64 `[n]`, durations of environment steps.
        scaling: what to measure.
    """
    remote = WorkerVecEnv(partial(live, data), scaling.num_envs, "ray", 2)
    remote.seed(0)
    remote.reset()
    there, back = sent(remote, 2)
    remote.close()
    idle = {}
    for envs in (2, 32):
        empty = WorkerVecEnv(partial(instant, data), envs, "ray", 2)
        idle[envs] = play(empty, 300, time.process_time) / 300  # of the learner alone
        empty.close()
    each = (idle[32] - idle[2]) / 30
    update, act, act_each = learner()
    costs = {
        "update": update,
        "act": act,
        "act_each": act_each,
        "answer": (idle[2] - 2 * each) / 2,
        "answer_each": each,
        "bytes": there + back,
    }
    print(f"\nbytes for a step: {there:,.0f} to the worker, {back:,.0f} back")
    shortest, mean, longest = (1e3 * f(seconds) for f in (np.min, np.mean, np.max))
    print(f"an environment step: {mean:.2f} ms, from {shortest:.2f} to {longest:.2f}")
    parts = (f"{part} {1e6 * cost:.0f}" for part, cost in costs.items() if part != "bytes")
    print("learner, microseconds: " + ", ".join(parts))
    print("\n| cores | environments each | steps per second | busy | waiting | learner | sending |")
    print("|---|---|---|---|---|---|---|")
    for cores in CORES:
        for per_core in PER_CORE:
            found = simulate(seconds, cores, per_core, costs)
            rate = found.pop("steps_per_second")
            shares = " | ".join(f"{share:.0%}" for share in found.values())
            print(f"| {cores:,} | {per_core} | {rate:,.0f} | {shares} |")


def main(scaling: Scaling) -> None:
    """Measure each data set."""
    torch.set_num_threads(1)
    if scaling.ray:
        ray.init(num_cpus=CPUS, include_dashboard=False, log_to_driver=False)
    for name in scaling.datasets:
        measure(name, scaling)


if __name__ == "__main__":
    main(tyro.cli(Scaling))
