"""`rlnas evolve`: evolve an edit sequence into a run folder, to be used like a policy."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rlnas.agents.config import EvolveConfig
from rlnas.agents.policies.environments import make_env
from rlnas.agents.policies.layouts import layout_of
from rlnas.agents.policies.policy import save_edit_sequence
from rlnas.agents.policies.run_config import write_config
from rlnas.agents.search.evolve_sequence import evolve_sequence
from rlnas.agents.search.problem import Problem
from rlnas.envs.actions import NO_OP
from rlnas.envs.budget.costs import UNIT_BATCHES, UNIT_STEPS, unit_cost
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.files.folders import result_folder
from rlnas.progress import MULTIPLY_ADDS, progress


def evolve(config: EvolveConfig, progress_bar: bool = True) -> Path:
    """Evolve one edit sequence for the episodes of a configuration.

    The run folder receives `config.json` and `policy.json`. Episodes with a budget begin without a
    network unless the configuration says otherwise: a sequence begins with a start, and what is
    trained at no cost would count as its own.

    Args:
        config: the settings of the run.
        progress_bar: whether to show a progress bar.

    Returns:
        The run folder.

    Raises:
        InputError: a value, the data set or the folder cannot be used.
    """
    config.check()
    if config.budget is not None and config.given is None:
        config = replace(config, given=0.0)
    data = config.load()
    make: Any = partial(make_env, config, data)
    env = make()  # raises InputError for bad settings, before there is a folder or a progress bar
    layout = layout_of(env.observation_space)
    total, shown = config.total_batches, {"unit": "batch"}
    if isinstance(env, BudgetDesignEnv):
        total, shown = _cost_of_batches(total, env), MULTIPLY_ADDS
    with (
        result_folder(config.folder) as folder,
        progress(progress_bar, total=total, **shown) as bar,
    ):
        write_config(folder, config, data)
        problem = Problem(make, total, config.seed, on_spent=bar.update)
        sequence = evolve_sequence(problem)
        # A shorter one was followed by "none".
        sequence = (*sequence, *[NO_OP] * (env.episode_steps - len(sequence)))
        save_edit_sequence(folder, sequence, layout)
    return config.folder


def _cost_of_batches(batches: int, env: BudgetDesignEnv) -> int:
    """Multiply-adds of so many batches in episodes with the reference network, mean over data."""
    settings = env.hyperparameters
    units = [unit_cost(each, settings.batch_size_for(each.train.size)) for each in env.datasets]
    return batches * sum(units) // (len(units) * UNIT_STEPS * UNIT_BATCHES)
