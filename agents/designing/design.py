"""Designing with a trained policy: episodes, final training and a single test."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rlnas.agents.config import SHIPPED, check_seed, stem
from rlnas.agents.designing.evaluation import design_facts, evaluation_metrics
from rlnas.agents.designing.finish import BRIEF_BATCHES, best_of, candidates, finish
from rlnas.agents.policies.environments import env_like, thorough_env
from rlnas.agents.policies.episode import play_episode, random_policy
from rlnas.agents.policies.policy import Policy, fingerprint, load_policy
from rlnas.data.datasets import Dataset, Source
from rlnas.designs.saved import save_design
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.episode import Design
from rlnas.errors import InputError
from rlnas.files.folders import result_folder
from rlnas.nn.architecture import layers_of
from rlnas.nn.network import SparseNetwork
from rlnas.progress import progress
from rlnas.validation import is_whole, whole


class Designed(NamedTuple):
    """The result of `design`.

    Attributes:
        folder: Folder of the design.
        network: The trained network.
        record: Content of `design.json`.
    """

    folder: Path
    network: SparseNetwork
    record: dict[str, Any]


def design(
    policy: str | Path = SHIPPED,
    dataset: Source | None = None,
    out: str | Path | None = None,
    *,
    seed: int = 0,
    penalty: float | None = None,
    thorough: bool = False,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> Designed:
    """Design a network with a trained policy, train it to the end, and test it once.

    The design with the best score of one episode and a linear network are each trained briefly; the
    better one on the validation samples is trained to the end on training and validation samples
    (`rlnas.agents.designing.finish`), then tested once and written to a folder.

    Args:
        policy: Run folder of a training; by default the policy that comes with rlnas.
        dataset: What `rlnas.load_dataset` takes; by default the first data set that the policy was
            trained on.
        out: Folder for the design; by default `designs/<dataset>-<seed>`.
        seed: Seed of the episode and of the final training.
        penalty: Price of the reference number of weights, in accuracy; by default the price of the
            training, or the geometric middle of its range.
        thorough: Start from 300 dense neurons, make 40 edits, and train for an epoch after each.
        data_dir: Folder with IDX files, searched first.
        progress_bar: Show progress.

    Raises:
        InputError: The policy, the data set or the folder cannot be used.
    """
    check_seed(seed)
    if isinstance(dataset, list):
        raise InputError("a design is for one data set: give them one after the other")
    run = Path(policy)
    trained = load_policy(run)
    make = thorough_env if thorough else partial(env_like, middle=True)
    env = make(run, dataset, penalty, data_dir)
    name = stem(env.dataset.name if dataset is None or isinstance(dataset, Dataset) else dataset)
    folder = Path("designs") / f"{name}-{seed}" if out is None else Path(out)
    with result_folder(folder) as results:
        network, record = design_and_train(env, trained, seed, progress_bar)
        record |= {
            "policy": {"name": run.name, "sha256": fingerprint(run)},
            "thorough": thorough,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        save_design(results, network, env.dataset.preprocessing, record)
    return Designed(folder, network, record)


def design_and_train(
    env: DesignEnv, policy: Policy, seed: int, progress_bar: bool = False
) -> tuple[SparseNetwork, dict[str, Any]]:
    """Play one episode, train its best design to the end and test it once.

    Args:
        env: Environment with one data set.
        policy: Policy that chooses the edits.
        seed: Seed of the episode and of the final training.
        progress_bar: Show the progress of the episode, then that of the final training.

    Returns:
        The trained network, and its record as JSON values.
    """
    seed, data = whole("seed", seed), env.dataset
    episode = play_episode(env, policy, seed, progress_bar)
    network, record = trained_to_the_end(env, *episode, seed, progress_bar)
    return network, {**record, **evaluation_metrics(network, data, data.test)}


def trained_to_the_end(
    env: DesignEnv,
    chosen: Design,
    history: list[dict[str, Any]],
    seed: int,
    progress_bar: bool = False,
) -> tuple[SparseNetwork, dict[str, Any]]:
    """Train the best design of an episode to the end, or a linear network if that is better.

    Args:
        env: Environment of the episode.
        chosen: Best design of the episode.
        history: Infos of its reset and of every step.
        seed: Seed of the training.
        progress_bar: Show progress.

    Returns:
        The trained network, and what is known about it without the test samples, as JSON values.
    """
    data = env.dataset
    compared = candidates(chosen.network, data, chosen.info["penalty"], seed)
    best = best_of(compared)
    network = best.network
    record = {
        **design_facts(chosen),
        "score": best.score,
        "val_accuracy": best.validation.accuracy,
        "val_loss": best.validation.loss,
        "active_weights": network.active_weights,
        "density": network.density,
        "layer_sizes": [*network.layer_sizes],
        "layer_densities": [*network.layer_densities],
        **data.origin,
        "reference": env.reference,
        "linear": best is not compared[0],
        "seed": seed,
        "initial": design_facts(Design(chosen.network, history[0])),
        "history": [_step_of(info) for info in history],
    }
    before = network.steps - BRIEF_BATCHES
    finish(network, data, seed, progress_bar)
    return network, {**record, "batches": {"episode": before, "all": network.steps}}


def evaluate_policy(
    policy: str | Path = SHIPPED,
    dataset: Source | None = None,
    *,
    episodes: int = 10,
    seed: int = 10_000,
    penalty: float | None = None,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> dict[str, list[float]]:
    """Compare a trained policy with random legal actions over fresh episodes.

    Args:
        policy: Run folder of a training; by default the policy that comes with rlnas.
        dataset: What `rlnas.load_dataset` takes; by default what the policy was trained on.
        episodes: Number of episodes of each policy, on the same seeds; at least 2.
        seed: Seed of the first episode.
        penalty: Price of the reference number of weights, in accuracy; by default as in training.
        data_dir: Folder with IDX files, searched first.
        progress_bar: Show progress.

    Returns:
        Final scores of the episodes of the policies `trained` and `random`.

    Raises:
        InputError: The policy, the data set or a number cannot be used.
    """
    if not is_whole(episodes) or episodes < 2:
        raise InputError(f"--episodes {episodes}: expected at least 2, to tell the spread")
    check_seed(seed)
    policies: dict[str, Policy] = {
        "trained": load_policy(policy),
        "random": random_policy(seed),
    }
    env = env_like(Path(policy), dataset, penalty, data_dir)
    scores: dict[str, list[float]] = {name: [] for name in policies}
    with progress(progress_bar, total=2 * episodes, unit="episode") as bar:
        for name, choose in policies.items():
            for k in range(episodes):
                _, history = play_episode(env, choose, seed + k)
                scores[name].append(history[-1]["score"])
                bar.update()
    return scores


def _step_of(info: dict[str, Any]) -> dict[str, Any]:
    keys = ("action", "applied", "score", "val_accuracy", "val_loss", "active_weights")
    return {**{key: info[key] for key in keys}, "layer_sizes": layers_of(info)["layer_sizes"]}
