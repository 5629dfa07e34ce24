"""Designing with a trained policy: episodes, final training, the one look at the test set."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np

from rlnas.agents.cli.design_config import AssessConfig, DesignConfig
from rlnas.agents.config import check_seed
from rlnas.agents.designing.evaluation import metrics_of, record_of
from rlnas.agents.policies.environments import env_like, thorough_env
from rlnas.agents.policies.episode import play_episode, random_policy
from rlnas.agents.policies.policy import Policy, fingerprint, load_policy
from rlnas.data.datasets import Dataset
from rlnas.designs.saved import save_design
from rlnas.envs.design_env import Design, DesignEnv
from rlnas.errors import InputError
from rlnas.files.folders import result_folder
from rlnas.nn.architecture import layers_of
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import final_training
from rlnas.progress import progress
from rlnas.validation import is_whole, whole

FINAL_EPOCHS = 20
"""Passes of the final training over training and validation samples, for every data set."""


def design(config: DesignConfig, progress_bar: bool = True) -> dict[str, Any]:
    """One episode of a trained policy, final training, one test.

    The design with the best score of the episode is trained on the training and validation
    samples (`rlnas.nn.training.final_training`), then tested once. `design.json` and
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
    with result_folder(config.folder_for(env.dataset.name)) as out:
        network, record = finished(env, policy, config.seed, progress_bar)
        record |= {
            "policy": {"name": config.policy.name, "sha256": fingerprint(config.policy)},
            "thorough": config.thorough,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        save_design(out, network, env.dataset.preprocessing, record)
    return record


def finished(
    env: DesignEnv, policy: Policy, seed: int, progress_bar: bool = False
) -> tuple[SparseNetwork, dict[str, Any]]:
    """The best design of one episode, trained to the end and tested once.

    Args:
        env: of one data set.
        policy: that designs.
        seed: of the episode and of the final training.
        progress_bar: show one of the episode, then one of the final training.

    Returns:
        The trained network, and what is known of it, JSON values.
    """
    seed = whole("seed", seed)
    chosen, history = play_episode(env, policy, seed, progress_bar)
    network = chosen.network.copy()
    test = train_and_test(network, env.dataset, seed, progress_bar)
    record = {
        **record_of(chosen),
        **env.dataset.origin,
        "reference": env.reference,
        **test,
        "seed": seed,
        "batches": {"episode": chosen.network.steps, "all": network.steps},
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
) -> dict[str, Any]:
    """Train a network in place on training and validation samples, then test it once.

    Returns:
        What `rlnas.agents.designing.evaluation.metrics_of` gives.
    """
    epochs, seed = whole("epochs", epochs), whole("seed", seed)
    with progress(progress_bar, total=epochs, unit="epoch", desc="final training") as bar:
        for result in final_training(network, data, epochs, np.random.default_rng(seed)):
            bar.set_postfix_str(f"loss {result.loss:.4f}", refresh=False)
            bar.update()
    return metrics_of(network, data, data.test)


def evaluate_policy(config: AssessConfig, progress_bar: bool = True) -> dict[str, list[float]]:
    """Final scores of a trained policy and of random legal actions on the same fresh seeds.

    Raises:
        InputError: the policy or the data set cannot be used.
    """
    if not is_whole(config.episodes) or config.episodes < 2:
        raise InputError(f"--episodes {config.episodes}: expected at least 2, to tell the spread")
    check_seed(config.seed)
    policies: dict[str, Policy] = {
        "trained": load_policy(config.policy),
        "random": random_policy(config.seed),
    }
    env = env_like(config.policy, config.dataset, config.penalty, config.data_dir)
    scores: dict[str, list[float]] = {name: [] for name in policies}
    with progress(progress_bar, total=2 * config.episodes, unit="episode") as bar:
        for name, policy in policies.items():
            for k in range(config.episodes):
                _, history = play_episode(env, policy, config.seed + k)
                scores[name].append(history[-1]["score"])
                bar.update()
    return scores


def _step_of(info: dict[str, Any]) -> dict[str, Any]:
    keys = ("action", "applied", "score", "val_accuracy", "val_loss", "active_weights")
    return {**{key: info[key] for key in keys}, "layer_sizes": layers_of(info)["layer_sizes"]}
