"""Amortised design: policies on data sets that they have never seen, against sparse trainings."""

from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch

from rlnas.agents.config import SHIPPED, SHIPPED_BUDGET, SHIPPED_EDIT_SEQUENCE
from rlnas.agents.experiments.budget_transfer import (
    check_sparse_trainings,
    design_within_budget,
    train_only,
)
from rlnas.agents.experiments.scored_networks import score_network, train_with_at_least
from rlnas.agents.experiments.search_task import CONTROLLER
from rlnas.agents.experiments.tables.networks import POLICIES, REMOVE_ALL
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import Policy, fingerprint, load_policy
from rlnas.agents.policies.run_config import episode_settings
from rlnas.agents.sparse_training.trainer import SPARSE_TRAINERS
from rlnas.columns.options import NOTHING_SAID, TableOptions
from rlnas.data import loading
from rlnas.data.dataset import Dataset
from rlnas.data.generated import families
from rlnas.envs.actions import NO_OP
from rlnas.envs.budget.costs import BUDGETS, budget_named
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.validation import check_number
from rlnas.errors import InputError
from rlnas.files.json_schema import NUMBER, SHARE, WHOLE, record
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS
from rlnas.parallel.jobs import Call, own_folder, run_all
from rlnas.scoring import REFERENCE_WIDTH
from rlnas.validation import check_count

NO_EDITS = "no_edits"
FIXED = (CONTROLLER, NO_EDITS, *SPARSE_TRAINERS)
"""Methods that are part of every comparison."""

RULES = (REMOVE_ALL,)
"""Rules that play episodes with a fixed number of steps, too."""

_DESIGN = {
    **dict.fromkeys(("score", "test_score"), NUMBER),
    **dict.fromkeys(("val_accuracy", "test_accuracy"), SHARE),
    "active_weights": WHOLE,
}


def transfer(
    out: Path,
    policies: tuple[Path, ...] | None = None,
    sources: tuple[str, ...] = ("mixed_held_out", "mnist", "fashion_mnist"),
    penalties: tuple[float, ...] = (0.03, 0.1, 0.3),
    *,
    budget: float | None = None,
    seeds: int = 5,
    jobs: int = -1,
    data_dir: Path | None = None,
    table: TableOptions = NOTHING_SAID,
    progress_bar: bool = True,
) -> list[dict[str, Any]]:
    """Design once for every data set, penalty and seed, by every method.

    Each combination is a file in the folder `runs` of `out`, so that repeating the call continues
    an interrupted experiment.

    Args:
        out: Folder for the results.
        policies: Run folders: the policy, whose training says how episodes start, then its rivals;
            by default what comes with rlnas for such episodes.
        sources: Names, families of names, or .npz files.
        penalties: Prices of the reference number of weights, in accuracy.
        budget: Budget of each design in units of training cost, for policies that were trained in
            episodes with a budget; None for those that were not.
        seeds: Number of designs for each data set and penalty.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with IDX files, searched first.
        table: What is said about the columns of tables.
        progress_bar: Show progress.

    Returns:
        For each combination `dataset`, `penalty`, `seed`, and as `designs` what `design_once` or
        `design_within_budget` returns.

    Raises:
        InputError: A value cannot be used, the folder is another comparison's, or a result in it
            is damaged.
    """
    if policies is None:
        policies = (SHIPPED, SHIPPED_EDIT_SEQUENCE) if budget is None else (SHIPPED_BUDGET,)
    if not policies:
        raise InputError("no policy: expected at least one run folder")
    names = [run.name for run in policies[1:]]
    fixed = (*FIXED, *RULES) if budget is None else FIXED
    methods = [*fixed, *names]
    if len(set(methods)) < len(methods):
        raise InputError(f"the rivals {names} need names of their own, other than {list(fixed)}")
    check_count("seeds", seeds)
    if budget is not None:
        check_number("--budget", budget, *BUDGETS)
    for run in policies:
        _check_episodes(run, budget)
    for penalty in penalties:  # the budget must pay for other data sets than this one
        _env(policies[0], "wine", penalty, None, None if budget is None else BUDGETS[1])
    members = [member for name in sources for member in families.FAMILIES.get(name, (name,))]
    prints: dict[str, str] = {}
    for source in members:  # raises for unusable data before anything is written
        data = loading.load_dataset(source, data_dir=data_dir, **vars(table))
        prints[source] = data.fingerprint
        if budget is not None:
            with budget_named("--budget"):
                batch_size = DEFAULT_HYPERPARAMETERS.batch_size_for(data.train.size)
                check_sparse_trainings(budget, data, batch_size)
    identities = [[run.name, fingerprint(run)] for run in policies]
    own_folder(out, {"policies": identities})
    settings = episode_settings(policies[0])
    design = record(**_DESIGN, **({} if budget is None else {"anytime": NUMBER}))
    form = record(**dict.fromkeys(methods, design))
    everything = list(product(prints, dict.fromkeys(penalties), range(seeds)))
    calls = [
        Call(
            f"{Path(source).name}-{penalty:g}-{seed}",
            {
                "policies": identities,
                "methods": methods,
                "episodes": settings,
                "data_sha256": prints[source],
                "penalty": penalty,
                "budget": budget,
                "seed": seed,
            },
            (policies, source, prints[source], penalty, budget, seed, data_dir, table),
            form,
        )
        for source, penalty, seed in everything
    ]
    found = run_all(_design, out / "runs", calls, "design", jobs, progress_bar)
    return [
        {"dataset": source, "penalty": penalty, "seed": seed, "designs": designs}
        for (source, penalty, seed), designs in zip(everything, found, strict=True)
    ]


def _design(
    runs: tuple[Path, ...],
    source: str,
    content: str,
    penalty: float,
    budget: float | None,
    seed: int,
    data_dir: Path | None,
    table: TableOptions,
) -> dict[str, dict[str, float]]:
    torch.set_num_threads(1)
    first, *others = runs
    untouched: Policy = (lambda *_: NO_OP) if budget is None else train_only
    policies: dict[str, Policy] = {CONTROLLER: load_policy(first), NO_EDITS: untouched}
    if budget is None:
        policies |= {rule: POLICIES[rule](first, seed) for rule in RULES}
    policies |= {run.name: load_policy(run) for run in others}
    data = loading.load_unchanged(source, content, data_dir, table)
    env = _env(first, data, penalty, data_dir, budget)
    if isinstance(env, BudgetDesignEnv):
        return design_within_budget(env, seed, policies)
    return design_once(env, seed, policies)


def _check_episodes(run: Path, budget: float | None) -> None:
    """Raise `InputError` if a policy was trained for the other kind of episodes."""
    trained_with = episode_settings(run).get("budget")
    if budget is not None and trained_with is None:
        raise InputError(
            f"the policy in {run} was trained in episodes without a budget: expected one that was "
            "trained with a budget, or no --budget"
        )
    if budget is None and trained_with is not None:
        raise InputError(
            f"the policy in {run} was trained in episodes with a budget: expected a budget, "
            "such as --budget 1"
        )


def _env(
    run: Path, data: Dataset | str, penalty: float, data_dir: Path | None, budget: float | None
) -> Any:
    """The environment of one design: that of the training, in the middle of its ranges."""
    return env_like(run, data, penalty, data_dir, middle=True, budget=budget)


def design_once(
    env: DesignEnv, seed: int, policies: dict[str, Policy]
) -> dict[str, dict[str, float]]:
    """Design with each policy and each of `SPARSE_TRAINERS`, with equally many training batches.

    Args:
        env: The environment, with one data set and one penalty.
        seed: Seed of the episodes and of the sparse trainings.
        policies: Policies by name. A sparse training ends with the number of weights that the
            first policy chose, in a network with one hidden layer of the reference width.

    Returns:
        For each method `score`, `val_accuracy`, `test_accuracy`, `test_score` (the score computed
        from test accuracy) and `active_weights`. For a policy, these describe the design with the
        best score of the episode, which `rlnas design` keeps too; for a sparse training, the
        network after the last batch. `score` is therefore slightly biased in favour of policies;
        `test_score` is not.
    """
    networks: dict[str, SparseNetwork] = {}
    for name, policy in policies.items():
        networks[name] = play_episode(env, policy, seed)[0].network
    data, batches = env.dataset, (env.episode_steps + 1) * env.evaluation_cost
    sizes = (data.n_features, REFERENCE_WIDTH, data.n_outputs)
    # A sparse training cannot have more weights than its dense network.
    count = min(next(iter(networks.values())).active_weights, env.reference)
    for name, train in SPARSE_TRAINERS.items():
        networks[name] = train_with_at_least(count, partial(train, sizes), data, batches, seed)
    return {name: score_network(network, data, env.penalty) for name, network in networks.items()}
