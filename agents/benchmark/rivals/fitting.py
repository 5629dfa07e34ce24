"""Fitting rivals: for each penalty and budget of a protocol, the best on training tasks."""

from collections.abc import Sequence

import numpy as np
from joblib import Parallel, delayed

from rlnas.agents.benchmark.playing import Episode
from rlnas.agents.benchmark.protocol import Protocol, oracle_gains
from rlnas.agents.benchmark.rivals.fitted import Choices, Fitted
from rlnas.agents.benchmark.rivals.searching_rules import (
    Cell,
    best_constant,
    best_pruning,
    best_sequence,
    best_threshold,
    greedy_designs,
)
from rlnas.family.family_file import Family
from rlnas.files.reading import sha256_of
from rlnas.progress import progress
from rlnas.validation import check_jobs, whole


def fit_rivals(
    family: Family,
    protocol: Protocol | None = None,
    seed: int = 0,
    *,
    n_jobs: int = 1,
    progress_bar: bool = True,
) -> Fitted:
    """Choose rules, sequences and lists of designs on training tasks.

    Each task counts as in the score of the benchmark: gains are divided by those of the oracle.

    Args:
        family: The tables.
        protocol: The penalties, budgets and tasks; by default those of the benchmark, on the
            training tasks.
        seed: Seed of the searches.
        n_jobs: Number of workers, one for each penalty and budget; -1 for one per processor.
        progress_bar: Whether to show a progress bar.

    Raises:
        InputError: The family does not fit the protocol.
    """
    protocol = protocol or Protocol("train")
    whole("seed", seed, 0)
    tables = protocol.tables(family)
    cells = cells_of(family, protocol)
    calls = [delayed(choose)(cell, (seed, place)) for place, cell in enumerate(cells)]
    run = Parallel(check_jobs(n_jobs), return_as="generator")
    with progress(progress_bar, total=len(calls), unit="cells") as bar:
        choices = []
        for each in run(calls):
            choices.append(each)
            bar.update()
    return Fitted(sha256_of(family.path), len(tables), seed, tuple(choices))


def cells_of(family: Family, protocol: Protocol) -> list[Cell]:
    """The episodes of each penalty and budget, penalty by penalty."""
    tables = protocol.tables(family)
    episodes = protocol.episodes([table.task.name for table in tables])
    best, _ = oracle_gains(tables, episodes, protocol.episode_steps)
    reachable = protocol.shaped(best).mean(axis=(1, 2, 3))
    weights = np.repeat(1 / np.maximum(reachable, protocol.least_gain), protocol.n_seeds)
    found = []
    for penalty in protocol.penalties:
        for budget in protocol.budgets:
            some: Sequence[Episode] = [
                each for each in episodes if (each.penalty, each.budget) == (penalty, budget)
            ]
            found.append(Cell(tables, some, weights / len(some)))
    return found


def choose(cell: Cell, seed: tuple[int, ...]) -> Choices:
    """Everything that is chosen for a penalty and a budget.

    Args:
        cell: The episodes.
        seed: Seed of the searches.
    """
    rng = np.random.default_rng(seed)
    first = cell.episodes[0]
    constant = best_constant(cell)
    return Choices(
        first.penalty,
        first.budget,
        constant,
        best_threshold(cell, constant, rng),
        best_sequence(cell, rng),
        greedy_designs(cell),
        best_pruning(cell),
    )
