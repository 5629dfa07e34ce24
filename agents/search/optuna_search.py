"""Optuna's samplers on the grid of architectures: TPE on the score, NSGA-II on its two terms."""

from collections.abc import Iterator
from contextlib import contextmanager

import optuna

from rlnas.agents.search.problem import Problem
from rlnas.nn.architecture import Architecture
from rlnas.tabular.grid import Grid


def tpe(problem: Problem) -> None:
    """Search with the tree-structured Parzen estimator, in Optuna's settings.

    Bergstra et al. 2011, "Algorithms for hyper-parameter optimization". Every architecture is
    trained from scratch, there are no edits.

    Raises:
        BudgetSpent: the search is over.
    """
    sampler = optuna.samplers.TPESampler(seed=_seed(problem))
    with warnings_only():
        study = optuna.create_study(direction="maximize", sampler=sampler)
        while True:
            trial = study.ask()
            study.tell(trial, problem.evaluate(suggest(trial, problem.grid)))


def nsga2(problem: Problem, population_size: int = 50) -> None:
    """Search for both high validation accuracy and few active weights with NSGA-II.

    Deb et al. 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II". The penalty of
    the problem has no influence on the search. Every architecture is trained from scratch, there
    are no edits.

    Args:
        problem: what is searched.
        population_size: architectures in a generation, by default Optuna's.

    Raises:
        BudgetSpent: the search is over.
    """
    sampler = optuna.samplers.NSGAIISampler(population_size=population_size, seed=_seed(problem))
    with warnings_only():
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        while True:
            trial = study.ask()
            problem.evaluate(suggest(trial, problem.grid))
            latest = problem.history.evaluations[-1]
            study.tell(trial, (latest.accuracy, latest.weights))


def suggest(trial: optuna.trial.BaseTrial, grid: Grid) -> Architecture:
    """An architecture of the grid.

    Layers beyond the depth are suggested too, but not used: TPE models jointly, and NSGA-II
    inherits, only parameters that all trials have.
    """
    depth = trial.suggest_int("depth", 0, grid.max_depth)
    layers = []
    for layer in range(1, grid.max_depth + 1):
        width = trial.suggest_int(f"width_{layer}", 0, len(grid.widths) - 1)
        density = trial.suggest_int(f"density_{layer}", 0, len(grid.densities) - 1)
        layers.append((grid.widths[width], grid.densities[density]))
    return tuple(layers[:depth])


def _seed(problem: Problem) -> int:
    return int(problem.rng.integers(2**31))


@contextmanager
def warnings_only() -> Iterator[None]:
    """Let Optuna log warnings, but not every trial; restores its level afterwards."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
