"""Amortised design: one training run on data a policy has never seen, against fixed schedules."""

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlnas.agents.cli.experiment_config import TransferConfig
from rlnas.agents.distributed.jobs import Call, own_folder, run_all
from rlnas.agents.experiments.compare import CONTROLLER
from rlnas.agents.policies.environments import env_like, episode_settings
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import Policy, fingerprint, load_policy
from rlnas.agents.sparse_training.dense import dense_training
from rlnas.agents.sparse_training.magnitude_pruning import magnitude_pruning
from rlnas.agents.sparse_training.rigl import rigl
from rlnas.agents.sparse_training.snip import snip
from rlnas.agents.sparse_training.sparse_evolutionary_training import sparse_evolutionary_training
from rlnas.data import datasets, synthetic
from rlnas.data.datasets import Dataset
from rlnas.envs.actions import NO_OP
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.validation import check_count
from rlnas.errors import InputError
from rlnas.files.json_schema import NUMBER, SHARE, WHOLE, record
from rlnas.nn import edits
from rlnas.nn.edits import EditError
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import evaluate
from rlnas.scoring import REFERENCE_WIDTH, reference_weights, score

SCHEDULES: dict[str, Callable[..., SparseNetwork]] = {
    "magnitude_pruning": magnitude_pruning,
    "saliency_pruning": partial(magnitude_pruning, saliency=edits.saliency),
    "rigl": rigl,
    "set": sparse_evolutionary_training,
    "snip": snip,
    "dense": dense_training,
}
"""Fixed schedules; all but the dense one end with the weights that the controller chose."""

NO_EDITS = "no_edits"
FIXED = (CONTROLLER, NO_EDITS, *SCHEDULES)
"""Methods that are always there."""

_DESIGN = record(
    score=NUMBER, test_score=NUMBER, val_accuracy=SHARE, test_accuracy=SHARE, active_weights=WHOLE
)


def transfer(config: TransferConfig, progress_bar: bool = True) -> list[dict[str, Any]]:
    """Design once for every data set, penalty and seed, by every method.

    The first policy is the controller; its training says how episodes start. Each combination is
    a file in the folder `runs` of `config.out`, so that the same call again goes on where the last
    one ended.

    Returns:
        For each combination `dataset`, `penalty`, `seed`, and as `designs` what `design_once`
        returns.

    Raises:
        InputError: a value cannot be used, the folder is another comparison's, or a result in it
            is damaged.
    """
    if not config.policies:
        raise InputError("no policy: expected at least one run folder")
    names = [run.name for run in config.policies[1:]]
    if len({*names, *FIXED}) < len(names) + len(FIXED):
        raise InputError(f"the rivals {names} need names of their own, other than {list(FIXED)}")
    check_count("seeds", config.seeds)
    sources = [
        member for name in config.datasets for member in synthetic.FAMILIES.get(name, (name,))
    ]
    prints = {  # refuses what cannot be designed for before anything is written
        source: datasets.load_dataset(source, data_dir=config.data_dir).fingerprint
        for source in sources
    }
    for penalty in config.penalties:
        env_like(config.policies[0], "wine", penalty)
    policies = [[run.name, fingerprint(run)] for run in config.policies]
    own_folder(config.out, {"policies": policies})
    settings = episode_settings(config.policies[0])
    form = record(**dict.fromkeys([*FIXED, *names], _DESIGN))
    everything = list(product(prints, dict.fromkeys(config.penalties), range(config.seeds)))
    calls = [
        Call(
            f"{Path(source).name}-{penalty:g}-{seed}",
            {
                "policies": policies,
                "episodes": settings,
                "data_sha256": prints[source],
                "penalty": penalty,
                "seed": seed,
            },
            (config.policies, source, prints[source], penalty, seed, config.data_dir),
            form,
        )
        for source, penalty, seed in everything
    ]
    found = run_all(_design, config.out / "runs", calls, "design", config.jobs, progress_bar)
    return [
        {"dataset": source, "penalty": penalty, "seed": seed, "designs": designs}
        for (source, penalty, seed), designs in zip(everything, found, strict=True)
    ]


def _design(
    runs: tuple[Path, ...],
    source: str,
    content: str,
    penalty: float,
    seed: int,
    data_dir: Path | None,
) -> dict[str, dict[str, float]]:
    torch.set_num_threads(1)
    first, *others = runs
    policies: dict[str, Policy] = {CONTROLLER: load_policy(first), NO_EDITS: lambda *_: NO_OP}
    policies |= {run.name: load_policy(run) for run in others}
    data = datasets.load_unchanged(source, content, data_dir)
    return design_once(env_like(first, data, penalty, data_dir, middle=True), seed, policies)


def design_once(
    env: DesignEnv, seed: int, policies: dict[str, Policy]
) -> dict[str, dict[str, float]]:
    """One design by each policy and by each of `SCHEDULES`, after the same training batches.

    Args:
        env: the task, of one data set and one penalty.
        seed: of the episodes and the schedules.
        policies: by name; the schedules end with the weights that the first one chose, in a
            network of one hidden layer of the reference width.

    Returns:
        For each method `score`, `val_accuracy`, `test_accuracy`, `test_score` (of test accuracy)
        and `active_weights`: of a policy's design with the best score of the episode, which is
        what `rlnas design` keeps, and of a schedule's network after the last batch. `score` is
        therefore a little flattering to policies; `test_score` is not.
    """
    networks: dict[str, SparseNetwork] = {}
    for name, policy in policies.items():
        networks[name] = play_episode(env, policy, seed)[0].network
    data, batches = env.dataset, (env.episode_steps + 1) * env.evaluation_cost
    sizes = (data.n_features, REFERENCE_WIDTH, data.n_classes)
    count = min(next(iter(networks.values())).active_weights, env.reference)  # dense, at most
    for name, train in SCHEDULES.items():
        networks[name] = with_at_least(count, partial(train, sizes), data, batches, seed)
    return {name: judge(network, data, env.penalty) for name, network in networks.items()}


def with_at_least(
    count: int,
    train: Callable[..., SparseNetwork],
    data: Dataset,
    batches: int,
    seed: int,
) -> SparseNetwork:
    """What a schedule gives with so many weights; with one more where it finds no such network."""
    while True:
        try:
            return train(count, data, batches, np.random.default_rng(seed))
        except EditError:
            count += 1


def judge(network: SparseNetwork, data: Dataset, penalty: float) -> dict[str, float]:
    """What `design_once` tells of a network: scores, accuracies and active weights."""
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
