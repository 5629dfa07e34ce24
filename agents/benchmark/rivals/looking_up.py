"""`LookUps`: episodes in which any architecture may be trained, accounted for as in `FamilyEnv`.

A search is not bound to the actions of the environment. It pays the same: what a training costs
anew, and an edit; and it is paid by the same rules.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import Episode, Played, begun
from rlnas.envs.family.bank import Bank
from rlnas.envs.family.dynamics import EPISODE_STEPS, Settings, look_up, price_of
from rlnas.envs.family.family_env import bank_of
from rlnas.family.space import ARCHITECTURES, LENGTHS
from rlnas.family.table import TaskTable
from rlnas.jit import compile_loops

compiled = compile_loops()

Designs = NDArray[np.int64]
"""Numbers of designs: `len(LENGTHS)` times the number of an architecture, plus that of a length."""

N_DESIGNS = len(ARCHITECTURES) * len(LENGTHS)


class Outcome(NamedTuple):
    """What was gained in some episodes.

    Attributes:
        anytime: Sum of the rewards, float64 `[n]`.
        final: Judged score of the best design, less that of a prediction without features, float64
            `[n]`.
        spent: What was spent, in units of the task's budget, float64 `[n]`.
    """

    anytime: NDArray[np.float64]
    final: NDArray[np.float64]
    spent: NDArray[np.float64]

    @classmethod
    def of(cls, played: Played) -> "Outcome":
        """The outcome of episodes that were played."""
        return cls(played.anytime, played.final, played.spent)


class LookUps:
    """Episodes side by side.

    Args:
        tables: Tables of the tasks, each with as many seeds.
        episodes: The episodes, of tasks of these tables.
        times: How many times the budget, and the look-ups, of the episodes may be used.

    Raises:
        InputError: An episode cannot begin.
    """

    def __init__(self, tables: Sequence[TaskTable], episodes: Sequence[Episode], times: int = 1):
        self.bank = bank_of(list(tables))
        larger = [each._replace(budget=each.budget * times) for each in episodes]
        self.states, self.trained = _first_moments(
            tables, self.bank, tuple(larger), EPISODE_STEPS * times
        )
        self._params = Settings(0, 0, 0, 0, EPISODE_STEPS * times, True).record
        self._nothing = self.states["judged"].copy()
        self._history: list[Designs] = []

    @property
    def n(self) -> int:
        """Number of episodes."""
        return self.states.size

    @property
    def scores(self) -> NDArray[np.float64]:
        """Validation score of the design that was looked up last, float64 `[n]`."""
        return self.states["score"].copy()

    @property
    def best(self) -> Designs:
        """The design with the best validation score, int64 `[n]`; -1 before there is one."""
        found = self.states["best"] * len(LENGTHS) + self.states["best_length"]
        return np.where(self.states["best"] < 0, -1, found)

    @property
    def outcome(self) -> Outcome:
        """What was gained so far."""
        final = self.states["judged"] - self._nothing
        return Outcome(self.states["anytime"].copy(), final, self.states["spent"].copy())

    @property
    def played(self) -> Played:
        """What was looked up so far, and what was gained."""
        rows = np.array(self._history, np.int64).reshape(-1, self.n).T
        return Played([row[row >= 0].tolist() for row in rows], *self.outcome, designs=True)

    def payable(self, designs: Designs, part: float = 1.0) -> NDArray[np.bool_]:
        """Whether an episode may look up designs.

        Args:
            designs: Their numbers, int64 `[n, k]`; negative ones may not.
            part: Part of the whole budget that one may cost.

        Returns:
            bool `[n, k]`.
        """
        found = np.zeros(designs.shape, bool)
        _payable(self.bank, self._params, designs, part, self.states, self.trained, found)
        return found

    def trained_to(self, designs: Designs) -> NDArray[np.bool_]:
        """Whether architectures were trained as long already, or longer, bool `[n, k]`.

        Args:
            designs: Their numbers, int64 `[n, k]`.
        """
        longest = np.take_along_axis(self.trained, designs // len(LENGTHS), axis=1)
        return longest >= designs % len(LENGTHS)

    def look_up(self, designs: Designs) -> NDArray[np.bool_]:
        """Train a design in each episode, and keep the best.

        Args:
            designs: Their numbers, int64 `[n]`; negative where nothing is to be done.

        Returns:
            Where it was done, bool `[n]`: not where the rest of the budget does not pay for it.
        """
        done = np.zeros(self.n, bool)
        _look_up(self.bank, self._params, designs, self.states, self.trained, done)
        self._history.append(np.where(done, designs, -1))
        return done

    def rewards(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted sum of what a look-up would pay now, of each design, float64 `[designs]`.

        Args:
            weights: Weight of each episode, float64 `[n]`.
        """
        found = np.zeros(N_DESIGNS)
        tried = self.states.copy()
        _rewards(self.bank, self._params, weights, self.states, self.trained, tried, found)
        return found


def _first_moments(
    tables: Sequence[TaskTable], bank: Bank, episodes: tuple[Episode, ...], steps: int
) -> tuple[NDArray[np.void], NDArray[np.int8]]:
    there = begun(tables, bank, episodes, steps)
    return there.states, there.trained


@compiled
def _look_up(
    bank: Bank,
    params: np.ndarray,
    designs: np.ndarray,
    states: np.ndarray,
    trained: np.ndarray,
    done: np.ndarray,
) -> None:
    fixed, n_lengths = params[0], bank.cost.shape[2]
    for run in range(designs.size):
        if designs[run] < 0:
            continue
        state, goal, length = states[run], designs[run] // n_lengths, designs[run] % n_lengths
        cost, edit = bank.cost[state.task, goal], bank.edit[state.task]
        price = price_of(cost, edit, trained[run, goal], length)
        if price <= state.budget - state.spent and state.elapsed < fixed.episode_steps:
            state.elapsed += 1
            state.reward = 0.0
            look_up(bank, fixed, goal, length, state, trained[run])
            done[run] = True


@compiled
def _payable(
    bank: Bank,
    params: np.ndarray,
    designs: np.ndarray,
    part: float,
    states: np.ndarray,
    trained: np.ndarray,
    found: np.ndarray,
) -> None:
    fixed, n_lengths = params[0], bank.cost.shape[2]
    for run in range(designs.shape[0]):
        state = states[run]
        if state.elapsed >= fixed.episode_steps:
            continue
        most = min(state.budget - state.spent, part * state.budget)
        for each in range(designs.shape[1]):
            if designs[run, each] < 0:
                continue
            goal, length = designs[run, each] // n_lengths, designs[run, each] % n_lengths
            cost, edit = bank.cost[state.task, goal], bank.edit[state.task]
            price = price_of(cost, edit, trained[run, goal], length)
            found[run, each] = price <= most


@compiled
def _rewards(
    bank: Bank,
    params: np.ndarray,
    weights: np.ndarray,
    states: np.ndarray,
    trained: np.ndarray,
    tried: np.ndarray,
    found: np.ndarray,
) -> None:
    fixed, n_lengths = params[0], bank.cost.shape[2]
    for run in range(weights.size):
        before, state = states[run], tried[run]
        if before.elapsed >= fixed.episode_steps:
            continue
        task = before.task
        for design in range(found.size):
            goal, length = design // n_lengths, design % n_lengths
            longest = trained[run, goal]
            price = price_of(bank.cost[task, goal], bank.edit[task], longest, length)
            if length <= longest or price > before.budget - before.spent:
                continue
            size = before.penalty * bank.weights[task, goal]
            if bank.results[task, before.seed, goal, length, 0] - size <= before.best_score:
                continue  # it would pay nothing
            state.reward = 0.0
            look_up(bank, fixed, goal, length, state, trained[run])
            found[design] += weights[run] * state.reward
            tried[run] = before
            trained[run, goal] = longest  # as it was
