"""Evolving an open-loop schedule into a run folder, to be used like a trained policy."""

from functools import partial
from pathlib import Path

from rlnas.agents.config import EvolveConfig
from rlnas.agents.policies.environments import make_env
from rlnas.agents.policies.policy import save_edit_sequence
from rlnas.agents.policies.run_config import write_config
from rlnas.agents.search.open_loop import evolve_schedule
from rlnas.agents.search.problem import Problem
from rlnas.data import datasets
from rlnas.files.folders import result_folder
from rlnas.progress import progress


def evolve(config: EvolveConfig, progress_bar: bool = True) -> Path:
    """Evolve one sequence of edits for the episodes of a configuration.

    The run folder receives `config.json` and `policy.json`.

    Args:
        config: everything about the run.
        progress_bar: show one.

    Returns:
        The run folder.

    Raises:
        InputError: a value, the data set or the folder cannot be used.
    """
    config.check()
    data = datasets.load_datasets(list(config.dataset), config.data_dir)
    problem = Problem(partial(make_env, config, data), config.budget, config.seed)
    with (
        result_folder(config.folder) as folder,
        progress(progress_bar, total=config.budget, unit="batch") as bar,
    ):
        write_config(folder, config, data)
        problem.archive.bar = bar
        save_edit_sequence(folder, evolve_schedule(problem))
    return config.folder
