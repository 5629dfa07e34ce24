"""`Protocol`: which episodes a policy is judged in, and what counts."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.playing import Episode, begun
from rlnas.envs.family.bank import unit_cost
from rlnas.envs.family.dynamics import EPISODE_STEPS, FamilyState
from rlnas.envs.family.family_env import bank_of
from rlnas.envs.family.oracle import oracle
from rlnas.errors import InputError
from rlnas.family.family_file import Family
from rlnas.family.table import TaskTable
from rlnas.family.tasks import SPLITS, Split
from rlnas.validation import check_choice


@dataclass(frozen=True)
class Protocol:
    """The episodes in which a policy is judged: every task, seed, penalty and budget.

    Attributes:
        split: The tasks.
        version: Number of these rules; results of different ones cannot be compared.
        penalties: Metric that the reference number of weights costs.
        budgets: What may be spent, in units of the task's budget.
        n_seeds: Number of seeds of the results that decisions are based on.
        episode_steps: Most steps of an episode.
        least_gain: Where the oracle is better than a prediction without features by less than this,
            gains are shares of this, so that luck on hopeless tasks does not count.
    """

    split: Split = "test"
    version: int = 1
    penalties: tuple[float, ...] = (0.1, 0.5, 2.0)
    budgets: tuple[float, ...] = (0.03, 0.1, 0.3)
    n_seeds: int = 5
    episode_steps: int = EPISODE_STEPS
    least_gain: float = 0.05

    def __post_init__(self) -> None:
        check_choice("split", self.split, SPLITS)

    def as_json(self) -> dict[str, Any]:
        """The rules as JSON values."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    def tables(self, family: Family) -> list[TaskTable]:
        """The tables of the tasks.

        Raises:
            InputError: The family has none of this split, or other seeds than the protocol.
        """
        tables = [family.table(task.name) for task in family.tasks if task.split == self.split]
        if not tables:
            raise InputError(f"{family.path} has no task of the split '{self.split}'")
        for table in tables:
            if table.n_seeds != self.n_seeds:
                raise InputError(
                    f"{family.path} has {table.n_seeds} seeds of the task '{table.task.name}': "
                    f"expected {self.n_seeds}"
                )
        return tables

    def episodes(self, names: Sequence[str]) -> list[Episode]:
        """The episodes of some tasks, one task after the other.

        Args:
            names: Names of the tasks.
        """
        seeds = range(self.n_seeds)
        return [Episode(*each) for each in product(names, seeds, self.penalties, self.budgets)]

    def shaped(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the episodes gave, as float64 `[tasks, seeds, penalties, budgets]`."""
        return values.reshape(-1, self.n_seeds, len(self.penalties), len(self.budgets))


def oracle_gains(
    tables: Sequence[TaskTable], episodes: Sequence[Episode], episode_steps: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the oracle gains in episodes, see `rlnas.envs.family.oracle`.

    Returns:
        The anytime scores, and the final ones, float64 `[episodes]` each.
    """
    tables = list(tables)
    states = begun(tables, bank_of(tables), episodes, episode_steps).states.tolist()
    units = [unit_cost(table) for table in tables]
    found = [
        oracle(tables[state.task], state, units[state.task])
        for state in map(FamilyState._make, states)
    ]
    anytime, final = np.array(found, np.float64).reshape(-1, 2).T
    return anytime, final
