"""The frontier: test accuracy against active weights, for thorough designs and their rivals."""

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch

from rlnas.agents.config import SHIPPED
from rlnas.agents.designing.design import design_and_train
from rlnas.agents.designing.finish import train_and_test
from rlnas.agents.experiments.scored_networks import train_with_at_least
from rlnas.agents.experiments.search_task import CONTROLLER
from rlnas.agents.policies.environments import THOROUGH, thorough_env
from rlnas.agents.policies.policy import fingerprint, load_policy
from rlnas.agents.policies.run_config import episode_settings
from rlnas.agents.sparse_training.trainer import SPARSE_TRAINERS
from rlnas.data import loading
from rlnas.designs.saved import save_design
from rlnas.errors import InputError
from rlnas.files import json_schema
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import LONG_TRAINING
from rlnas.parallel.jobs import Call, own_folder, run_all
from rlnas.validation import check_count

RIVALS: dict[str, Callable[..., SparseNetwork]] = {
    name: partial(SPARSE_TRAINERS[name], hyperparameters=LONG_TRAINING)
    for name in ("magnitude_pruning", "saliency_pruning", "rigl")
}
"""Sparse trainings that end with the number of weights that the controller chose."""

_RESULT = json_schema.record(
    active_weights=json_schema.WHOLE,
    test_accuracy=json_schema.SHARE,
    test_loss=json_schema.POSITIVE,
)


def frontier(
    source: str,
    out: Path,
    penalties: tuple[float, ...],
    policy: Path = SHIPPED,
    *,
    seeds: int = 5,
    jobs: int = -1,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> list[dict[str, Any]]:
    """Design for every penalty and seed; train each design and its rivals to the end; test once.

    Each combination is a file in the folder `runs` of `out`, so that repeating the call continues
    an interrupted experiment; the designs are in the folder `designs`, in folders of the same
    names.

    Args:
        source: Name of a data set, or .npz file.
        out: Folder for the results.
        penalties: Prices of the reference number of weights, in accuracy.
        policy: Run folder of a training; by default the policy that comes with rlnas.
        seeds: Number of designs for each penalty.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with IDX files, searched first.
        progress_bar: Show progress.

    Returns:
        For each combination `penalty`, `seed` and `methods`, which maps the controller and each of
        `RIVALS` to its `active_weights`, `test_accuracy` and `test_loss`.

    Raises:
        InputError: A value cannot be used, the folder holds something else, or a result in it is
            damaged.
    """
    check_count("seeds", seeds)
    if not penalties:
        raise InputError("no penalty: expected at least one number")
    data = loading.load_dataset(source, data_dir=data_dir)
    for penalty in penalties:  # raises for unusable penalties before anything is written
        thorough_env(policy, data, penalty)
    task: dict[str, Any] = {"policy": fingerprint(policy), "data_sha256": data.fingerprint}
    own_folder(out, {"dataset": source, **task})
    task["episodes"] = episode_settings(policy)
    everything = list(product(dict.fromkeys(penalties), range(seeds)))
    form = json_schema.record(**dict.fromkeys([CONTROLLER, *RIVALS], _RESULT))
    calls = [
        Call(
            f"{penalty:g}-{seed}",
            {**task, "penalty": penalty, "seed": seed},
            (policy, source, data.fingerprint, penalty, seed, data_dir),
            form,
        )
        for penalty, seed in everything
    ]
    designs = out / "designs"
    calls = [call._replace(arguments=(*call.arguments, designs / call.name)) for call in calls]
    found = run_all(_point, out / "runs", calls, "design", jobs, progress_bar)
    return [
        {"penalty": penalty, "seed": seed, "methods": methods}
        for (penalty, seed), methods in zip(everything, found, strict=True)
    ]


def _point(
    policy: Path,
    source: str,
    content: str,
    penalty: float,
    seed: int,
    data_dir: Path | None,
    out: Path,
) -> dict[str, dict[str, Any]]:
    torch.set_num_threads(1)
    data = loading.load_unchanged(source, content, data_dir)
    env = thorough_env(policy, data, penalty)
    network, record = design_and_train(env, load_policy(policy), seed)
    save_design(out, network, data.preprocessing, record)
    keys = ("active_weights", "test_accuracy", "test_loss")
    methods = {CONTROLLER: {key: record[key] for key in keys}}
    batches = (env.episode_steps + 1) * env.evaluation_cost
    sizes = (data.n_features, int(THOROUGH["width"]), data.n_outputs)
    for name, schedule in RIVALS.items():
        rival = train_with_at_least(
            network.active_weights, partial(schedule, sizes), data, batches, seed
        )
        found = {"active_weights": rival.active_weights, **train_and_test(rival, data, seed)}
        methods[name] = {key: found[key] for key in keys}
    return methods
