"""Comparison of search strategies on the same problem, with the same budget and the same seeds."""

from dataclasses import asdict, replace
from importlib import import_module
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from rlnas.agents.experiments.search_task import SearchTask, strategy
from rlnas.agents.search.episodes.budget import first_cost
from rlnas.agents.search.history import SearchHistory
from rlnas.agents.search.problem import search
from rlnas.data.dataset import Dataset
from rlnas.envs.budget.episode import constant_prediction, share_left
from rlnas.errors import InputError
from rlnas.files.json_files import write_json
from rlnas.files.json_schema import NUMBER, POSITIVE, SHARE, Schema, list_of, record
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import evaluate
from rlnas.parallel.jobs import Call, own_folder, run_all
from rlnas.scoring import reference_weights, score
from rlnas.validation import check_count, check_jobs

Result = dict[str, Any]
"""The result of one search; `run` describes its keys."""

POINTS = 60
"""Number of points in a curve of the best score against the budget."""


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
    task.check_methods(methods)
    _check_extras(methods)
    n_jobs = check_jobs(n_jobs)
    n_seeds = check_count("seeds", n_seeds)
    task = replace(task, fingerprint=task.load().fingerprint)
    task.problem(0)  # raises for unusable settings before anything is written
    key = {
        "data_sha256": task.fingerprint,
        "tabular": task.tabular,
        "penalty": task.penalty,
        "budget": task.budget,
        "episode_budget": task.episode_budget,
    }
    own_folder(out, {"name": task.name, **key})
    everything = list(product(dict.fromkeys(methods), range(n_seeds)))
    calls = [
        Call(
            f"{method}-{seed}",
            {**key, "method": method, "seed": seed},
            (task, method, seed),
            _form(task),
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


def _form(task: SearchTask) -> Schema:
    """The schema of a result."""
    scores = {"score", "test_score", task.judged_by} | ({"regret"} if task.tabular else set())
    return record(
        **dict.fromkeys(("active_weights", "evaluations", "seconds"), POSITIVE),
        **dict.fromkeys(("test_accuracy", "hypervolume"), SHARE),
        **dict.fromkeys(scores, NUMBER),
        curve=list_of(NUMBER, POINTS),
    )


def run(task: SearchTask, method: str, seed: int) -> Result:
    """Run one search.

    Returns:
        `curve`: float `[POINTS]`, the best score after spending each of `budgets`.
        `anytime`: If episodes have a budget, the anytime score of the whole search, as if it were
            one episode: the mean of the best score so far over the logarithm of the cost.
        `score`, `active_weights`, `test_accuracy`: Results of the design with the best score.
        `test_score`: The score of that design, computed from its test accuracy.
        `regret`: For tables only, its regret by mean validation accuracy.
        `hypervolume`: The hypervolume of all designs.
        `evaluations`: Number of evaluated designs.
        `seconds`: Duration of the search.
    """
    torch.set_num_threads(1)
    began = perf_counter()
    problem = task.problem(seed)
    history = search(strategy(method), problem)
    facts, reference = _facts_of_best(task, history)
    before = history.scores[0]
    if problem.budget_env is not None:
        before = constant_prediction(problem.budget_env.datasets[0], task.penalty).score
        first = first_cost(problem.budget_env, problem.budget)
        facts["anytime"] = anytime_score(history, problem.budget, first, before)
    places = budgets(task.budget) * (problem.budget / task.budget)
    return {
        **facts,
        "score": history.best_score,
        "hypervolume": hypervolume(history, reference),
        "evaluations": len(history.evaluations),
        "seconds": perf_counter() - began,
        "curve": best_so_far(history, problem.budget, places, before).tolist(),
    }


def budgets(budget: int) -> np.ndarray:
    """The budgets at which a curve is sampled, float64 `[POINTS]`.

    They are spaced logarithmically from a hundredth of the budget to the whole budget.
    """
    return np.geomspace(budget / 100, budget, POINTS)


def best_so_far(
    history: SearchHistory, budget: int, places: np.ndarray, before: float
) -> np.ndarray:
    """The best score after spending each of several budgets, float64 `[n]`.

    Args:
        history: History of a search.
        budget: Budget of the search; the last evaluation may have exceeded it.
        places: Budgets at which the best score is read, float64 `[n]`.
        before: The best score before the first evaluation is complete.
    """
    best = np.maximum.accumulate([before, *history.scores])
    paid = [min(each.cumulative_cost, budget) for each in history.evaluations]
    return best[np.searchsorted(paid, places, side="right")]


def anytime_score(history: SearchHistory, budget: int, first: int, before: float) -> float:
    """The mean of the best score so far over the logarithm of the cost, from `first` to `budget`.

    Args:
        history: History of a search.
        budget: Budget of the search, in multiply-adds.
        first: Multiply-adds at which the score begins to count.
        before: The best score before the first evaluation.
    """
    best = anytime = before
    for each in history.evaluations:
        if each.score > best:
            anytime += (each.score - best) * share_left(each.cumulative_cost, first, budget)
            best = each.score
    return anytime


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
        reference = reference_weights(data.n_features, data.n_outputs)
        accuracy, weights = evaluate(best, data, data.test).metric, float(best.active_weights)
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
