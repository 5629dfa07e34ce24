"""The same live episodes for every method, on tasks of the family: what each reaches in them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from rlnas.agents.experiments.decisions.judging import Improvement, Played, judged
from rlnas.agents.experiments.decisions.methods import Method
from rlnas.data.dataset import Dataset
from rlnas.envs.budget.actions import BUDGET_ACTIONS
from rlnas.envs.budget.costs import FIRST_SHARE
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.budget.observations import BUDGET_OBSERVATION_NAMES
from rlnas.family.measuring import load
from rlnas.family.tasks import Task
from rlnas.files.json_schema import NUMBER, list_of, record
from rlnas.parallel.jobs import Call, run_all

BUDGETS = (0.03, 0.1, 0.3)
PENALTIES = (0.03, 0.2, 1.0)
GIVEN = 0.5
"""Probability that an episode begins with a network."""

Row = dict[str, Any]
"""An episode: `source`, the name of the task; `kind`; `budget`, in units, and `multiply_adds`;
`penalty`, `seed`, `given`; and `methods`, what each reached: a record with the numbers of `Judged`,
`steps`, the number of steps, and `played`, the episode."""


class Cell(NamedTuple):
    """What an episode may spend, in units, and what the reference number of weights costs."""

    budget: float
    penalty: float


CELLS = tuple(Cell(*each) for each in product(BUDGETS, PENALTIES))


def play_all(
    out: Path,
    tasks: Sequence[Task],
    methods: Mapping[str, Method],
    *,
    cells: Sequence[Cell] = CELLS,
    seeds: int = 1,
    given: float = GIVEN,
    jobs: int = 1,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> list[Row]:
    """Play the episodes of some tasks with every method.

    What is given and the order of the samples depend on the task, the cell and the number of the
    episode alone: they are the same for every method, in every call. The results of a task
    are a file, so that repeating the call continues an interrupted one.

    Args:
        out: Folder for the results.
        tasks: The tasks.
        methods: What plays, by name.
        cells: Budgets and penalties.
        seeds: Number of episodes of each task and cell.
        given: Probability that an episode begins with a network.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with data, searched first.
        progress_bar: Show progress.

    Returns:
        A row for each episode.

    Raises:
        InputError: The data of a task are not on this computer.
    """
    calls = []
    for task in tasks:
        key = {
            "task": repr(task),
            "data": _data(task, data_dir).fingerprint,
            "methods": [method.key for method in methods.values()],
            "cells": [list(cell) for cell in cells],
            "seeds": seeds,
            "given": given,
            "actions": [str(action) for action in BUDGET_ACTIONS],
            "observations": BUDGET_OBSERVATION_NAMES,
            "first_share": FIRST_SHARE,
        }
        arguments = (task, list(methods.values()), tuple(cells), seeds, given, data_dir)
        calls.append(Call(task.name, key, arguments, _ROWS))
    results = run_all(_play, out, calls, "task", n_jobs=jobs, progress_bar=progress_bar)
    return [
        {
            "source": task.name,
            "kind": kind_of(task),
            **row,
            "methods": dict(zip(methods, map(_reached, row["methods"]), strict=True)),
        }
        for task, rows in zip(tasks, results, strict=True)
        for row in rows
    ]


def beside(*results: Sequence[Row]) -> list[Row]:
    """The episodes that several calls of `play_all` have in common, all methods in one row."""
    others = [{_episode(row): row["methods"] for row in rows} for rows in results[1:]]
    found = []
    for row in results[0]:
        same = [row["methods"], *(some[_episode(row)] for some in others if _episode(row) in some)]
        if len(same) == len(results):
            methods = {name: each for some in same for name, each in some.items()}
            found.append({**row, "methods": methods})
    return found


def seed_of(task: Task, cell: Cell, number: int) -> int:
    """The seed of an episode."""
    words = [*task.name.encode(), *np.array(cell).view(np.uint32).tolist(), number]
    return int(np.random.SeedSequence(words).generate_state(1)[0] >> 1)


def kind_of(task: Task) -> str:
    """What a report calls tasks like this one."""
    if task.axis == "image":
        return "images"
    return "real tables" if task.real else "generated tables"


def _play(
    task: Task,
    methods: Sequence[Method],
    cells: Sequence[Cell],
    seeds: int,
    given: float,
    data_dir: Path | None,
) -> list[dict[str, Any]]:
    """The episodes of a task, with those that the methods play as a list."""
    torch.set_num_threads(1)
    data, rows = _data(task, data_dir), []
    for cell in cells:
        env = BudgetDesignEnv(data, penalty=cell.penalty, budget=cell.budget, given=given)
        for number in range(seeds):
            seed = seed_of(task, cell, number)
            env.reset(seed=seed)
            begins = {"given": env.state.started, "multiply_adds": env.state.budget}
            played = [method.play(env, seed)._asdict() for method in methods]
            rows.append({**cell._asdict(), "seed": seed, **begins, "methods": played})
    return rows


def _reached(found: dict[str, Any]) -> dict[str, Any]:
    """What a method reached, from an episode of a file."""
    improvements = tuple(Improvement(*each) for each in found["improvements"])
    played = Played(improvements, found["first"], found["budget"], tuple(found["actions"]))
    return {**judged(played)._asdict(), "steps": len(played.actions), "played": played}


def _episode(row: Row) -> tuple[Any, ...]:
    return row["source"], row["budget"], row["penalty"], row["seed"], row["given"]


_NUMBERS = list_of(NUMBER)
_ROWS = list_of(
    record(
        budget=NUMBER,
        penalty=NUMBER,
        seed=NUMBER,
        given={"type": "boolean"},
        multiply_adds=NUMBER,
        methods=list_of(
            record(improvements=list_of(_NUMBERS), first=NUMBER, budget=NUMBER, actions=_NUMBERS)
        ),
    )
)


@lru_cache(maxsize=16)
def _data(task: Task, data_dir: Path | None) -> Dataset:
    return load(task, 0, data_dir)
