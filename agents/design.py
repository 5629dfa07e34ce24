"""Designing with a trained policy: episodes, final training, the one look at the test set."""

from functools import partial
from typing import Any

import numpy as np
from tqdm import tqdm

from rlnas import datasets
from rlnas.agents.callbacks import record_of
from rlnas.agents.config import check_seed
from rlnas.agents.design_config import AssessConfig, DesignConfig, EvaluateConfig, ExportConfig
from rlnas.agents.episodes import env_like, thorough_env
from rlnas.agents.policy import Policy, load_policy
from rlnas.artefacts import load_design, save_design
from rlnas.datasets import Dataset
from rlnas.envs.design_env import Design, DesignEnv
from rlnas.errors import InputError
from rlnas.export import export
from rlnas.files import result_folder
from rlnas.network import SparseNetwork
from rlnas.training import Evaluation, check_fit, evaluate, final_training

FINAL_EPOCHS = 20
"""Passes of the final training over training and validation samples, for every data set."""


def random_policy(seed: int) -> Policy:
    """A policy that draws a legal action at random."""
    rng = np.random.default_rng(seed)
    return lambda observation, mask: int(rng.choice(np.flatnonzero(mask)))


def run_episode(env: DesignEnv, policy: Policy, seed: int) -> tuple[Design, list[dict[str, Any]]]:
    """Play one episode.

    Returns:
        The design with the best score of the episode, and the info of the start and every step.
    """
    env.best = None
    observation, info = env.reset(seed=seed)
    history = [info]
    over = False
    while not over:
        action = policy(observation, env.action_masks())
        observation, _, over, _, info = env.step(action)
        history.append(info)
    assert env.best is not None
    return env.best, history


def design(config: DesignConfig, progress_bar: bool = True) -> dict[str, Any]:
    """One episode of a trained policy, final training, one test.

    The design with the best score of the episode is trained on the training and validation
    samples (`rlnas.training.final_training`), then tested once. `design.json` and
    `network.safetensors` are written.

    Returns:
        What `design.json` holds.

    Raises:
        InputError: the policy, the data set or the folder cannot be used.
    """
    check_seed(config.seed)
    policy = load_policy(config.policy)
    make = thorough_env if config.thorough else partial(env_like, middle=True)
    env = make(config.policy, config.dataset, config.penalty, config.data_dir)
    with result_folder(config.folder) as out:
        network, record = finished(env, policy, config.seed, progress_bar)
        save_design(out, network, record)
    return record


def finished(
    env: DesignEnv, policy: Policy, seed: int, progress_bar: bool = False
) -> tuple[SparseNetwork, dict[str, Any]]:
    """The best design of one episode, trained to the end and tested once.

    Args:
        env: of one data set.
        policy: that designs.
        seed: of the episode and of the final training.
        progress_bar: show one of the final training.

    Returns:
        The trained network, and what is known of it, JSON values.
    """
    chosen, history = run_episode(env, policy, seed)
    network = chosen.network.copy()
    test = train_and_test(network, env.dataset, seed, progress_bar)
    record = {
        **record_of(chosen),
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "seed": seed,
        "initial": record_of(Design(chosen.network, history[0])),
        "history": [_step_of(info) for info in history],
    }
    return network, record


def train_and_test(
    network: SparseNetwork,
    data: Dataset,
    seed: int,
    progress_bar: bool = False,
    epochs: int = FINAL_EPOCHS,
) -> Evaluation:
    """Train a network in place on training and validation samples, then test it once."""
    with tqdm(total=epochs, unit="epoch", desc="final training", disable=not progress_bar) as bar:
        for result in final_training(network, data, epochs, np.random.default_rng(seed)):
            bar.set_postfix_str(f"loss {result.loss:.4f}")
            bar.update()
    return evaluate(network, data, data.test)


def evaluate_design(config: EvaluateConfig) -> dict[str, Any]:
    """Test accuracy, test loss and active weights of a design on disk.

    Raises:
        InputError: the design is damaged, or does not fit the data set.
    """
    network, _ = load_design(config.design)
    data = datasets.load(config.dataset, data_dir=config.data_dir)
    test = evaluate(network, data, data.test)
    return {
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "active_weights": network.active_weights,
    }


def export_design(config: ExportConfig) -> dict[str, Any]:
    """Export a design on disk; see `rlnas.export.export`.

    Raises:
        InputError: the design is damaged or does not fit the data set, the folder cannot be
            written to, or a package is missing.
    """
    network, record = load_design(config.design)
    data = datasets.load(config.dataset or record.get("dataset", ""), data_dir=config.data_dir)
    check_fit(network, data)
    with result_folder(config.folder) as out:
        return export(network, data, config.format, out)


def assess(config: AssessConfig, progress_bar: bool = True) -> dict[str, list[float]]:
    """Final scores of a trained policy and of random legal actions on the same fresh seeds.

    Raises:
        InputError: the policy or the data set cannot be used.
    """
    if config.episodes < 2:
        raise InputError(f"--episodes {config.episodes}: expected at least 2, to tell the spread")
    check_seed(config.seed)
    policies: dict[str, Policy] = {
        "trained": load_policy(config.policy),
        "random": random_policy(config.seed),
    }
    env = env_like(config.policy, config.dataset, config.penalty, config.data_dir)
    scores: dict[str, list[float]] = {name: [] for name in policies}
    with tqdm(total=2 * config.episodes, unit="episode", disable=not progress_bar) as bar:
        for name, policy in policies.items():
            for k in range(config.episodes):
                _, history = run_episode(env, policy, config.seed + k)
                scores[name].append(history[-1]["score"])
                bar.update()
    return scores


def _step_of(info: dict[str, Any]) -> dict[str, Any]:
    keys = ("action", "applied", "score", "val_accuracy", "val_loss", "active_weights")
    return {**{key: info[key] for key in keys}, "layer_sizes": list(info["layer_sizes"])}
