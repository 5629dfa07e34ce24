"""The environments of a run: those that its policy was trained in, and others like them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rlnas.agents.config import FAMILY, SHIPPED, EpisodesConfig
from rlnas.agents.policies.run_config import EPISODE_SETTINGS, read_config
from rlnas.data.dataset import Dataset
from rlnas.data.generated.families import FAMILIES
from rlnas.data.loading import Source
from rlnas.envs.budget.costs import budget_named
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.live_env import LiveEnv
from rlnas.errors import InputError
from rlnas.family.tasks import tasks
from rlnas.nn.training import LONG_TRAINING

_RANGES = ("penalty", "budget", "width", "density")
_SETTINGS = ("penalty", "reward", *EPISODE_SETTINGS)

THOROUGH: dict[str, Any] = {
    "episode_steps": 40,
    "width": 300,
    "density": 1.0,
    "hyperparameters": LONG_TRAINING,
}
"""Arguments of longer episodes, in which designs become better than in those of the training."""

MIN_BATCHES = 100
"""Least number of training batches after each edit in a thorough episode."""


def make_env(config: EpisodesConfig, data: Iterable[Dataset]) -> LiveEnv:
    """The environment that the settings of a run describe: one with a budget if they name one.

    Args:
        config: settings of the run.
        data: the data sets that they name.

    Raises:
        InputError: a value cannot be used.
    """
    with budget_named("--budget"):
        return _kind(config)(list(data), **_episode_arguments(config, _range))


def env_like(
    run: str | Path = SHIPPED,
    dataset: Source | list[Source] | None = None,
    penalty: float | None = None,
    data_dir: Path | None = None,
    middle: bool = False,
    budget: float | None = None,
    **arguments: Any,
) -> LiveEnv:
    """The environment that a policy was trained in, on another data set or penalty if asked.

    Args:
        run: run folder of the training; by default that of the policy that comes with rlnas.
        dataset: data set; by default that of the training.
        penalty: penalty; by default that of the training.
        data_dir: folder with IDX files; by default that of the training.
        middle: use the geometric middle of each range of the training instead of drawing from it,
            and the first of several data sets; an episode with a budget begins without a network.
        budget: budget of an episode; by default that of the training, if it had one.
        **arguments: arguments of `DesignEnv`, or of `BudgetDesignEnv` for a policy trained with a
            budget; they replace those of the training.

    Raises:
        InputError: `config.json` is missing or damaged, a value cannot be used, or a budget is
            given for a policy that was trained without one.
    """
    config = read_config(Path(run))
    if config.budget is None and budget is not None:
        raise InputError(
            f"the policy in {run} was trained in episodes with a fixed number of steps: a budget "
            "needs one that was trained with --budget"
        )
    if dataset is None:
        names = _first(config.dataset[0]) if middle else config.dataset
        where = data_dir or config.data_dir
        dataset = [*replace(config, dataset=tuple(names), data_dir=where).load()]
    settings = _episode_arguments(config, _middle if middle else _range)
    asked = {"penalty": penalty, "budget": budget}
    settings |= {name: value for name, value in asked.items() if value is not None}
    if middle and config.budget is not None:
        settings["given"] = 0.0
    settings |= arguments
    return _kind(config)(dataset, data_dir=data_dir or config.data_dir, **settings)


def _first(source: str) -> Sequence[str]:
    """The first of the data sets that a name stands for; of the benchmark, one without tables."""
    if source == FAMILY:
        return [next(task.source for task in tasks("train") if not task.real)]
    return FAMILIES.get(source, [source])[:1]


def step_env_like(run: str | Path, *arguments: Any, **named: Any) -> DesignEnv:
    """As `env_like`, for a policy that was trained without a budget.

    Raises:
        InputError: as `env_like`, or the policy was trained with a budget.
    """
    if read_config(Path(run)).budget is not None:
        raise InputError(
            f"the policy in {run} was trained with a budget of training cost: expected one that "
            "was trained in episodes with a fixed number of steps"
        )
    env = env_like(run, *arguments, **named)
    assert isinstance(env, DesignEnv)
    return env


def thorough_env(
    run: Path,
    dataset: Source | None = None,
    penalty: float | None = None,
    data_dir: Path | None = None,
) -> DesignEnv:
    """As `env_like`, but with the longer episodes of `THOROUGH` and an epoch of training per edit.

    A policy that was trained in short episodes with small networks also works in these.

    Raises:
        InputError: as `env_like`, or the policy was trained with a budget.
    """
    lengths = {
        "batches_per_step": None,
        "epochs_per_step": 1.0,
        "min_batches_per_step": MIN_BATCHES,
    }
    return step_env_like(run, dataset, penalty, data_dir, middle=True, **THOROUGH, **lengths)


def _episode_arguments(
    config: EpisodesConfig, of_range: Callable[[Sequence[float]], Any]
) -> dict[str, Any]:
    """The arguments that a configuration determines, apart from the data.

    What it leaves open are the defaults of the environment.
    """
    settings = {name: getattr(config, name, None) for name in _SETTINGS}
    return {
        name: of_range(value) if name in _RANGES else value
        for name, value in settings.items()
        if value is not None
    }


def _kind(config: EpisodesConfig) -> Callable[..., LiveEnv]:
    return DesignEnv if config.budget is None else BudgetDesignEnv


def _range(values: Sequence[float]) -> float | tuple[float, float]:
    return values[0] if len(values) == 1 else (values[0], values[-1])


def _middle(values: Sequence[float]) -> float:
    """The geometric middle, or half if that would be zero."""
    low, high = values[0], values[-1]
    if low == high:
        return low
    return float(np.sqrt(low * high)) if low > 0 else high / 2
