"""Stress test of the live environments: a million random actions, legal and illegal.

    python tests/stress/hammer.py

After every action the invariants of the network, observation and reward are asserted. The memory
in use is printed after every tenth of the actions.
"""

import time
from dataclasses import dataclass

import numpy as np
import psutil
import tyro
from tqdm import tqdm

from rlnas.data import sources
from rlnas.data.generated.families import FAMILIES
from rlnas.envs.actions import ACTIONS
from rlnas.envs.design_env import DesignEnv

TENTHS = 10


@dataclass(frozen=True)
class Hammer:
    """Take random actions, assert all invariants after each, and print the memory in use."""

    actions: int = 1_000_000
    """Number of actions, over all data sets together."""
    seed: int = 0
    """Seed of the actions and episodes."""


def act(env: DesignEnv, actions: int, rng: np.random.Generator) -> tuple[int, int]:
    """Take random actions; half of them are drawn without regard to the mask.

    Args:
        env: The environment.
        actions: Number of actions.
        rng: Source of randomness.

    Returns:
        Number of illegal actions, and number of steps in which training diverged.
    """
    illegal = diverged = 0
    env.reset(seed=int(rng.integers(2**31)))
    for _ in range(actions):
        mask = env.action_masks()
        legal = np.flatnonzero(mask)
        anything = rng.random() < 0.5
        action = int(rng.integers(len(ACTIONS)) if anything else rng.choice(legal))
        before = env.current_design
        observation, reward, terminated, truncated, info = env.step(action)
        illegal += not mask[action]
        diverged += info["diverged"]
        assert mask[action] or not info["applied"]
        if not info["applied"]:
            assert env.current_design.layer_sizes == before.layer_sizes
        assert env.observation_space.contains(observation)
        assert np.isfinite(reward)
        assert env.action_masks().any()
        env.current_design.check()
        if terminated or truncated:
            env.reset()
    return illegal, diverged


def main(hammer: Hammer) -> None:
    """Print the numbers of actions, and the memory in use after every tenth of them."""
    rng = np.random.default_rng(hammer.seed)
    process = psutil.Process()
    names = [*sources.NAMES, *(name for family in FAMILIES.values() for name in family)]
    names = list(dict.fromkeys(names))
    share = -(-hammer.actions // (len(names) * TENTHS))
    illegal = diverged = done = 0
    memory: list[float] = []
    began = time.perf_counter()
    envs = {
        name: DesignEnv(
            name, width=(1, 64), density=(0.01, 1.0), penalty=(0.0, 10.0), batches_per_step=1
        )
        for name in names
    }
    with tqdm(total=share * len(names) * TENTHS, unit="action") as bar:
        for _ in range(TENTHS):
            for env in envs.values():
                refused, lost = act(env, share, rng)
                illegal, diverged, done = illegal + refused, diverged + lost, done + share
                bar.update(share)
            memory.append(process.memory_full_info().uss / 2**20)
    seconds = time.perf_counter() - began
    print(f"{done:,} actions on {len(names)} data sets in {seconds:.0f} s")
    print(f"{illegal:,} illegal, {diverged:,} diverged")
    print("MiB after each tenth:", *(f"{each:.0f}" for each in memory))


if __name__ == "__main__":
    main(tyro.cli(Hammer))
