"""Steps and look-ups per second of the tabular environments, on one core.

Run with `make bench-tabular`.
"""

import time
from collections.abc import Callable

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecEnv

from rlnas import Table, TabularVecEnv

NAME = "rlnas/TabularDigits-v0"
REPEATS = 5


def main() -> None:
    """Print one line for each rate, the highest of several repeats."""
    torch.set_num_threads(1)
    print(f"look-ups           {best(lookups):>14,.0f} per second")
    print(f"single environment {best(single):>14,.0f} steps per second")
    for mode in ("NextStep", "SameStep", "Disabled"):
        for noisy in (False, True):
            rate = best(lambda mode=mode, noisy=noisy: vector(mode, noisy))
            kind = "noisy" if noisy else "mean"
            print(f"1,024 environments {rate:>14,.0f} steps per second, {mode}, {kind}")
    rates: dict[str, list[float]] = {}
    for _ in range(3):  # in turn, so that all meet the same load of the machine
        for name, make in SB3.items():
            rates.setdefault(name, []).append(ppo(make()))
    for name, values in rates.items():
        print(f"SB3 PPO            {np.median(values):>14,.0f} frames per second, {name}")


def best(measure: Callable[[], float]) -> float:
    """The highest of several measured rates."""
    return max(measure() for _ in range(REPEATS))


def lookups() -> float:
    """Look-ups per second: `Table.query` of random architectures."""
    table = Table.load("digits")
    chosen = np.random.default_rng(0).integers(len(table), size=200_000)
    architectures = [table.grid.architectures[number] for number in chosen]
    table.query(architectures[0])
    began = time.perf_counter()
    for architecture in architectures:
        table.query(architecture)
    return len(architectures) / (time.perf_counter() - began)


def single() -> float:
    """Steps per second of one environment, random actions, resets included."""
    env = gym.make(NAME)
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(19, size=100_000).tolist()
    began = time.perf_counter()
    for action in actions:
        if env.step(action)[2]:
            env.reset()
    return len(actions) / (time.perf_counter() - began)


def vector(mode: str, noisy: bool) -> float:
    """Steps per second of 1,024 environments, random actions, resets included."""
    envs = gym.make_vec(
        NAME, 1024, vectorization_mode="vector_entry_point", autoreset_mode=mode, noisy=noisy
    )
    envs.reset(seed=0)
    actions = np.random.default_rng(0).integers(19, size=(1000, 1024))
    began = time.perf_counter()
    for row in actions:
        over = envs.step(row)[2]
        if mode == "Disabled" and over.any():
            envs.reset(options={"reset_mask": over})
    return actions.size / (time.perf_counter() - began)


def ppo(env: VecEnv) -> float:
    """Frames per second of PPO with its default hyperparameters, updates included."""
    model = PPO("MlpPolicy", env, n_steps=256, device="cpu", seed=0)
    began = time.perf_counter()
    model.learn(20_480)
    return model.num_timesteps / (time.perf_counter() - began)


SB3: dict[str, Callable[[], VecEnv]] = {
    "CartPole-v1, 8 environments": lambda: make_vec_env("CartPole-v1", 8),
    f"{NAME}, 8 environments": lambda: TabularVecEnv(8),
    f"{NAME}, 8 in DummyVecEnv": lambda: make_vec_env(NAME, 8),
}


if __name__ == "__main__":
    main()
