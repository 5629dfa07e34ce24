"""A run folder: names of what is in it, and why it may hold no policy."""

from pathlib import Path

from rlnas.agents.config import TrainConfig
from rlnas.agents.policies.run_config import FILE, read_config
from rlnas.files.folders import LOCK

ENDED = "policy.zip"
"""What a training writes last."""

LAST = "last"
"""Folder in a run folder with the last policy, if another was better."""

SEED = "seed-"
"""Begin of the names of run folders that are trainings with several seeds."""


def has_ended(run: Path) -> bool:
    """Whether the training in a run folder has ended."""
    return (run / ENDED).is_file()


def runs_of_seeds(folder: Path) -> list[Path]:
    """The run folders in a folder of trainings with several seeds; in any other there are none."""
    return sorted(path.parent for path in folder.glob(f"{SEED}*/{FILE}"))


def is_one_of_seeds(run: Path) -> bool:
    """Whether a run folder is in a folder of trainings with several seeds."""
    place = run.resolve()
    return place.name.startswith(SEED) and (place.parent / LOCK).is_file()


def not_ended(run: Path) -> str:
    """What to say of a training that has not ended."""
    return f"the training in {run} has not ended: first go on with rlnas train --resume {run}"


def why_no_policy(folder: Path) -> str:
    """What to say of a folder without a policy.

    Raises:
        InputError: `config.json` is damaged.
    """
    if runs := runs_of_seeds(folder):
        return f"{folder} holds trainings with several seeds: choose one of them, such as {runs[0]}"
    if folder.name == LAST and has_ended(folder.parent):
        return f"there is no {folder}: the policy in {folder.parent} is the last one, choose that"
    begun = (folder / FILE).is_file() and isinstance(read_config(folder), TrainConfig)
    if begun and not has_ended(folder):
        return not_ended(folder)
    return f"{folder} holds no policy: expected a run folder of `rlnas train`"
