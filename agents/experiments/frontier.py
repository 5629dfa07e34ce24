"""The frontier: test accuracy against active weights of thorough designs, and of their rivals."""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import torch

from rlnas.agents.cli.experiment_config import FrontierConfig
from rlnas.agents.designing.design import finished, train_and_test
from rlnas.agents.distributed.jobs import Call, own_folder, run_all
from rlnas.agents.experiments.compare import CONTROLLER
from rlnas.agents.experiments.transfer import SCHEDULES, with_at_least
from rlnas.agents.policies.environments import THOROUGH, episode_settings, thorough_env
from rlnas.agents.policies.policy import fingerprint, load_policy
from rlnas.data import datasets
from rlnas.designs.saved import save_design
from rlnas.envs.validation import check_count
from rlnas.errors import InputError
from rlnas.files import json_schema
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import LONG_DECAY

RIVALS: dict[str, Callable[..., SparseNetwork]] = {
    name: partial(SCHEDULES[name], weight_decay=LONG_DECAY)
    for name in ("magnitude_pruning", "saliency_pruning", "rigl")
}
"""Fixed schedules that end with the weights that the controller chose."""

_RESULT = json_schema.record(
    active_weights=json_schema.WHOLE,
    test_accuracy=json_schema.SHARE,
    test_loss=json_schema.POSITIVE,
)


def frontier(config: FrontierConfig, progress_bar: bool = True) -> list[dict[str, Any]]:
    """Design for every penalty and seed; train each design and its rivals to the end; test once.

    Each combination is a file in the folder `runs` of `config.folder`, so that the same call again
    goes on where the last one ended; the controller's designs are in its folder `designs`, in
    folders of the same names.

    Returns:
        For each combination `penalty`, `seed`, and of the controller and each of `RIVALS`, in
        `methods`: `active_weights`, `test_accuracy` and `test_loss`.

    Raises:
        InputError: a value cannot be used, the folder holds something else, or a result in it is
            damaged.
    """
    check_count("seeds", config.seeds)
    if not config.penalties:
        raise InputError("no penalty: expected at least one number")
    data = datasets.load_dataset(config.dataset, data_dir=config.data_dir)
    for penalty in config.penalties:  # refuses what cannot be used before anything is written
        thorough_env(config.policy, data, penalty)
    task: dict[str, Any] = {"policy": fingerprint(config.policy), "data_sha256": data.fingerprint}
    own_folder(config.folder, {"dataset": config.dataset, **task})
    task["episodes"] = episode_settings(config.policy)
    everything = list(product(dict.fromkeys(config.penalties), range(config.seeds)))
    form = json_schema.record(**dict.fromkeys([CONTROLLER, *RIVALS], _RESULT))
    calls = [
        Call(
            f"{penalty:g}-{seed}",
            {**task, "penalty": penalty, "seed": seed},
            (config, data.fingerprint, penalty, seed),
            form,
        )
        for penalty, seed in everything
    ]
    calls = [call._replace(arguments=(*call.arguments, call.name)) for call in calls]
    found = run_all(_point, config.folder / "runs", calls, "design", config.jobs, progress_bar)
    return [
        {"penalty": penalty, "seed": seed, "methods": methods}
        for (penalty, seed), methods in zip(everything, found, strict=True)
    ]


def _point(
    config: FrontierConfig, content: str, penalty: float, seed: int, folder: str
) -> dict[str, dict[str, Any]]:
    torch.set_num_threads(1)
    data = datasets.load_unchanged(config.dataset, content, config.data_dir)
    env = thorough_env(config.policy, data, penalty)
    network, record = finished(env, load_policy(config.policy), seed)
    out = config.folder / "designs" / folder
    save_design(out, network, data.preprocessing, record)
    keys = ("active_weights", "test_accuracy", "test_loss")
    methods = {CONTROLLER: {key: record[key] for key in keys}}
    batches = (env.episode_steps + 1) * env.evaluation_cost
    sizes = (data.n_features, int(THOROUGH["width"]), data.n_classes)
    for name, schedule in RIVALS.items():
        rival = with_at_least(network.active_weights, partial(schedule, sizes), data, batches, seed)
        found = {"active_weights": rival.active_weights, **train_and_test(rival, data, seed)}
        methods[name] = {key: found[key] for key in keys}
    return methods
