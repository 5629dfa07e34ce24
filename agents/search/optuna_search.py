"""Optuna's samplers on the grid of architectures: TPE on the score, NSGA-II on its two parts."""

from collections.abc import Iterator
from contextlib import contextmanager

import optuna

from rlnas.agents.search.problem import Problem
from rlnas.nn.architecture import Architecture
from rlnas.tabular.grid import Grid


def tpe(problem: Problem) -> None:
    """Tree-structured Parzen estimator (Bergstra et al. 2011), with Optuna's settings.

    Every architecture is trained from scratch.

    Raises:
        BudgetSpent: the search is over.
    """
    sampler = optuna.samplers.TPESampler(seed=_seed(problem))
    with _quiet():
        study = optuna.create_study(direction="maximize", sampler=sampler)
        while True:
            trial = study.ask()
            study.tell(trial, problem.evaluate(suggest(trial, problem.grid)))


def nsga2(problem: Problem, population: int = 50) -> None:
    """NSGA-II (Deb et al. 2002): validation accuracy up, active weights down.

    The price of a weight plays no part in it. Every architecture is trained from scratch.

    Args:
        problem: what is designed.
        population: of each generation, by default Optuna's.

    Raises:
        BudgetSpent: the search is over.
    """
    archive = problem.archive
    sampler = optuna.samplers.NSGAIISampler(population_size=population, seed=_seed(problem))
    with _quiet():
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        while True:
            trial = study.ask()
            problem.evaluate(suggest(trial, problem.grid))
            study.tell(trial, (archive.accuracies[-1], archive.weights[-1]))


def suggest(trial: optuna.trial.BaseTrial, grid: Grid) -> Architecture:
    """An architecture of the grid.

    Layers beyond the depth are suggested too, and not used: samplers learn jointly, and NSGA-II
    inherits, only what all trials have.
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
def _quiet() -> Iterator[None]:
    """Optuna reports no trials, but warns; its level is restored afterwards."""
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
