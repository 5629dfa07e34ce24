"""Fitting rivals: for each penalty and budget of a protocol, the best on training tasks."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from joblib import Parallel, delayed

from rlnas.agents.benchmark.playing import Episode, Player
from rlnas.agents.benchmark.protocol import Protocol, oracle_gains
from rlnas.agents.benchmark.rivals.cells import CellPlayer
from rlnas.agents.benchmark.rivals.fitted import Choices, Fitted
from rlnas.agents.benchmark.rivals.rules import SequencePlayer
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

Found = TypeVar("Found")


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
    choices = _for_each(choose, cells_of(family, protocol), seed, n_jobs, progress_bar)
    return Fitted(sha256_of(family.path), len(tables), seed, tuple(choices))


def greedy_sequences(family: Family, *, n_jobs: int = 1, progress_bar: bool = True) -> Player:
    """A player with a sequence of actions for each penalty and budget of the benchmark.

    Each action is the one that adds most on the training tasks; no mutants of the sequences are
    tried, so that it takes half a minute of one processor.

    Args:
        family: The tables.
        n_jobs: As in `fit_rivals`.
        progress_bar: Whether to show a progress bar.

    Raises:
        InputError: The family does not fit the protocol.
    """
    cells = cells_of(family, Protocol("train"))
    sequences = _for_each(_greedy_sequence, cells, 0, n_jobs, progress_bar)
    prices = [(cell.episodes[0].penalty, cell.episodes[0].budget) for cell in cells]
    return CellPlayer(prices, sequences, SequencePlayer)


def _greedy_sequence(cell: Cell, seed: tuple[int, ...]) -> tuple[int, ...]:
    return best_sequence(cell, np.random.default_rng(seed), rounds=0)


def _for_each(
    function: Callable[[Cell, tuple[int, ...]], Found],
    cells: Sequence[Cell],
    seed: int,
    n_jobs: int,
    progress_bar: bool,
) -> list[Found]:
    """What a function of the episodes and a seed returns for each penalty and budget."""
    calls = [delayed(function)(cell, (seed, place)) for place, cell in enumerate(cells)]
    run = Parallel(check_jobs(n_jobs), return_as="generator")
    found = []
    with progress(progress_bar, total=len(calls), unit="cells") as bar:
        for each in run(calls):
            found.append(each)
            bar.update()
    return found


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
