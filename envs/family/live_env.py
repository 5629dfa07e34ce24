"""`LiveFamilyEnv`: the tasks of the family where networks are trained, not looked up."""

from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any

from rlnas.data.dataset import Dataset
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.budget.vector_env import BudgetDesignVectorEnv
from rlnas.envs.live_env import LiveEnv
from rlnas.family.measuring import load
from rlnas.family.tasks import SPLITS, Split, Task, chosen, tasks
from rlnas.validation import Range, whole


class LiveFamilyEnv(BudgetDesignEnv):
    """Design within a budget on the tasks of the family, with networks that are trained.

    ## Description
    `FamilyEnv` looks up what trainings gave, of networks that each begin anew. Here the same tasks
    in the same splits are designed for as in `BudgetDesignEnv`: a network keeps its weights through
    edits, what it costs is trained, and any architecture can be reached. Each episode draws a task.

    Tables of KEEL and of the UCI repository are among the tasks, and must be on this computer:
    `rlnas data fetch keel`, `rlnas data fetch uci`. Those of the axis `"generated"` need nothing.
    All tasks are loaded at once: training ones take a few seconds and 0.2 GB, test ones 1 GB;
    `num_tasks`, `start_task` and `axis` take some of them.

    ## Action Space
    That of `BudgetDesignEnv`.

    ## Observation Space
    That of `BudgetDesignEnv`.

    ## Rewards
    Those of `BudgetDesignEnv`.

    ## Starting State
    That of `BudgetDesignEnv`; by default without a network, as in `FamilyEnv`.

    ## Episode End
    That of `BudgetDesignEnv`.

    ## Information
    That of `BudgetDesignEnv`; the attribute `task` is the task of the episode.

    ## Arguments
    * `split`: `"train"`, `"validation"` or `"test"`.
    * `num_tasks`, `start_task`, `axis`: as in `FamilyEnv`.
    * `sample_seed`: which samples of a task are for training, validation and the test, unless its
      data have a test set: as seed of the results of `FamilyEnv`.
    * `penalty`, `budget`: as in `BudgetDesignEnv`, by default as in `FamilyEnv`.
    * `given`, `data_dir` and all others: as in `BudgetDesignEnv`.

    ## Version History
    * v0: first version.
    """

    def __init__(
        self,
        split: Split = "train",
        num_tasks: int | None = None,
        start_task: int = 0,
        axis: str | None = None,
        sample_seed: int = 0,
        penalty: Range = (0.1, 2.0),
        budget: Range = (0.03, 0.3),
        given: float = 0.0,
        data_dir: str | PathLike[str] | None = None,
        **arguments: Any,
    ):
        there = [task for each in SPLITS for task in tasks(each)]
        self.tasks = chosen(there, split, num_tasks, start_task, axis)
        place = None if data_dir is None else Path(data_dir)
        datasets = loaded(self.tasks, whole("sample_seed", sample_seed), place)
        super().__init__(list(datasets), penalty, budget=budget, given=given, **arguments)

    @classmethod
    def with_data(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as they are: environments share the data of the last tasks."""
        return arguments

    @property
    def task(self) -> Task:
        """The task of the episode."""
        return self.tasks[self.state.dataset_index]


class LiveFamilyVectorEnv(BudgetDesignVectorEnv):
    """Many `LiveFamilyEnv`: as `BudgetDesignVectorEnv`, with their arguments.

    Args:
        num_envs: Number of environments.
        arguments: Arguments of `DesignVectorEnv` and of `LiveFamilyEnv`.

    Raises:
        InputError: A value cannot be used.
    """

    env_class: type[LiveEnv] = LiveFamilyEnv


@lru_cache(maxsize=1)
def loaded(tasks: tuple[Task, ...], seed: int, data_dir: Path | None) -> tuple[Dataset, ...]:
    """The data of some tasks, see `rlnas.family.measuring.load`; the last ones are kept.

    Raises:
        InputError: The data of one are not on this computer.
    """
    return tuple(load(task, seed, data_dir) for task in tasks)
