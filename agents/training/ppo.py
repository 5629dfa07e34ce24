"""Training a policy with PPO: starting a run, resuming it to the same bits, extending it."""

import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from rlnas.agents.config import WORKERS, TrainConfig
from rlnas.agents.policies.environments import make_env
from rlnas.agents.policies.run_config import (
    FILE,
    as_json,
    check_data,
    read_config,
    read_train_config,
    write_config,
)
from rlnas.agents.policies.run_folder import ENDED, has_ended, is_one_of_seeds, not_ended
from rlnas.agents.training.checkpoint import FOLDER, checkpoints, read
from rlnas.agents.training.run import TrainingRun, new_run
from rlnas.agents.training.start import folder_of, start_from, with_its_network
from rlnas.agents.training.watching.held_out import episodes_of, steps_between
from rlnas.data.dataset import Dataset
from rlnas.errors import InputError
from rlnas.files.folders import LOCK, locked, new_folder
from rlnas.files.typed import Damaged
from rlnas.markdown import markdown_table


def train(
    config: TrainConfig, progress_bar: bool = True, callbacks: Sequence[BaseCallback] = ()
) -> Path:
    """Train a controller.

    The run folder receives `config.json`, `policy.safetensors` with `policy.json`, `policy.zip`
    (the model as Stable-Baselines3 saves it), `best/` (the best design seen), `designs.sqlite`
    (the facts of all), `progress.csv`, events of TensorBoard and `checkpoints/`.

    Args:
        config: everything about the run.
        progress_bar: show one.
        callbacks: callbacks of Stable-Baselines3, called after those of rlnas. They may log, and
            end the training by returning False from `_on_step`: the rollout that is cut short is
            not learned from. Checkpoints hold nothing of them.

    Returns:
        The run folder.

    Raises:
        InputError: a value, a callback, the data set or the folder cannot be used.
        Paused: after Ctrl-C, when the rollout was finished and a checkpoint written; after the
            second one at once.
    """
    config.check()
    _check_callbacks(callbacks)
    config = with_its_network(config)
    data = config.load()
    # Checks the other values, before anything is written.
    make_env(config, data)
    _check_new(config.folder)
    folder = new_folder(config.folder)
    with locked(folder):
        new_folder(folder)  # it still is, now that no other process can begin here
        _train_anew(config, data, folder, progress_bar, callbacks)
    return folder


def resume(
    folder: str | Path,
    progress_bar: bool = True,
    callbacks: Sequence[BaseCallback] = (),
    **where: Any,
) -> Path:
    """Go on with a training that was cut short, from its last checkpoint.

    What comes out is, bit for bit, what would have come out without the interruption, but for the
    clock.

    Args:
        folder: Run folder of the training.
        progress_bar: Show progress.
        callbacks: As for `train`; they begin anew.
        **where: The settings `workers`, `num_workers` and `address` of `TrainConfig`, by default
            their defaults; where the training ran before does not matter.

    Returns:
        The run folder.

    Raises:
        InputError: the folder holds no training, one that has ended, or one that another process
            is working on; or all checkpoints are damaged.
        Paused: as `train`.
    """
    folder = Path(folder)
    config = _placed(folder, where)
    _check_callbacks(callbacks)
    if has_ended(folder):
        raise InputError(f"the training in {folder} has ended: there is nothing to resume")
    data = config.load()
    check_data(folder, data)
    with locked(folder):
        _go_on(config, data, folder, progress_bar, callbacks)
    return folder


def extend(
    folder: str | Path,
    total_timesteps: int,
    progress_bar: bool = True,
    callbacks: Sequence[BaseCallback] = (),
    **where: Any,
) -> Path:
    """Go on with a training that has ended, in the same folder.

    Experience and updates go on as if the training had been cut short. The learning rate is the one
    that a training of the new length has at this step, and falls to zero again; evaluations stay as
    far apart, and on the same episodes. When that was cut short, `resume` goes on.

    Args:
        folder: Run folder of the training.
        total_timesteps: Steps of the whole training, more than it had.
        progress_bar: Show progress.
        callbacks: As for `train`; they begin anew.
        **where: As for `resume`.

    Returns:
        The run folder.

    Raises:
        InputError: the folder holds no training, one that has not ended, or one that another
            process is working on; it had as many steps already; or all checkpoints are damaged.
        Paused: as `train`.
    """
    folder = Path(folder)
    config = _placed(folder, where)
    _check_callbacks(callbacks)
    if is_one_of_seeds(folder):
        raise InputError(
            f"{folder} is the training with one of several seeds, which are all as long: extend a "
            "copy of it elsewhere"
        )
    longer = replace(
        config,
        total_timesteps=total_timesteps,
        eval_every=steps_between(config) if episodes_of(config) else None,
        eval_episodes=episodes_of(config),
    )
    longer.check()
    with locked(folder):
        if not has_ended(folder):
            raise InputError(not_ended(folder))
        if longer.timesteps <= config.timesteps:
            raise InputError(
                f"--total-timesteps {total_timesteps}: expected more than the {config.timesteps:,} "
                f"steps that the training in {folder} has had"
            )
        data = longer.load()
        check_data(folder, data)
        with restored(longer, data, folder) as run:
            (folder / ENDED).unlink()
            write_config(folder, longer, data)
            run.open_logs()
            run.fit(progress_bar, callbacks)
    return folder


def train_once(config: TrainConfig, progress_bar: bool = False) -> Path:
    """Train, resume an interrupted training, or do nothing if it has ended.

    Args:
        config: Settings of the training.
        progress_bar: Show progress.

    Returns:
        The run folder.

    Raises:
        InputError: As for `train`, or the folder holds something else.
    """
    folder = config.folder
    if has_ended(folder):
        return folder
    if (folder / FILE).is_file():  # what a training writes first
        return resume(folder, progress_bar, **{name: getattr(config, name) for name in WORKERS})
    return train(config, progress_bar)


def _placed(folder: Path, where: dict[str, Any]) -> TrainConfig:
    """The settings of a training, but where environments run, which may be another place now."""
    default = {name: getattr(TrainConfig, name) for name in WORKERS}
    config = replace(read_train_config(folder), **{**default, **where})
    config.check()
    return config


def _go_on(
    config: TrainConfig,
    data: list[Dataset],
    folder: Path,
    progress_bar: bool,
    callbacks: Sequence[BaseCallback],
) -> None:
    """Train on from the last checkpoint, or from the beginning if there is none."""
    if checkpoints(folder):
        with restored(config, data, folder) as run:
            run.open_logs()
            run.fit(progress_bar, callbacks)
    else:
        _remove_results(folder)
        _train_anew(config, data, folder, progress_bar, callbacks)


def _check_new(folder: Path) -> None:
    """Raise `InputError` if there is a training in a folder, and say what can be done with it."""
    if (folder / FILE).is_file() and isinstance(read_config(folder), TrainConfig):
        then = "extend it with --extend" if has_ended(folder) else "go on with it with --resume"
        raise InputError(
            f"there is a training in {folder}: choose another --run-dir, or {then} {folder}"
        )


def _check_callbacks(callbacks: Any) -> None:
    """Raise `InputError` unless there are callbacks of Stable-Baselines3 in a sequence."""
    if not isinstance(callbacks, Sequence):
        raise InputError(f"callbacks: expected a list, found {type(callbacks).__name__}")
    for each in callbacks:
        if not isinstance(each, BaseCallback):
            kind = each.__name__ if isinstance(each, type) else type(each).__name__
            raise InputError(
                f"callbacks: expected instances of stable_baselines3's BaseCallback, found {kind}"
            )


def _train_anew(
    config: TrainConfig,
    data: list[Dataset],
    folder: Path,
    progress_bar: bool,
    callbacks: Sequence[BaseCallback],
) -> None:
    with new_run(config, data, folder) as run:
        if start := folder_of(config):
            start_from(start, run.model.policy)
        if not (folder / FILE).is_file():  # not before there are environments, perhaps on Ray
            write_config(folder, config, data)
        run.open_logs(_as_markdown(config))
        run.fit(progress_bar, callbacks)


def _remove_results(folder: Path) -> None:
    """Remove what a training wrote before its first checkpoint."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in ("config.json", LOCK):
            path.unlink()


@contextmanager
def restored(config: TrainConfig, data: list[Dataset], folder: Path) -> Iterator[TrainingRun]:
    """A training in the state of its last checkpoint that is not damaged; no file is changed.

    Args:
        config: settings of the training.
        data: the data sets that they name.
        folder: the run folder.

    Raises:
        InputError: all checkpoints are damaged.
    """
    for path in reversed(checkpoints(folder)):
        with new_run(config, data, folder) as run:
            try:
                run.load_state_dict(read(path))
            except Damaged as error:
                warn = logging.getLogger(__name__).warning
                warn("%s is damaged and passed over: %s", path, error)
                continue
            yield run
            return
    raise InputError(
        f"all checkpoints in {folder / FOLDER} are damaged or of another training: train again"
    )


def _as_markdown(config: TrainConfig) -> str:
    """The settings that are not left open, as a table."""
    given = [(name, each) for name, each in as_json(config).items() if each not in (None, [])]
    return markdown_table(("setting", "value"), given)
