"""Amortised design: one training run on data a policy has never seen, against fixed schedules."""

from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlnas import datasets
from rlnas.agents.baselines.dense_training import dense_training
from rlnas.agents.baselines.magnitude_pruning import magnitude_pruning
from rlnas.agents.baselines.rigl import rigl
from rlnas.agents.baselines.snip import snip
from rlnas.agents.baselines.sparse_evolutionary_training import sparse_evolutionary_training
from rlnas.agents.compare import CONTROLLER
from rlnas.agents.design import Policy, run_episode
from rlnas.agents.policy import load_policy
from rlnas.agents.resumable import run_all
from rlnas.agents.search import NONE
from rlnas.datasets import Dataset
from rlnas.envs.design_env import DesignEnv
from rlnas.network import SparseNetwork
from rlnas.scoring import REFERENCE_WIDTH, reference_weights, score
from rlnas.training import evaluate

SCHEDULES: dict[str, Callable[..., SparseNetwork]] = {
    "magnitude_pruning": magnitude_pruning,
    "rigl": rigl,
    "set": sparse_evolutionary_training,
    "snip": snip,
    "dense": dense_training,
}
"""Fixed schedules; all but the dense one end with the weights that the controller chose."""


def transfer(
    policy: Path,
    schedule: tuple[int, ...] | None,
    sources: Iterable[str],
    penalties: tuple[float, ...],
    n_seeds: int,
    out: Path,
    data_dir: str | None = None,
    n_jobs: int = -1,
    progress_bar: bool = True,
) -> list[dict[str, Any]]:
    """Design once for every data set, penalty and seed, by every method.

    Each combination is a file in `out / "runs"`, so that the same call again goes on where the last
    one ended.

    Args:
        policy: run folder of the controller.
        schedule: the actions of an open-loop rival, or None.
        sources: data sets.
        penalties: what the reference number of weights costs, in accuracy.
        n_seeds: from 0.
        out: folder for the results.
        data_dir: where IDX files are looked for.
        n_jobs: workers; -1 for as many as there are processors.
        progress_bar: show one.

    Returns:
        For each combination `dataset`, `penalty`, `seed`, and as `designs` what `design_once`
        returns.
    """
    combinations = list(product(sources, penalties, range(n_seeds)))
    calls = {
        out / "runs" / f"{source.replace(':', '_')}-{penalty:g}-{seed}.json": (
            policy,
            schedule,
            source,
            penalty,
            seed,
            data_dir,
        )
        for source, penalty, seed in combinations
    }
    return run_all(_design, calls, "design", n_jobs, progress_bar)


def _design(
    policy: Path,
    schedule: tuple[int, ...] | None,
    source: str,
    penalty: float,
    seed: int,
    data_dir: str | None,
) -> dict[str, Any]:
    torch.set_num_threads(1)
    data = datasets.load(source, data_dir=data_dir)
    policies: dict[str, Policy] = {CONTROLLER: load_policy(policy), "start": lambda *_: NONE}
    if schedule is not None:
        policies["open_loop"] = _follow(schedule)
    designs = design_once(data, penalty, seed, policies)
    return {"dataset": source, "penalty": penalty, "seed": seed, "designs": designs}


def _follow(schedule: tuple[int, ...]) -> Policy:
    following = iter(schedule)
    return lambda observation, mask: next(following)


def design_once(
    data: Dataset, penalty: float, seed: int, policies: dict[str, Policy]
) -> dict[str, dict[str, float]]:
    """One design by each policy and by each of `SCHEDULES`, after the same training batches.

    Args:
        data: the data set.
        penalty: what the reference number of weights costs, in accuracy.
        seed: of the episodes and the schedules.
        policies: by name; the schedules end with the weights that the first one chose, in a
            network of one hidden layer of the reference width.

    Returns:
        For each method `score`, `val_accuracy`, `test_accuracy`, `test_score` (of test accuracy)
        and `active_weights` of the network after the last batch.
    """
    env = DesignEnv(data, penalty=penalty)
    networks: dict[str, SparseNetwork] = {}
    for name, policy in policies.items():
        run_episode(env, policy, seed)
        networks[name] = env.now.network
    batches = (env.episode_steps + 1) * env.training_batches
    sizes = (data.n_features, REFERENCE_WIDTH, data.n_classes)
    count = min(next(iter(networks.values())).active_weights, env.reference)  # dense, at most
    for name, train in SCHEDULES.items():
        networks[name] = train(sizes, count, data, batches, np.random.default_rng(seed))
    return {name: _judge(network, data, penalty) for name, network in networks.items()}


def _judge(network: SparseNetwork, data: Dataset, penalty: float) -> dict[str, float]:
    reference = reference_weights(data.n_features, data.n_classes)
    val, test = (evaluate(network, data, split).accuracy for split in (data.validation, data.test))
    weights = network.active_weights
    return {
        "score": score(val, weights, penalty, reference),
        "test_score": score(test, weights, penalty, reference),
        "val_accuracy": val,
        "test_accuracy": test,
        "active_weights": weights,
    }
