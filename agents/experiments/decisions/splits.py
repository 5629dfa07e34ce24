"""The same live episodes for every method, on tasks of the family: what each reaches in them."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from rlnas.agents.experiments.decisions.judging import judge
from rlnas.agents.experiments.decisions.rules import Rule
from rlnas.agents.policies.episode import random_policy
from rlnas.agents.policies.policy import Policy, fingerprint, load_policy
from rlnas.data.dataset import Dataset
from rlnas.envs.budget.actions import BUDGET_ACTIONS
from rlnas.envs.budget.costs import FIRST_SHARE
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.family.measuring import load
from rlnas.family.tasks import Task
from rlnas.files.json_schema import NUMBER, list_of, record
from rlnas.parallel.jobs import Call, run_all

BUDGETS = (0.03, 0.1, 0.3)
PENALTIES = (0.03, 0.2, 1.0)
GIVEN = 0.5
"""Probability that an episode begins with a network."""

Row = dict[str, Any]
"""What methods reach in an episode, as `rlnas.agents.experiments.decisions.report` reads it."""


class Cell(NamedTuple):
    """What an episode may spend, in units, and what the reference number of weights costs."""

    budget: float
    penalty: float


CELLS = tuple(Cell(*each) for each in product(BUDGETS, PENALTIES))


class Method(NamedTuple):
    """What plays episodes.

    Attributes:
        key: What tells it from all others, as a JSON value.
        policy: Returns its policy for an episode with a cell and a seed.
    """

    key: Any
    policy: Callable[[Cell, int], Policy]


def learned(run: Path, sampled: bool = False) -> Method:
    """The policy in a run folder.

    Args:
        run: The folder.
        sampled: Whether actions are drawn; else the most probable ones are taken.
    """
    return Method({"policy": fingerprint(run), "sampled": sampled}, partial(_load, run, sampled))


def ruled(rules: Mapping[Cell, Rule]) -> Method:
    """A rule for each cell."""
    texts = [[*cell, str(rule)] for cell, rule in rules.items()]
    return Method({"rules": texts}, partial(_ruled, dict(rules)))


def always(rule: Rule) -> Method:
    """One rule."""
    return Method({"rule": str(rule)}, partial(_always, rule))


def chance(number: int) -> Method:
    """Random legal actions.

    Args:
        number: Others draw other actions.
    """
    return Method({"chance": number}, partial(_chance, number))


def play(
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
    episode alone: they are the same for every method, in every call. The results of a task are a
    file, so that repeating the call continues an interrupted one.

    Args:
        out: Folder for the results.
        tasks: The tasks; those of the test are refused, which are played once all is chosen.
        methods: What plays, by name.
        cells: Budgets and penalties.
        seeds: Number of episodes of each task and cell.
        given: Probability that an episode begins with a network.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with data, searched first.
        progress_bar: Show progress.

    Returns:
        For each episode: `source`, the name of the task; `kind`, `budget`, `penalty`, `seed`,
        `given`; and as `methods` what each reached: `anytime`, `end`, `test_anytime`, `test_end`
        as in `Judged`, and the number of `steps`.

    Raises:
        InputError: There are test tasks, or the data of one are not on this computer.
    """
    if any(task.split == "test" for task in tasks):
        raise InputError("tasks of the test: expected those of training or validation")
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
            "first_share": FIRST_SHARE,
        }
        arguments = (task, list(methods.values()), tuple(cells), seeds, given, data_dir)
        calls.append(Call(task.name, key, arguments, _ROWS))
    results = run_all(_play, out, calls, "task", n_jobs=jobs, progress_bar=progress_bar)
    rows = [row for result in results for row in result]
    return [{**row, "methods": dict(zip(methods, row["methods"], strict=True))} for row in rows]


def beside(*results: Sequence[Row]) -> list[Row]:
    """What several calls of `play` gave for the same episodes, all methods in one row.

    Raises:
        InputError: The episodes differ.
    """
    first, *others = results
    for rows in others:
        if [_episode(row) for row in rows] != [_episode(row) for row in first]:
            raise InputError("the results are of different episodes: expected the same tasks")
    return [
        {
            **same[0],
            "methods": {name: each for row in same for name, each in row["methods"].items()},
        }
        for same in zip(*results, strict=True)
    ]


def seed_of(task: Task, cell: Cell, number: int) -> int:
    """The seed of an episode."""
    words = [*task.name.encode(), *np.array(cell).view(np.uint32).tolist(), number]
    return int(np.random.SeedSequence(words).generate_state(1)[0] >> 1)


def kind_of(task: Task) -> str:
    """What a report calls tasks like this one."""
    return "real tables" if task.real else "generated tables"


def _play(
    task: Task,
    methods: Sequence[Method],
    cells: Sequence[Cell],
    seeds: int,
    given: float,
    data_dir: Path | None,
) -> list[Row]:
    """The rows of a task, with the results of the methods as a list."""
    torch.set_num_threads(1)
    data = _data(task, data_dir)
    rows = []
    for cell in cells:
        env = BudgetDesignEnv(data, penalty=cell.penalty, budget=cell.budget, given=given)
        for number in range(seeds):
            seed = seed_of(task, cell, number)
            found = []
            for method in methods:
                reached = judge(env, method.policy(cell, seed), seed)._asdict()
                steps = len(reached.pop("actions"))
                found.append({**reached, "steps": steps})
            env.reset(seed=seed)
            rows.append(
                {
                    "source": task.name,
                    "kind": kind_of(task),
                    **cell._asdict(),
                    "seed": seed,
                    "given": env.state.started,
                    "methods": found,
                }
            )
    return rows


_REACHED = record(anytime=NUMBER, end=NUMBER, test_anytime=NUMBER, test_end=NUMBER, steps=NUMBER)
_ROWS = list_of(
    record(
        source={"type": "string"},
        kind={"type": "string"},
        budget=NUMBER,
        penalty=NUMBER,
        seed=NUMBER,
        given={"type": "boolean"},
        methods=list_of(_REACHED),
    )
)


def _episode(row: Row) -> list[Any]:
    return [value for name, value in row.items() if name != "methods"]


@lru_cache(maxsize=64)
def _data(task: Task, data_dir: Path | None) -> Dataset:
    return load(task, 0, data_dir)


@lru_cache(maxsize=1)
def _policy(run: Path) -> Policy:
    return load_policy(run)


def _load(run: Path, sampled: bool, cell: Cell, seed: int) -> Policy:
    return load_policy(run, np.random.default_rng(seed)) if sampled else _policy(run)


def _ruled(rules: Mapping[Cell, Rule], cell: Cell, seed: int) -> Policy:
    return rules[cell].policy()


def _always(rule: Rule, cell: Cell, seed: int) -> Policy:
    return rule.policy()


def _chance(number: int, cell: Cell, seed: int) -> Policy:
    return random_policy(seed + number)
