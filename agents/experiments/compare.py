"""The comparison of search strategies: the same problem, budget and seeds for all."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
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
"""Where each search strategy is; imported when it is used, since some need extras."""

LIVE_ONLY = ("shipped_controller", "evolved_designs", "shipped_edit_sequence")
"""Strategies that were trained in live environments, and cannot read what tables show."""

Result = dict[str, Any]
"""What `run` returns."""

POINTS = 60
"""Of a curve of the best score against the budget."""


@dataclass(frozen=True)
class SearchTask(PlainIntegers):
    """What is searched.

    Attributes:
        name: a data set, or a table if `tabular`.
        tabular: look designs up instead of training them.
        penalty: what the reference number of weights costs, in accuracy.
        budget: training batches; look-ups if tabular.
        data_dir: where IDX files are looked for.
        fingerprint: of the data set or table, if it may not be another one.
    """

    name: str
    tabular: bool
    penalty: float
    budget: int
    data_dir: str | None = None
    fingerprint: str | None = None

    def load(self) -> Dataset | Table:
        """The data set or the table.

        Raises:
            InputError: it cannot be loaded, or is another one by now.
        """
        found: Dataset | Table
        if self.tabular:
            found = Table.load(self.name)
        else:
            found = datasets.load_dataset(self.name, data_dir=self.data_dir)
        if self.fingerprint not in (None, found.fingerprint):
            raise InputError(f"{self.name} was changed in the meantime: compare again")
        return found

    @property
    def methods(self) -> tuple[str, ...]:
        """Keys of `METHODS` that can search it."""
        return tuple(name for name in METHODS if not (self.tabular and name in LIVE_ONLY))

    def problem(self, seed: int) -> Problem:
        """The problem that a strategy searches with a seed."""
        kind: Callable[..., DesignEnv | TabularEnv] = TabularEnv if self.tabular else DesignEnv
        return Problem(partial(kind, self.load(), penalty=self.penalty), self.budget, seed)

    @property
    def form(self) -> Schema:
        """Of a result."""
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
    """Let every method search with every seed.

    Each result is a file in `out / "runs"`, so that the same call again goes on where the last one
    ended; `out / "results.json"` holds all. The work runs in joblib's current backend.

    Args:
        task: what is searched.
        out: folder for the results.
        methods: keys of `METHODS`; by default all that can search the task.
        n_seeds: from 0.
        n_jobs: workers; -1 for as many as there are processors.
        progress_bar: show one.

    Returns:
        For each method, the result of each seed.

    Raises:
        InputError: a method or the task is unknown, or the folder is another task's or cannot be
            written to, or a result in it is damaged. A file of other content under the name of the
            same data set or table makes it another task.
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
    task.problem(0)  # refuses what cannot be searched before anything is written
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
    """Raise `InputError` if a library that is needed is not installed."""
    try:
        import_module("moocore")
        for method in methods:
            strategy(method)
    except ModuleNotFoundError as error:
        raise InputError(
            f"{error.name} is not installed: install it with pip install 'rlnas[compare]'"
        ) from error


def strategy(method: str) -> Strategy:
    """The function of a method's name."""
    module, function = METHODS[method].split(":")
    search: Strategy = getattr(import_module(module), function)
    return search


def run(task: SearchTask, method: str, seed: int) -> Result:
    """One search.

    Returns:
        `curve`, float `[POINTS]`, the best score when each of `budgets` was spent. Of the design
        with the best score: `score`, `active_weights`, `test_accuracy`, `test_score`, in which
        that stands in for validation accuracy, and in a table `regret`, by mean validation
        accuracy. `hypervolume` of all designs, the number of `evaluations`, and `seconds`.
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
    """float64 `[POINTS]`: the places of a curve, from a hundredth of the budget on."""
    return np.geomspace(budget / 100, budget, POINTS)


def best_so_far(history: SearchHistory, budget: int, places: np.ndarray) -> np.ndarray:
    """The best score when each of some budgets was spent; at first, the first score.

    Args:
        history: of a search.
        budget: of the search; the last evaluation may have cost more.
        places: float64 `[n]`.
    """
    best = np.maximum.accumulate(history.scores)
    paid = [min(each.cumulative_cost, budget) for each in history.evaluations]
    return best[np.maximum(np.searchsorted(paid, places, side="right") - 1, 0)]


def hypervolume(history: SearchHistory, reference: int) -> float:
    """Area that the designs dominate of validation error against relative weights, both up to 1.

    Args:
        history: of a search.
        reference: the weights that count as 1.
    """
    from moocore import hypervolume as area

    points = [(1 - each.accuracy, each.weights / reference) for each in history.evaluations]
    return float(area(np.array(points), ref=[1.0, 1.0]))


def _facts_of_best(task: SearchTask, history: SearchHistory) -> tuple[dict[str, float], int]:
    """What the history does not hold of its best design, and the task's reference weights."""
    best = history.best
    assert best is not None  # a search evaluates something
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
