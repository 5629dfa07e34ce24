"""Searches for each task anew: evolution, hill climbing, TPE; they look up any design.

All episodes are searched side by side. A search is over when nothing that it proposes can be paid
for, or its look-ups are used up.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import Episode, Played
from rlnas.agents.benchmark.rivals.lists import design
from rlnas.agents.benchmark.rivals.looking_up import N_DESIGNS, Designs, LookUps
from rlnas.envs.family.actions import STARTS, successors
from rlnas.family.space import DENSITIES, LENGTHS, MAX_DEPTH, WIDTHS
from rlnas.family.table import TaskTable

if TYPE_CHECKING:  # it is imported when TPE searches
    import optuna

Search = Callable[[LookUps, Generator], None]
"""Spends what there is."""

_TRIES = 64  # proposals of which one can be paid for, or the search is over
_REFUSALS = 10  # so many of TPE in a row
_FIRST = 0.05  # part of the budget that a design to begin with may cost


def search(
    tables: Sequence[TaskTable],
    episodes: Sequence[Episode],
    how: Search,
    times: int = 1,
    seed: int = 0,
) -> Played:
    """What a search finds in some episodes.

    Args:
        tables: Tables of the tasks.
        episodes: The episodes.
        how: The search.
        times: How many times the budget, and the look-ups, of the episodes it may use. With more
            than once, `anytime` is by that larger budget: compare `final`.
        seed: Seed of the search.
    """
    runs = LookUps(tables, episodes, times)
    how(runs, np.random.default_rng(seed))
    return runs.played


@cache
def neighbours() -> Designs:
    """The designs one edit or one length away from each, int64 `[designs, most]`; -1 for none."""
    edits = successors()[:, len(STARTS) :].astype(np.int64)
    designs = np.arange(N_DESIGNS)
    numbers, lengths = np.divmod(designs, len(LENGTHS))
    edited = np.where(edits < 0, -1, edits * len(LENGTHS))[numbers]
    edited = np.where(edited < 0, -1, edited + lengths[:, None])
    shorter = np.where(lengths > 0, designs - 1, -1)
    longer = np.where(lengths + 1 < len(LENGTHS), designs + 1, -1)
    found = np.column_stack([edited, shorter, longer])
    found.flags.writeable = False
    return found


def random_search(runs: LookUps, rng: Generator) -> None:
    """Look up random designs that can be paid for."""
    while runs.look_up(_drawn(runs, rng, 1.0)).any():
        pass


def hill_climbing(runs: LookUps, rng: Generator) -> None:
    """Move to the first random neighbour that is better; where there is none, begin elsewhere."""
    here = np.full(runs.n, -1)
    score = np.full(runs.n, -np.inf)
    while True:
        step, anew = _neighbour(runs, here, rng)
        done = runs.look_up(step)
        if not done.any():
            return
        moved = done & (anew | (runs.scores > score))
        here[moved], score[moved] = step[moved], runs.scores[moved]


def regularised_evolution(
    runs: LookUps, rng: Generator, population: int = 10, sample: int = 3
) -> None:
    """Aging evolution: the best of a sample has a child, the oldest dies.

    Real et al. 2019, "Regularized evolution for image classifier architecture search". A child is a
    random neighbour of its parent, or a random design if all its neighbours were trained. The first
    designs cost little, so that all can be paid for.

    Args:
        runs: The episodes.
        rng: Source of randomness.
        population: Designs alive.
        sample: How many of them compete to be the parent.
    """
    every = np.arange(runs.n)
    alive = np.full((runs.n, population), -1)
    scores = np.full((runs.n, population), -np.inf)
    born = np.zeros(runs.n, np.int64)
    while True:
        drawn = rng.integers(population, size=(runs.n, sample))
        winner = np.take_along_axis(scores, drawn, axis=1).argmax(axis=1)
        parent = np.where(born < population, -1, alive[every, drawn[every, winner]])
        child, _ = _neighbour(runs, parent, rng)
        done = runs.look_up(child)
        if not done.any():
            return
        place = born % population
        alive[every[done], place[done]] = child[done]
        scores[every[done], place[done]] = runs.scores[done]
        born += done


def _neighbour(
    runs: LookUps, designs: Designs, rng: Generator
) -> tuple[Designs, NDArray[np.bool_]]:
    """A random neighbour of each design that is new and can be paid for, or else a random design.

    Args:
        runs: The episodes.
        designs: int64 `[n]`; -1 for none.
        rng: Source of randomness.

    Returns:
        int64 `[n]`, and where it is no neighbour, bool `[n]`.
    """
    around = np.where(designs[:, None] < 0, -1, neighbours()[designs])
    found = _one_of(runs, around, rng)
    anew: NDArray[np.bool_] = found < 0
    found[anew] = _drawn(runs, rng, _FIRST)[anew]
    return found, anew


def _one_of(runs: LookUps, designs: Designs, rng: Generator) -> Designs:
    """One that is new and can be paid for, in each episode; -1 where there is none."""
    new = runs.payable(designs) & ~runs.trained_to(np.maximum(designs, 0))
    place = np.where(new, rng.random(designs.shape), -1.0).argmax(axis=1)
    every = np.arange(runs.n)
    return np.where(new[every, place], designs[every, place], -1)


def _drawn(runs: LookUps, rng: Generator, part: float) -> Designs:
    """A random design that is new and costs no more than a part of the budget, or at most the rest.

    Returns:
        int64 `[n]`; -1 where none of some draws can be paid for.
    """
    designs = rng.integers(N_DESIGNS, size=(runs.n, _TRIES))
    designs[:, -1] = 0  # the cheapest
    cheap = np.where(runs.payable(designs, part), designs, -1)
    found = _one_of(runs, cheap, rng)
    return np.where(found < 0, _one_of(runs, designs, rng), found)


def tpe(runs: LookUps, rng: Generator) -> None:
    """The tree-structured Parzen estimator of Optuna, in its settings; a study for each episode.

    Bergstra et al. 2011, "Algorithms for hyper-parameter optimization". A proposal that cannot be
    paid for fails.
    """
    import optuna

    from rlnas.agents.search.optuna_search import warnings_only

    def study() -> optuna.Study:
        sampler = optuna.samplers.TPESampler(seed=int(rng.integers(2**31)))
        return optuna.create_study(direction="maximize", sampler=sampler)

    with warnings_only():
        studies = [study() for _ in range(runs.n)]
        refused = np.zeros(runs.n, np.int64)
        while (going := np.flatnonzero(refused < _REFUSALS)).size:
            trials = {episode: studies[episode].ask() for episode in going.tolist()}
            wanted = np.full(runs.n, -1)
            wanted[going] = [_suggested(trial) for trial in trials.values()]
            done = runs.look_up(wanted)
            refused = np.where(done, 0, refused + 1)
            scores = runs.scores
            for episode, trial in trials.items():
                if done[episode]:
                    studies[episode].tell(trial, float(scores[episode]))
                else:
                    studies[episode].tell(trial, state=optuna.trial.TrialState.FAIL)


def _suggested(trial: "optuna.trial.Trial") -> int:
    """A design; widths of layers beyond the depth are suggested too, but not used."""
    depth = trial.suggest_int("depth", 0, MAX_DEPTH)
    widths = [trial.suggest_int(f"width_{k}", 0, len(WIDTHS) - 1) for k in range(1, MAX_DEPTH + 1)]
    density = DENSITIES[trial.suggest_int("density", 0, len(DENSITIES) - 1)]
    length = trial.suggest_int("length", 0, len(LENGTHS) - 1)
    if depth == 0:
        return length
    return design([WIDTHS[each] for each in sorted(widths[:depth], reverse=True)], density, length)


SEARCHES: dict[str, Search] = {
    "random search": random_search,
    "hill climbing": hill_climbing,
    "regularised evolution": regularised_evolution,
    "TPE": tpe,
}
"""The searches by name."""
