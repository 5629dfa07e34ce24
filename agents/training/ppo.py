"""Training a controller with PPO: one call."""

import io
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from rlnas.agents.config import WORKERS, TrainConfig
from rlnas.agents.policies.environments import make_env
from rlnas.agents.policies.feature_extractors import policy_arguments
from rlnas.agents.policies.policy import check_start, save_policy, start_from
from rlnas.agents.policies.run_config import as_json, check_data, read_train_config, write_config
from rlnas.agents.training.callbacks import ArchiveDesigns, BestDesign, DesignLog, Progress
from rlnas.agents.training.checkpoint import FOLDER, Checkpoints, checkpoints, read
from rlnas.agents.training.interrupt import interrupts
from rlnas.agents.training.logs import Kept, kept_logs, logs_state, open_logs, quiet_writers
from rlnas.agents.training.state import check_finite, restore
from rlnas.data import datasets
from rlnas.data.datasets import Dataset
from rlnas.designs import database
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.group_baseline import SeededEpisodes, SharedEpisodes
from rlnas.envs.replay import ReplayableEnv, ReplayableVecEnv
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.expected import Damaged
from rlnas.files.folders import LOCK, locked, new_folder

ALGORITHMS = {"ppo": PPO, "maskable_ppo": MaskablePPO}


def train(config: TrainConfig, progress_bar: bool = True) -> Path:
    """Train a controller.

    The run folder receives `config.json`, `policy.safetensors` with `policy.json`, `policy.zip`
    (the model as Stable-Baselines3 saves it), `best/` (the best design seen), `designs.sqlite`
    (the facts of all), `tensorboard/`, `progress.csv` and `checkpoints/`.

    Args:
        config: everything about the run.
        progress_bar: show one.

    Returns:
        The run folder.

    Raises:
        InputError: a value, the data set or the folder cannot be used.
        Paused: after Ctrl-C, when the rollout was finished and a checkpoint written.
    """
    config.check()
    if config.start is not None:
        check_start(config.start, config.algorithm, list(config.net_arch), config.features)
    data = datasets.load_datasets(list(config.dataset), config.data_dir)
    _maker(config, data)()  # checks the rest of the values before anything is written
    folder = new_folder(config.folder)
    with locked(folder):
        new_folder(folder)  # it still is, now that no other process can begin here
        write_config(folder, config, data)
        with _begun(config, data, folder) as model:
            _learn(config, data, model, folder, None, progress_bar)
    return folder


def resume(folder: Path, progress_bar: bool = True, **where: Any) -> Path:
    """Go on with a training that was cut short, from its last checkpoint.

    What comes out is, bit for bit, what would have come out without the interruption, but for the
    clock.

    Args:
        folder: of the run.
        progress_bar: show one.
        **where: the settings of `rlnas.agents.config.WORKERS`, by default their defaults: where a
            training went on so far does not matter.

    Returns:
        The run folder.

    Raises:
        InputError: the folder holds no training, one that has ended, or one that another process
            is working on; or all checkpoints are damaged.
        Paused: as `train`.
    """
    default = {name: getattr(TrainConfig, name) for name in WORKERS}
    config = replace(read_train_config(folder), **{**default, **where})
    config.check()
    if _ended(folder):
        raise InputError(f"the training in {folder} has ended: there is nothing to resume")
    data = datasets.load_datasets(list(config.dataset), config.data_dir)
    check_data(folder, data)
    with locked(folder):
        if checkpoints(folder):
            with restored(config, data, folder) as (model, kept):
                _learn(config, data, model, folder, kept, progress_bar)
        else:  # nothing that would be worth keeping
            for path in folder.iterdir():
                if path.is_dir():
                    shutil.rmtree(path)
                elif path.name not in ("config.json", LOCK):
                    path.unlink()
            with _begun(config, data, folder) as model:
                _learn(config, data, model, folder, None, progress_bar)
    return folder


def train_once(config: TrainConfig) -> Path:
    """The run folder of a training; it is carried out, or resumed, if it has not ended yet.

    Raises:
        InputError: as for `train`; also for a folder that holds something else.
    """
    folder = config.folder
    if _ended(folder):
        return folder
    if (folder / "config.json").is_file():  # what a training writes first
        return resume(folder, progress_bar=False)
    return train(config, progress_bar=False)


def _ended(folder: Path) -> bool:
    return (folder / "policy.zip").is_file()  # what a training writes last


def _maker(config: TrainConfig, data: list[Dataset]) -> Callable[[], DesignEnv]:
    return partial(make_env, config, data, reward=config.reward)


@contextmanager
def _begun(config: TrainConfig, data: list[Dataset], folder: Path) -> Iterator[Any]:
    """An untrained model; at the end its environments are closed."""
    env = new_vec_env(config, _maker(config, data))
    # The policy is tiny: more threads would only take cores from the environments.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = new_model(config, env)
        model.set_logger(Logger(str(folder), []))
        yield model
    finally:
        env.close()
        torch.set_num_threads(threads)


@contextmanager
def restored(config: TrainConfig, data: list[Dataset], folder: Path) -> Iterator[tuple[Any, Kept]]:
    """A model as it was at the last checkpoint that is not damaged, and what is kept of its logs.

    No file is changed.

    Args:
        config: of the training.
        data: what its data sets are, loaded.
        folder: of the run.

    Raises:
        InputError: all are damaged.
    """
    for path in reversed(checkpoints(folder)):
        with _begun(config, data, folder) as model:
            try:
                state, logs = read(path)
                restore(state, model, _maker(config, data)(), config.timesteps)
                kept = kept_logs(folder, logs)
            except Damaged as error:
                warn = logging.getLogger(__name__).warning
                warn("%s is damaged and passed over: %s", path, error)
                continue
            yield model, kept
            return
    raise InputError(
        f"all checkpoints in {folder / FOLDER} are damaged or of another training: train again"
    )


def _learn(
    config: TrainConfig,
    data: list[Dataset],
    model: Any,
    folder: Path,
    kept: Kept | None,
    progress_bar: bool,
) -> None:
    """Train a model, which goes on where there are logs to keep, and write the policy."""
    progress = Progress()
    try:
        with quiet_writers(), closing(model.logger):
            open_logs(model.logger, folder, kept or Kept())
            _fit(config, data, model, folder, kept, [progress] if progress_bar else [])
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror}; when it can be written to again, go on "
            f"with: rlnas train --resume {folder}"
        ) from error
    finally:
        progress.close()


def _fit(
    config: TrainConfig,
    data: list[Dataset],
    model: Any,
    folder: Path,
    kept: Kept | None,
    more: list[BaseCallback],
) -> None:
    seen = ArchiveDesigns(folder / database.FILE)
    design_log = DesignLog("" if kept else _as_markdown(config), seen.archive)
    best = BestDesign(folder / "best", data)
    if kept is not None:
        design_log.next_picture = kept.next_picture
    elif config.start is not None:
        start_from(config.start, model.policy)

    def logs() -> dict[str, Any]:
        return logs_state(folder, model.logger, design_log.next_picture)

    updates = model.num_timesteps // (config.rollout_steps * config.num_envs)
    with (
        interrupts("finishing this rollout; Ctrl-C again to leave at once") as asked,
        _counting_on(model, updates),
    ):
        callbacks = [seen, design_log, best, *more]
        try:
            model.learn(
                config.timesteps - model.num_timesteps,
                callback=CallbackList([*callbacks, Checkpoints(folder, logs, asked)]),
                reset_num_timesteps=kept is None,
            )
        except ValueError:  # from PyTorch's distributions, which know no NaN
            check_finite(model)
            raise
    check_finite(model)
    best.test()
    save_policy(folder, model.policy, config.algorithm, list(config.net_arch), config.features)
    archived = io.BytesIO()
    model.save(archived)
    replace_file(folder / "policy.zip", archived.getvalue())


@contextmanager
def _counting_on(model: Any, updates: int) -> Iterator[None]:
    """Let a model that has been resumed count its updates on; `learn` begins at zero."""
    dump = model.dump_logs
    model.dump_logs = lambda iteration: dump(iteration + updates)
    yield
    del model.dump_logs  # the method of the class is back, and the model can be saved


def new_vec_env(config: TrainConfig, make: Callable[[], gym.Env]) -> VecEnv:
    """Environments that step at the same time, in groups if the configuration says so.

    Args:
        config: of the training.
        make: gives an environment; Ray workers receive a copy of it.
    """
    one = partial(_episodes, config, make)
    venv: VecEnv
    if config.workers == "ray":
        from rlnas.agents.distributed.ray_vec_env import RayVecEnv

        venv = RayVecEnv(one, config.num_envs, config.num_workers, config.address)
    else:
        venv = ReplayableVecEnv([partial(one, index) for index in range(config.num_envs)])
    together = VecMonitor(venv)
    return (
        together
        if config.episode_group_size == 1
        else SharedEpisodes(together, config.episode_group_size)
    )


def _episodes(config: TrainConfig, make: Callable[[], gym.Env], index: int) -> gym.Env:
    env = ReplayableEnv(make())
    return (
        env
        if config.episode_group_size == 1
        else SeededEpisodes(env, config.seed + index // config.episode_group_size)
    )


def new_model(config: TrainConfig, env: VecEnv) -> Any:
    """The untrained model of a configuration."""
    return ALGORITHMS[config.algorithm](
        "MlpPolicy",
        env,
        # Stable-Baselines3 asks after a rollout: `left` is short of that rollout's share.
        learning_rate=lambda left: config.learning_rate * min(1.0, left + 1 / config.updates),
        n_steps=config.rollout_steps,
        batch_size=min(config.batch_size, config.rollout_steps * config.num_envs),
        n_epochs=config.epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        ent_coef=config.entropy,
        target_kl=config.target_kl,
        policy_kwargs=policy_arguments(config.net_arch, config.features),
        seed=config.seed,
        device="cpu",
    )


def _as_markdown(config: TrainConfig) -> str:
    rows = "\n".join(f"| {key} | {value} |" for key, value in as_json(config).items())
    return f"| setting | value |\n|---|---|\n{rows}"
