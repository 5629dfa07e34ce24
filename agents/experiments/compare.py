"""Comparison of search strategies on the same problem, with the same budget and the same seeds."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from rlnas.agents.search.history import SearchHistory
from rlnas.agents.search.problem import Problem, Strategy, search
from rlnas.columns.options import TableOptions, TableRecord
from rlnas.data import datasets
from rlnas.data.datasets import Dataset
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.tabular_env import TabularEnv
from rlnas.errors import InputError
from rlnas.files.json_files import write_json
from rlnas.files.json_schema import NUMBER, POSITIVE, SHARE, Schema, list_of, record
from rlnas.jobs import Call, own_folder, run_all
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import evaluate
from rlnas.scoring import reference_weights, score
from rlnas.tabular.table import Table
from rlnas.validation import PlainIntegers, check_choice, check_count

CONTROLLER = "controller"

METHODS = {
    CONTROLLER: "rlnas.agents.search.ppo_search:ppo_search",
    "shipped_controller": "rlnas.agents.search.pretrained:shipped_controller",
    "evolved_designs": "rlnas.agents.search.pretrained:evolved_designs",
    "shipped_edit_sequence": "rlnas.agents.search.pretrained:shipped_edit_sequence",
    "random": "rlnas.agents.search.random_search:random_search",
    "random_from_best": "rlnas.agents.search.random_search:random_from_best",
    "hill_climbing": "rlnas.agents.search.hill_climbing:hill_climbing",
    "reinforce": "rlnas.agents.search.recurrent.reinforce:reinforce",
    "recurrent_ppo": "rlnas.agents.search.recurrent.ppo:recurrent_ppo",
    "metaqnn": "rlnas.agents.search.metaqnn:metaqnn",
    "tournament_evolution": "rlnas.agents.search.tournament_evolution:tournament_evolution",
    "aging_evolution": "rlnas.agents.search.aging_evolution:aging_evolution",
    "cartesian_programming": "rlnas.agents.search.cartesian_programming:cartesian_programming",
    "tpe": "rlnas.agents.search.optuna_search:tpe",
    "nsga2": "rlnas.agents.search.optuna_search:nsga2",
}
"""Module and function of each search strategy; imported on use, since some need extras."""

LIVE_ONLY = ("shipped_controller", "evolved_designs", "shipped_edit_sequence")
"""Strategies that were trained in live environments and cannot read the observations of tables."""

Result = dict[str, Any]
"""The result of one search; `run` describes its keys."""

POINTS = 60
"""Number of points in a curve of the best score against the budget."""


@dataclass(frozen=True)
class SearchTask(PlainIntegers):
    """A search problem and its budget.

    Attributes:
        name: Name of a data set, or of a table if `tabular`.
        tabular: Whether designs are looked up in a table instead of being trained.
        penalty: Price of the reference number of weights, in accuracy.
        budget: Number of training batches, or of look-ups if `tabular`.
        data_dir: Folder with IDX files, searched first.
        fingerprint: Fingerprint that the data set or table must have; None accepts any.
        columns: What is said about the columns of a table of samples, see
            `rlnas.columns.options.TableOptions.as_json`.
    """

    name: str
    tabular: bool
    penalty: float
    budget: int
    data_dir: str | None = None
    fingerprint: str | None = None
    columns: TableRecord = field(default_factory=TableRecord)

    def load(self) -> Dataset | Table:
        """Load the data set or the table.

        Raises:
            InputError: It cannot be loaded, or its content has changed.
        """
        found: Dataset | Table
        if self.tabular:
            found = Table.load(self.name)
        else:
            options = TableOptions.from_json(self.columns)
            found = datasets.load_dataset(self.name, data_dir=self.data_dir, **vars(options))
        if self.fingerprint not in (None, found.fingerprint):
            raise InputError(f"{self.name} was changed in the meantime: compare again")
        return found

    @property
    def methods(self) -> tuple[str, ...]:
        """Keys of the `METHODS` that can search this task."""
        return tuple(name for name in METHODS if not (self.tabular and name in LIVE_ONLY))

    def problem(self, seed: int) -> Problem:
        """The problem that a strategy searches with the given seed."""
        kind: Callable[..., DesignEnv | TabularEnv] = TabularEnv if self.tabular else DesignEnv
        return Problem(partial(kind, self.load(), penalty=self.penalty), self.budget, seed)

    @property
    def form(self) -> Schema:
        """The schema of a result."""
        return record(
            **dict.fromkeys(("active_weights", "evaluations", "seconds"), POSITIVE),
            **dict.fromkeys(("test_accuracy", "hypervolume"), SHARE),
            **dict.fromkeys(("score", "test_score"), NUMBER),
            **({"regret": NUMBER} if self.tabular else {}),
            curve=list_of(NUMBER, POINTS),
        )


def compare(
    task: SearchTask,
    out: Path,
    methods: tuple[str, ...] | None = None,
    n_seeds: int = 10,
    n_jobs: int = -1,
    progress_bar: bool = True,
) -> dict[str, list[Result]]:
    """Run every method with every seed.

    Each result is a file in `out / "runs"`, so that repeating the call continues an interrupted
    comparison; `out / "results.json"` holds all results. The work runs in joblib's current backend.

    Args:
        task: The search problem and its budget.
        out: Folder for the results.
        methods: Keys of `METHODS`; by default all methods that can search the task.
        n_seeds: Number of seeds, counted from 0.
        n_jobs: Number of workers; -1 for one per processor.
        progress_bar: Show progress.

    Returns:
        The results of each method, one for each seed.

    Raises:
        InputError: A method or the task is unknown, the folder belongs to another task or cannot
            be written to, or a result in it is damaged. A data set or table with the same name but
            different content is another task.
    """
    methods = task.methods if methods is None else methods
    for method in methods or [None]:
        check_choice("method", method, tuple(METHODS))
        if method not in task.methods:
            raise InputError(
                f"{method} reads the observations of live environments: leave it out, or search a "
                "data set instead of a table"
            )
    _check_extras(methods)
    if n_jobs == 0:
        raise InputError("jobs 0 cannot be used: expected how many, or -1 for all processors")
    n_seeds = check_count("seeds", n_seeds)
    check_count("budget", task.budget)
    task = replace(task, fingerprint=task.load().fingerprint)
    task.problem(0)  # raises for unusable settings before anything is written
    key = {
        "data_sha256": task.fingerprint,
        "tabular": task.tabular,
        "penalty": task.penalty,
        "budget": task.budget,
    }
    own_folder(out, {"name": task.name, **key})
    everything = list(product(dict.fromkeys(methods), range(n_seeds)))
    calls = [
        Call(
            f"{method}-{seed}",
            {**key, "method": method, "seed": seed},
            (task, method, seed),
            task.form,
        )
        for method, seed in everything
    ]
    results: dict[str, list[Result]] = {}
    found = run_all(run, out / "runs", calls, "search", n_jobs, progress_bar)
    for (method, _), result in zip(everything, found, strict=True):
        results.setdefault(method, []).append(result)
    write_json(out / "results.json", {"task": asdict(task), "results": results})
    return results


def _check_extras(methods: tuple[str, ...]) -> None:
    """Raise `InputError` if a required library is not installed."""
    try:
        import_module("moocore")
        for method in methods:
            strategy(method)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed: install it with pip install 'rlnas[compare]'"
        ) from error


def strategy(method: str) -> Strategy:
    """Import the search function of a method."""
    module, function = METHODS[method].split(":")
    search: Strategy = getattr(import_module(module), function)
    return search


def run(task: SearchTask, method: str, seed: int) -> Result:
    """Run one search.

    Returns:
        `curve`: float `[POINTS]`, the best score after spending each of `budgets`.
        `score`, `active_weights`, `test_accuracy`: Results of the design with the best score.
        `test_score`: The score of that design, computed from its test accuracy.
        `regret`: For tables only, its regret by mean validation accuracy.
        `hypervolume`: The hypervolume of all designs.
        `evaluations`: Number of evaluated designs.
        `seconds`: Duration of the search.
    """
    torch.set_num_threads(1)
    began = perf_counter()
    history = search(strategy(method), task.problem(seed))
    facts, reference = _facts_of_best(task, history)
    return {
        **facts,
        "score": history.best_score,
        "hypervolume": hypervolume(history, reference),
        "evaluations": len(history.evaluations),
        "seconds": perf_counter() - began,
        "curve": best_so_far(history, task.budget, budgets(task.budget)).tolist(),
    }


def budgets(budget: int) -> np.ndarray:
    """The budgets at which a curve is sampled, float64 `[POINTS]`.

    They are spaced logarithmically from a hundredth of the budget to the whole budget.
    """
    return np.geomspace(budget / 100, budget, POINTS)


def best_so_far(history: SearchHistory, budget: int, places: np.ndarray) -> np.ndarray:
    """The best score after spending each of several budgets, float64 `[n]`.

    Before the first evaluation is complete, this is the first score.

    Args:
        history: History of a search.
        budget: Budget of the search; the last evaluation may have exceeded it.
        places: Budgets at which the best score is read, float64 `[n]`.
    """
    best = np.maximum.accumulate(history.scores)
    paid = [min(each.cumulative_cost, budget) for each in history.evaluations]
    return best[np.maximum(np.searchsorted(paid, places, side="right") - 1, 0)]


def hypervolume(history: SearchHistory, reference: int) -> float:
    """The area dominated by the designs, with validation error and relative weights as axes.

    Both axes end at 1.

    Args:
        history: History of a search.
        reference: Number of weights that counts as 1.
    """
    from moocore import hypervolume as area

    points = [(1 - each.accuracy, each.weights / reference) for each in history.evaluations]
    return float(area(np.array(points), ref=[1.0, 1.0]))


def _facts_of_best(task: SearchTask, history: SearchHistory) -> tuple[dict[str, float], int]:
    """Facts of the best design that its history lacks, and the task's reference weights."""
    best = history.best
    assert best is not None  # a search evaluates at least one design
    data = task.load()
    if isinstance(data, Dataset):
        assert isinstance(best, SparseNetwork)
        reference = reference_weights(data.n_features, data.n_classes)
        accuracy, weights = evaluate(best, data, data.test).accuracy, float(best.active_weights)
        regret = {}
    else:
        assert not isinstance(best, SparseNetwork)
        looked_up, reference = data.query(best), data.reference
        accuracy, weights = looked_up.test_accuracy, looked_up.active_weights
        found = score(looked_up.val_accuracy, weights, task.penalty, reference)
        regret = {"regret": data.optimum(task.penalty)[1] - found}
    facts = {
        "active_weights": weights,
        "test_accuracy": accuracy,
        "test_score": score(accuracy, weights, task.penalty, reference),
    }
    return facts | regret, reference
