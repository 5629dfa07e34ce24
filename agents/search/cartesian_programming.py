"""Cartesian genetic programming: a (1 + lambda) evolution of graphs that express edit sequences."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from rlnas.agents.search.problem import Problem

ACTION, SOURCE = range(2)
"""Rows of a genotype.

A genotype is int64 `[2, nodes + 2]`, a column for each node: the input (0), the nodes in a row, the
output. A node has an action and a source, an earlier column; the output has a source only, the
input nothing.
"""


class Ranges(NamedTuple):
    """The values that genes may have: from `low` to below `high`, int64 `[2, nodes + 2]`."""

    low: np.ndarray
    high: np.ndarray


def cartesian_programming(
    problem: Problem,
    children: int = 2,
    mutation_rate: float = 0.05,
    levels_back: int = 10,
    nodes_per_step: int = 3,
) -> None:
    """Evolve the actions of an episode, encoded as a path through a row of nodes.

    Suganuma et al. 2017, "A genetic programming approach to designing convolutional neural network
    architectures", section 3. Only nodes on the path from the output back to the input
    are expressed; the others drift. Every sequence is played from the start.

    Args:
        problem: what is designed.
        children: of each generation (lambda).
        mutation_rate: probability that a gene is redrawn.
        levels_back: how many columns back a source may be.
        nodes_per_step: nodes for each step of an episode.

    Raises:
        BudgetSpent: the search is over.
    """
    length = problem.episode_steps
    ranges = gene_ranges(nodes_per_step * length, problem.n_actions, levels_back)
    for _ in evolve(problem.play_sequence, ranges, length, children, mutation_rate, problem.rng):
        pass


def evolve(
    evaluate: Callable[[tuple[int, ...]], float],
    ranges: Ranges,
    length: int,
    children: int,
    mutation_rate: float,
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, float]]:
    """(1 + lambda) evolution, without an end.

    The parent gives way only to a child that is strictly better; where none is, the genes of the
    parent that are not expressed are mutated.

    Args:
        evaluate: the fitness of the sequence that a genotype expresses.
        ranges: of the genes.
        length: of the longest sequence.
        children: of each generation.
        mutation_rate: probability that a gene is redrawn, above 0.
        rng: source of randomness.

    Yields:
        The parent of each generation and its fitness.
    """
    parent = rng.integers(ranges.low, ranges.high)
    fitness = evaluate(expressed(parent, length))
    while True:
        yield parent, fitness
        brood = [mutated(parent, ranges, length, mutation_rate, rng) for _ in range(children)]
        results = [evaluate(expressed(child, length)) for child in brood]
        best = int(np.argmax(results))
        if results[best] > fitness:
            parent, fitness = brood[best], results[best]
        else:
            parent = drifted(parent, ranges, mutation_rate, rng)


def gene_ranges(nodes: int, n_actions: int, levels_back: int) -> Ranges:
    """The ranges of the genes of a row of nodes."""
    low, high = np.zeros((2, 2, nodes + 2), np.int64)
    columns = np.arange(nodes + 2)
    low[SOURCE] = np.maximum(columns - levels_back, 0)
    high[SOURCE] = np.maximum(columns, 1)
    high[ACTION] = n_actions
    high[ACTION, [0, -1]] = 1  # genes of a single value never change
    return Ranges(low, high)


def path(genes: np.ndarray) -> list[int]:
    """The columns of the expressed nodes, from the input to the output, both left out."""
    columns = []
    column = int(genes[SOURCE, -1])
    while column > 0:
        columns.append(column)
        column = int(genes[SOURCE, column])
    return columns[::-1]


def expressed(genes: np.ndarray, length: int) -> tuple[int, ...]:
    """The actions of the expressed nodes, cut to a length."""
    return tuple(genes[ACTION, path(genes)[:length]].tolist())


def mutated(
    parent: np.ndarray, ranges: Ranges, length: int, rate: float, rng: np.random.Generator
) -> np.ndarray:
    """A child that expresses another sequence.

    Mutation is repeated until an active gene has changed. A change that leaves the sequence as it
    was does not count: it would be evaluated in vain.
    """
    everywhere = np.ones(parent.shape, bool)
    while True:
        child = _redrawn(parent, everywhere, ranges, rate, rng)
        if expressed(child, length) != expressed(parent, length):
            return child


def drifted(genes: np.ndarray, ranges: Ranges, rate: float, rng: np.random.Generator) -> np.ndarray:
    """The genotype with its inactive genes mutated, which expresses the same sequence."""
    inactive = np.ones(genes.shape, bool)
    inactive[:, [*path(genes), -1]] = False
    return _redrawn(genes, inactive, ranges, rate, rng)


def _redrawn(
    genes: np.ndarray, which: np.ndarray, ranges: Ranges, rate: float, rng: np.random.Generator
) -> np.ndarray:
    """Some of the genes that `which` (bool) allows have another value, as likely as any other."""
    sizes = ranges.high - ranges.low
    chosen = which & (rng.random(genes.shape) < rate) & (sizes > 1)
    shift = rng.integers(1, np.maximum(sizes, 2))
    return np.where(chosen, ranges.low + (genes - ranges.low + shift) % sizes, genes)
