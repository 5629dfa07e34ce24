"""Frames per second of every environment id, one at a time and many at once, on one core.

Run with `make bench-fps`. Actions are random and legal; choosing them is not timed, resets are.
Environments that are looked up step in one compiled call, live ones one after the other. Seconds
are those of the processor, so that other work on the machine counts little.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ["NUMBA_NUM_THREADS"] = "1"

import gymnasium as gym
import numpy as np

import rlnas

SECONDS = 2.0
"""How long each is stepped, at the least, in seconds of the processor."""

LOOKED_UP, LIVE = 1024, 8
"""Number of environments side by side."""


def main() -> None:
    """Print a row for each id as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", help="by default all of rlnas")
    arguments = parser.parse_args()
    ids = arguments.ids or [name for name in gym.registry if name.startswith("rlnas/")]
    print(f"{processor()}, one core, {time.strftime('%Y-%m-%d')}, rlnas {rlnas.__version__}\n")
    print("| id | one | side by side | together |\n|---|---|---|---|")
    measured = list(environments(ids))
    single(measured[0][1])  # until all is compiled, in the background as well
    for name, make, make_vector in measured:
        live = hasattr(make().unwrapped, "datasets")
        n, more = (LIVE, {"num_threads": 1}) if live else (LOOKED_UP, {})
        one, many = single(make), vector(partial(make_vector, n, **more))
        print(f"| `{name}` | {one:,.0f} | {n:,} | {n * many:,.0f} |", flush=True)


def environments(ids: list[str]) -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any]]]:
    """Names of environments, and what makes one of each, and many."""
    for name in ids:
        yield (
            name,
            partial(gym.make, name),
            partial(gym.make_vec, name, vectorization_mode="vector_entry_point"),
        )


def processor() -> str:
    """The name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def single(make: Callable[..., Any]) -> float:
    """Steps per second of one environment."""
    env: Any = make().unwrapped
    rng, steps, total, over = np.random.default_rng(0), 0, 0.0, True
    for warm in (True, False):  # first until everything is compiled
        steps, total = 0, 0.0
        while total < (SECONDS / 4 if warm else SECONDS):
            if over:
                began = time.process_time()
                env.reset(seed=steps)
                total += time.process_time() - began
            action = rng.choice(np.flatnonzero(env.action_masks()))
            began = time.process_time()
            *_, terminated, truncated, _ = env.step(action)
            total += time.process_time() - began
            over = terminated or truncated
            steps += 1
    return steps / total


def vector(make: Callable[..., Any]) -> float:
    """Steps per second of each of some environments side by side."""
    envs: Any = make()
    infos = envs.reset(seed=0)[1]
    rng, steps, total = np.random.default_rng(0), 0, 0.0
    for warm in (True, False):
        steps, total = 0, 0.0
        while total < (SECONDS / 4 if warm else SECONDS):
            masks = np.stack(infos["action_mask"])
            actions = (rng.random(masks.shape) * masks).argmax(axis=1)
            began = time.process_time()
            infos = envs.step(actions)[4]
            total += time.process_time() - began
            steps += 1
    return steps / total


if __name__ == "__main__":
    main()
