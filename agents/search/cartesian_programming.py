"""Cartesian genetic programming: a (1 + lambda) evolution of graphs that encode edit sequences."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from rlnas.agents.search.episodes.sequences import ActionSequence, SequenceSpace
from rlnas.agents.search.problem import Problem

ACTION, SOURCE = range(2)
"""Rows of a genotype.

A genotype is int64 `[2, nodes + 2]`, with a column for each node: the input (0), the nodes in a
row, the output. A node has an action and a source, which is an earlier column; the output has only
a source, the input neither, unless sequences begin with a start, which then is its action. Actions
are indices into those of a `SequenceSpace`.
"""


class GeneRanges(NamedTuple):
    """The values that genes may have: from `low` to `high - 1`, int64 `[2, nodes + 2]` each."""

    low: np.ndarray
    high: np.ndarray


def cartesian_programming(
    problem: Problem,
    n_children: int = 2,
    mutation_rate: float = 0.05,
    levels_back: int = 10,
    nodes_per_step: int = 3,
) -> None:
    """Evolve the actions of an episode, encoded as a path through a row of nodes.

    Suganuma et al. 2017, "A genetic programming approach to designing convolutional neural network
    architectures", section 3. Here a node holds an edit instead of a layer. Only nodes on the path
    from the output back to the input are active, the others drift. Every sequence is played from
    the start of a new episode.

    Args:
        problem: what is searched.
        n_children: children of each generation (lambda).
        mutation_rate: probability that a gene is redrawn.
        levels_back: the largest distance, in columns, between a node and its source.
        nodes_per_step: number of nodes for each step of an episode.

    Raises:
        BudgetSpent: the search is over.
    """
    space = problem.sequences
    ranges = gene_ranges(nodes_per_step * space.length, space, levels_back)
    for _ in evolve_graph(
        problem.play_sequence, ranges, space, n_children, mutation_rate, problem.rng
    ):
        pass


def evolve_graph(
    fitness: Callable[[ActionSequence], float],
    ranges: GeneRanges,
    space: SequenceSpace,
    n_children: int,
    mutation_rate: float,
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, float]]:
    """(1 + lambda) evolution of a genotype without an end.

    The parent is replaced only by a child that is strictly better. If there is none, the inactive
    genes of the parent are mutated.

    Args:
        fitness: evaluates the actions that a genotype encodes, higher is better.
        ranges: the values that genes may have.
        space: the sequences; those that are encoded may be shorter.
        n_children: children of each generation.
        mutation_rate: probability that a gene is redrawn, above 0.
        rng: source of randomness.

    Yields:
        The parent of each generation and its fitness.
    """
    parent = rng.integers(ranges.low, ranges.high)
    parent_fitness = fitness(active_actions(parent, space))
    while True:
        yield parent, parent_fitness
        children = [mutate(parent, ranges, space, mutation_rate, rng) for _ in range(n_children)]
        results = [fitness(active_actions(child, space)) for child in children]
        best = int(np.argmax(results))
        if results[best] > parent_fitness:
            parent, parent_fitness = children[best], results[best]
        else:
            parent = mutate_inactive(parent, ranges, mutation_rate, rng)


def gene_ranges(nodes: int, space: SequenceSpace, levels_back: int) -> GeneRanges:
    """The values that the genes of a row of nodes may have."""
    low, high = np.zeros((2, 2, nodes + 2), np.int64)
    columns = np.arange(nodes + 2)
    low[SOURCE] = np.maximum(columns - levels_back, 0)
    high[SOURCE] = np.maximum(columns, 1)
    high[ACTION] = space.actions.size
    high[ACTION, [0, -1]] = 1  # genes with a single value never change
    if space.starts is not None:
        high[ACTION, 0] = space.starts.size
    return GeneRanges(low, high)


def active_columns(genes: np.ndarray) -> list[int]:
    """The columns of the active nodes, from the input to the output, without these two."""
    columns = []
    column = int(genes[SOURCE, -1])
    while column > 0:
        columns.append(column)
        column = int(genes[SOURCE, column])
    return columns[::-1]


def active_actions(genes: np.ndarray, space: SequenceSpace) -> ActionSequence:
    """The start, if there is one, then the actions of the active nodes, as many as fit."""
    start = [] if space.starts is None else [int(space.starts[genes[ACTION, 0]])]
    path = space.actions[genes[ACTION, active_columns(genes)]]
    return tuple((start + path.tolist())[: space.length])


def mutate(
    parent: np.ndarray,
    ranges: GeneRanges,
    space: SequenceSpace,
    rate: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """A child that encodes other actions than its parent, if there are others.

    Mutation is repeated until the encoded actions differ: to evaluate the same ones again would
    waste budget.
    """
    all_genes = np.ones(parent.shape, bool)
    while True:
        child = _redraw(parent, all_genes, ranges, rate, rng)
        if space.single or active_actions(child, space) != active_actions(parent, space):
            return child


def mutate_inactive(
    genes: np.ndarray, ranges: GeneRanges, rate: float, rng: np.random.Generator
) -> np.ndarray:
    """A copy with mutated inactive genes, which encodes the same actions."""
    inactive = np.ones(genes.shape, bool)
    inactive[:, [0, *active_columns(genes), -1]] = False
    return _redraw(genes, inactive, ranges, rate, rng)


def _redraw(
    genes: np.ndarray,
    allowed: np.ndarray,
    ranges: GeneRanges,
    rate: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """A copy in which genes have another value, drawn uniformly.

    Args:
        genes: int64 `[2, columns]`.
        allowed: bool `[2, columns]`, which genes may change.
        ranges: the values that genes may have.
        rate: probability that an allowed gene changes.
        rng: source of randomness.
    """
    n_values = ranges.high - ranges.low
    chosen = allowed & (rng.random(genes.shape) < rate) & (n_values > 1)
    shift = rng.integers(1, np.maximum(n_values, 2))
    return np.where(chosen, ranges.low + (genes - ranges.low + shift) % n_values, genes)
