"""Training a controller with PPO: one call."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import CallbackList, CheckpointCallback
from stable_baselines3.common.logger import CSVOutputFormat, Logger, TensorBoardOutputFormat
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from rlnas import archive, datasets
from rlnas.agents.callbacks import ArchiveDesigns, BestDesign, DesignLog, Progress
from rlnas.agents.config import TrainConfig
from rlnas.agents.episodes import as_json, make_env
from rlnas.agents.features import policy_arguments
from rlnas.agents.policy import check_start, save_policy, start_from
from rlnas.agents.shared_episodes import SeededEpisodes, SharedEpisodes
from rlnas.envs.sb3_vec_env import ThreadedVecEnv
from rlnas.files import new_folder, write_json

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
    """
    config.check()
    if config.start is not None:
        check_start(config.start, config.algorithm, list(config.net_arch), config.features)
    data = datasets.load_all(list(config.dataset), config.data_dir)
    make = partial(make_env, config, data, reward=config.reward)
    first = make()  # checks the rest of the values before anything is written
    folder = new_folder(config.folder)
    write_json(folder / "config.json", as_json(config))

    # The policy is tiny: more threads would only take cores from the environments.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    envs = [first, *(make() for _ in range(config.num_envs - 1))]
    env = new_vec_env(config, envs)
    outputs = [
        CSVOutputFormat(str(folder / "progress.csv")),
        TensorBoardOutputFormat(str(folder / "tensorboard")),
    ]
    logger = Logger(str(folder), outputs)
    try:
        model = new_model(config, env)
        if config.start is not None:
            start_from(config.start, model.policy)
        model.set_logger(logger)
        steps = config.updates * config.rollout_steps
        interval = -(-steps // config.checkpoints)
        callbacks = [
            DesignLog(_as_markdown(config)),
            BestDesign(folder / "best"),
            ArchiveDesigns(folder / archive.FILE),
            CheckpointCallback(interval, str(folder / "checkpoints"), name_prefix="policy"),
        ]
        if progress_bar:
            callbacks.append(Progress())
        model.learn(steps * config.num_envs, callback=CallbackList(callbacks))
        save_policy(folder, model.policy, config.algorithm, list(config.net_arch), config.features)
        model.save(folder / "policy.zip")
    finally:
        logger.close()
        env.close()
        torch.set_num_threads(threads)
    return folder


def train_once(config: TrainConfig) -> Path:
    """The run folder of a training, which is carried out if it is not there yet.

    One that was cut short begins again: its folder is cleared first.

    Raises:
        InputError: as for `train`; also for a folder that holds something else.
    """
    folder = config.folder
    if not (folder / "policy.zip").is_file():  # what a training writes last
        if (folder / "config.json").is_file():  # what it writes first
            shutil.rmtree(folder)
        train(config, progress_bar=False)
    return folder


def new_vec_env(config: TrainConfig, envs: Sequence[gym.Env]) -> VecEnv:
    """Environments that step at the same time, in groups if the configuration says so."""
    if config.group > 1:
        envs = [SeededEpisodes(env, config.seed + k // config.group) for k, env in enumerate(envs)]
    together = VecMonitor(ThreadedVecEnv([partial(_same, env) for env in envs]))
    return together if config.group == 1 else SharedEpisodes(together, config.group)


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


def _same(env: gym.Env) -> gym.Env:
    return env


def _as_markdown(config: TrainConfig) -> str:
    rows = "\n".join(f"| {key} | {value} |" for key, value in as_json(config).items())
    return f"| setting | value |\n|---|---|\n{rows}"
