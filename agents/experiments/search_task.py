"""What search strategies are compared on: the strategies, and `SearchTask`."""

from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from rlnas.agents.search.problem import Problem, Strategy
from rlnas.columns.options import TableOptions, TableRecord
from rlnas.data import loading
from rlnas.data.dataset import Dataset
from rlnas.envs.budget.costs import BUDGETS, budget_named, unit_cost
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.envs.validation import check_number
from rlnas.errors import InputError
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS
from rlnas.tabular.table import Table
from rlnas.validation import PlainIntegers, check_choice, check_count

CONTROLLER = "controller"

METHODS = {
    CONTROLLER: "rlnas.agents.search.ppo_search:ppo_search",
    "shipped_controller": "rlnas.agents.search.pretrained:shipped_controller",
    "evolved_designs": "rlnas.agents.search.pretrained:evolved_designs",
    "shipped_edit_sequence": "rlnas.agents.search.pretrained:shipped_edit_sequence",
    "random": "rlnas.agents.search.random_search:random_search",
    "random_from_best": "rlnas.agents.search.random_search:random_from_best",
    "hill_climbing": "rlnas.agents.search.hill_climbing:hill_climbing",
    "reinforce": "rlnas.agents.search.recurrent.reinforce:reinforce",
    "recurrent_ppo": "rlnas.agents.search.recurrent.ppo:recurrent_ppo",
    "metaqnn": "rlnas.agents.search.metaqnn:metaqnn",
    "tournament_evolution": "rlnas.agents.search.tournament_evolution:tournament_evolution",
    "aging_evolution": "rlnas.agents.search.aging_evolution:aging_evolution",
    "cartesian_programming": "rlnas.agents.search.cartesian_programming:cartesian_programming",
    "tpe": "rlnas.agents.search.optuna_search:tpe",
    "nsga2": "rlnas.agents.search.optuna_search:nsga2",
}
"""Module and function of each search strategy; imported on use, since some need extras."""

PRETRAINED = ("shipped_controller", "evolved_designs", "shipped_edit_sequence")
"""Strategies with policies that read what live environments show, which tables do not."""

FOR_STEPS = ("evolved_designs", "shipped_edit_sequence")
"""Those of them that have no policy for episodes with a budget."""

FROM_SCRATCH = ("tpe", "nsga2")
"""Strategies that train every architecture from scratch, for as long as an episode of steps that
cost the same. A budget would be spent on a single one."""


def strategy(method: str) -> Strategy:
    """Import the search function of a method."""
    module, function = METHODS[method].split(":")
    search: Strategy = getattr(import_module(module), function)
    return search


@dataclass(frozen=True)
class SearchTask(PlainIntegers):
    """A search problem and its budget.

    Attributes:
        name: Name of a data set, or of a table if `tabular`.
        tabular: Whether designs are looked up in a table instead of being trained.
        penalty: Price of the reference number of weights, in accuracy.
        budget: Number of training batches; of look-ups if `tabular`; of units of training cost if
            episodes have a budget.
        data_dir: Folder with IDX files, searched first.
        fingerprint: Fingerprint that the data set or table must have; None accepts any.
        columns: What is said about the columns of a table of samples, see
            `rlnas.columns.options.TableOptions.as_json`.
        episode_budget: Budget of each episode, in units of training cost (the manual of
            `BudgetDesignEnv` explains them); None for episodes of `DesignEnv`.
    """

    name: str
    tabular: bool
    penalty: float
    budget: int
    data_dir: str | None = None
    fingerprint: str | None = None
    columns: TableRecord = field(default_factory=TableRecord)
    episode_budget: float | None = None

    def load(self) -> Dataset | Table:
        """Load the data set or the table.

        Raises:
            InputError: It cannot be loaded, or its content has changed.
        """
        found: Dataset | Table
        if self.tabular:
            found = Table.load(self.name)
        else:
            options = TableOptions.from_json(self.columns)
            found = loading.load_dataset(self.name, data_dir=self.data_dir, **vars(options))
        if self.fingerprint not in (None, found.fingerprint):
            raise InputError(f"{self.name} was changed in the meantime: compare again")
        return found

    @property
    def methods(self) -> tuple[str, ...]:
        """Keys of the `METHODS` that can search this task."""
        return tuple(name for name in METHODS if self._objection(name) is None)

    def check_methods(self, methods: tuple[str, ...]) -> None:
        """Raise `InputError` if there are none, or one that cannot search this task."""
        for method in methods or [None]:
            check_choice("method", method, tuple(METHODS))
            if objection := self._objection(str(method)):
                raise InputError(f"{method} {objection}")

    def _objection(self, method: str) -> str | None:
        """Why a method cannot search this task; None if it can."""
        if self.tabular and method in PRETRAINED:
            return (
                "reads the observations of live environments: leave it out, or search a data set "
                "instead of a table"
            )
        if self.episode_budget is None:
            return None
        if method in FOR_STEPS:
            return "was trained in episodes without a budget: leave it out"
        if method in FROM_SCRATCH:
            return "trains every architecture from scratch, whatever it costs: leave it out"
        return None

    def problem(self, seed: int) -> Problem:
        """The problem that a strategy searches with the given seed.

        Raises:
            InputError: A value cannot be used.
        """
        check_count("budget", self.budget)
        data = self.load()
        if self.episode_budget is None:
            kind: Any = TabularEnv if self.tabular else DesignEnv
            return Problem(partial(kind, data, penalty=self.penalty), self.budget, seed)
        if isinstance(data, Table):
            raise InputError("a table has no episodes with a budget: expected a data set")
        check_number("--episode-budget", self.episode_budget, *BUDGETS)
        # A network that an episode begins with would be trained at no cost.
        make = partial(BudgetDesignEnv, data, self.penalty, budget=self.episode_budget, given=0.0)
        with budget_named("--episode-budget"):
            problem = Problem(make, self.budget * self.unit(data), seed)
        if not problem.max_episodes:
            raise InputError(
                f"--budget {self.budget} does not pay for an episode with a budget of "
                f"{self.episode_budget:g} (--episode-budget): expected at least as much"
            )
        return problem

    def unit(self, data: Dataset | Table) -> int:
        """Cost of a budget of 1: multiply-adds, or what a search counts without them."""
        if self.episode_budget is None or isinstance(data, Table):
            return 1
        return unit_cost(data, DEFAULT_HYPERPARAMETERS.batch_size_for(data.train.size))

    @property
    def counted(self) -> str:
        """What the budget is a number of."""
        if self.tabular:
            return "look-ups"
        return "training batches" if self.episode_budget is None else "units of training cost"

    @property
    def judged_by(self) -> str:
        """Key of the result that a search is judged by."""
        return "score" if self.episode_budget is None else "anytime"
