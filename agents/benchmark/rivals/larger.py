"""Searches, and PPO from scratch, with larger budgets than a policy has: how good they end."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import Episode
from rlnas.agents.benchmark.protocol import Protocol, oracle_gains
from rlnas.agents.benchmark.rivals.scratch import learn_from_scratch
from rlnas.agents.benchmark.rivals.searches import SEARCHES, search
from rlnas.agents.benchmark.scores import normalised
from rlnas.family.family_file import Family
from rlnas.files.json_schema import NUMBER, list_of
from rlnas.files.reading import sha256_of
from rlnas.parallel.jobs import Call, run_all

SCRATCH = "PPO from scratch"

TIMES = (10, 100)
"""How many times the budget of an episode they have."""

SLOW = {"TPE": (10,)}
"""What takes long with more."""


def measure_larger(
    family: Family,
    folder: Path,
    protocol: Protocol,
    seed: int = 0,
    n_jobs: int = -1,
    progress_bar: bool = True,
) -> dict[str, NDArray[np.float64]]:
    """Scores of the last designs, with the first seed of results alone, since it takes long.

    Args:
        family: The tables.
        folder: Gets a file for each; those whose files are there are read.
        protocol: The rules, but for the budget.
        seed: Seed of what is random.
        n_jobs: Number of workers; -1 for one per processor.
        progress_bar: Whether to show a progress bar.

    Returns:
        Scores by name, float64 `[tasks, 1]`.

    Raises:
        InputError: If a file in the folder is damaged.
    """
    n_tasks = len(protocol.tables(family))
    about = {"family": sha256_of(family.path), "protocol": protocol.as_json(), "seed": seed}
    which = [
        (name, times) for name in (SCRATCH, *reversed(SEARCHES)) for times in SLOW.get(name, TIMES)
    ]
    calls = [
        Call(
            f"{name}-{times}",
            {"name": name, "times": times, **about},
            (family.path, protocol, name, times, seed),
            list_of(NUMBER, n_tasks),
        )
        for name, times in which
    ]
    found = run_all(_measure, folder, calls, "searches with larger budgets", n_jobs, progress_bar)
    return {
        f"{name}, {times} times the budget": np.array(scores)[:, None]
        for (name, times), scores in zip(which, found, strict=True)
    }


def _measure(path: Path, protocol: Protocol, name: str, times: int, seed: int) -> list[float]:
    """Scores of the last designs, one for each task."""
    family = Family(path)
    tables = protocol.tables(family)
    every = protocol.episodes([table.task.name for table in tables])
    _, oracle = oracle_gains(tables, every, protocol.episode_steps)
    some: list[Episode] = [each for each in every if each.seed == 0]
    if name == SCRATCH:
        gains = learn_from_scratch(family, some, times, seed)
    else:
        gains = search(tables, some, SEARCHES[name], times, seed).final
    shape = (len(tables), 1, len(protocol.penalties), len(protocol.budgets))
    scores = normalised(gains.reshape(shape), protocol.shaped(oracle), protocol.least_gain)
    found: list[Any] = scores[:, 0].tolist()
    return found
