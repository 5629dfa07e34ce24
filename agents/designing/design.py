"""Designing with a trained policy: episodes, final training and a single test."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rlnas.agents.config import check_seed, shipped, stem
from rlnas.agents.designing.evaluation import design_facts, evaluation_metrics
from rlnas.agents.designing.finish import BRIEF_BATCHES, best_of, candidates, finish
from rlnas.agents.designing.search.limits import Asked
from rlnas.agents.designing.search.search import search
from rlnas.agents.designing.spending import spending, spent_in_step
from rlnas.agents.policies.environments import env_like, thorough_env
from rlnas.agents.policies.episode import play_episode, random_policy
from rlnas.agents.policies.layouts import BUDGET
from rlnas.agents.policies.outcome import MEASURES
from rlnas.agents.policies.policy import Policy, fingerprint, layout_of_policy, load_policy
from rlnas.agents.policies.run_config import read_config
from rlnas.data.dataset import Dataset
from rlnas.data.loading import Source
from rlnas.designs.saved import save_design
from rlnas.envs.budget.costs import BUDGETS, budget_named
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.episode import Design
from rlnas.envs.live_env import LiveEnv
from rlnas.envs.validation import check_number
from rlnas.errors import InputError
from rlnas.export.c.sizes import CForm
from rlnas.files.folders import check_free, result_folder
from rlnas.nn.architecture import layers_of
from rlnas.nn.network import SparseNetwork
from rlnas.progress import progress
from rlnas.validation import check_jobs, is_whole, whole

_log = logging.getLogger("rlnas")


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
    policy: str | Path | None = None,
    dataset: Source | None = None,
    out: str | Path | None = None,
    *,
    seed: int = 0,
    penalty: float | None = None,
    cost: float | None = None,
    thorough: bool = False,
    max_weights: int | None = None,
    max_bytes: int | None = None,
    max_ram: int | None = None,
    min_accuracy: float | None = None,
    format: CForm | None = None,
    time: float | str | None = None,
    trials: int | None = None,
    jobs: int = -1,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> Designed:
    """Design a network with a trained policy, train it to the end, and test it once.

    The design with the best score of one episode and a linear network are each trained briefly; the
    better one on the validation samples is trained to the end on training and validation samples
    (`rlnas.agents.designing.finish`), then tested once and written to a folder.

    With a limit, a time or a number of trials, many episodes are played instead, and the best that
    was found is the design (`rlnas.agents.designing.search.search`).

    Args:
        policy: Run folder of a training; by default the policy that comes with rlnas, with `cost`
            the one for episodes with a budget.
        dataset: What `rlnas.load_dataset` takes; by default the first data set that the policy was
            trained on.
        out: Folder for the design; by default `designs/<dataset>-<seed>`.
        seed: Seed of the episodes and of the final training.
        penalty: Price of the reference number of weights, in units of the metric; by default the
            price of the training, or the geometric middle of its range; in a search a small one.
        cost: Training cost that the episode may spend, see `rlnas.agents.TrainConfig.budget`; by
            default the middle of what the policy was trained with, if it was.
        thorough: Start from 300 dense neurons, make 40 edits, and train for an epoch after each.
        max_weights: Most active weights.
        max_bytes: Most bytes of flash for the constants of the C code.
        max_ram: Most bytes of RAM for the arrays of the C code.
        min_accuracy: Least accuracy in validation, of the smallest network that reaches it.
        format: Format of the C code that `max_bytes` and `max_ram` are about; by default c-int8.
        time: Time for the search and the final training, a number of seconds or a text such as
            60s, 2m or 1h.
        trials: Number of trials of the search, which determines its result.
        jobs: Number of workers of a search; -1 for one per processor.
        data_dir: Folder with IDX files, searched first.
        progress_bar: Show progress.

    Raises:
        InputError: The policy, the data set or the folder cannot be used; or in a search, nothing
            fits, nothing reaches the least accuracy, or the time is too short.
    """
    if isinstance(dataset, list):
        raise InputError("a design is for one data set: give them one after the other")
    asked = wishes(
        out=out,
        seed=seed,
        penalty=penalty,
        cost=cost,
        thorough=thorough,
        max_weights=max_weights,
        max_bytes=max_bytes,
        max_ram=max_ram,
        min_accuracy=min_accuracy,
        format=format,
        time=time,
        trials=trials,
        jobs=jobs,
    )
    run = Path(shipped(cost is not None) if policy is None else policy)
    trained = load_policy(run)
    if cost is not None and (found := layout_of_policy(run)) != BUDGET:
        raise InputError(
            f"the policy in {run} was trained in {found.episodes}: --cost needs one that was "
            "trained with --budget"
        )
    if thorough:
        env: LiveEnv = thorough_env(run, dataset, penalty, data_dir)
    else:
        with budget_named("the default --cost" if cost is None else "--cost"):
            env = env_like(run, dataset, penalty, data_dir, middle=True, budget=cost)
    if cost is not None:
        _warn_of_unfamiliar(cost, run)
    data = env.dataset
    name = data.name if dataset is None or isinstance(dataset, Dataset) else dataset
    folder = usual_folder(name, seed) if out is None else Path(out)
    with result_folder(folder) as results:
        if asked is None:
            network, record = design_and_train(env, trained, seed, progress_bar)
            record["thorough"] = thorough
        else:
            network, record = search(
                data, asked, run, seed=seed, jobs=jobs, progress_bar=progress_bar
            )
            record |= evaluation_metrics(network, data, data.test)
        record["policy"] = {"name": run.name, "sha256": fingerprint(run)}
        record["created"] = datetime.now(UTC).isoformat(timespec="seconds")
        save_design(results, network, data.preprocessing, record)
    return Designed(folder, network, record)


def usual_folder(source: object, seed: int) -> Path:
    """The folder of a design for some data, if no other is given."""
    return Path("designs") / f"{stem(source)}-{seed}"


def wishes(
    *,
    out: str | Path | None,
    seed: int,
    cost: float | None,
    thorough: bool,
    jobs: int,
    **options: Any,
) -> Asked | None:
    """What a search is asked for, if one is; everything that needs no data is checked.

    Args:
        out: See `design`, and so for the others.
        seed: See there.
        cost: See there.
        thorough: See there.
        jobs: See there.
        options: Those of `Asked.of`.

    Raises:
        InputError: A value cannot be used, options exclude each other, or the folder is taken.
    """
    check_seed(seed)
    check_jobs(jobs)
    asked = Asked.of(**options)
    _check_together(asked, cost, thorough)
    if out is not None:
        check_free(Path(out))
    return asked


def _warn_of_unfamiliar(cost: float, run: Path) -> None:
    """Log a warning if a cost is outside of the budgets that a policy was trained with."""
    trained = read_config(run).budget or (cost,)
    if not trained[0] <= cost <= trained[-1]:
        budgets = " to ".join(f"{each:g}" for each in trained)
        _log.warning("--cost %g: the policy was trained with budgets of %s", cost, budgets)


def _check_together(asked: Asked | None, cost: float | None, thorough: bool) -> None:
    """Raise `InputError` if options exclude each other."""
    given = {"--cost": cost is not None, "--thorough": thorough, "a search": asked is not None}
    if sum(given.values()) > 1:
        raise InputError(
            "--cost, --thorough and a search (--max-weights, --max-bytes, --max-ram, "
            "--min-accuracy, --time, --trials) exclude each other: give one of them"
        )
    if cost is not None:
        check_number("--cost", cost, *BUDGETS)


def design_and_train(
    env: LiveEnv, policy: Policy, seed: int, progress_bar: bool = False
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
    env: LiveEnv,
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
        "val_metric": best.validation.metric,
        "val_loss": best.validation.loss,
        "active_weights": network.active_weights,
        "density": network.density,
        "layer_sizes": [*network.layer_sizes],
        "layer_densities": [*network.layer_densities],
        **data.origin,
        "task_reason": data.reason,
        "reference": env.reference,
        "linear": best is compared[-1],
        "seed": seed,
        "initial": design_facts(Design(chosen.network, history[0])),
        "history": [_step_of(info) for info in history],
    }
    if (spent := spending(env, history)) is not None:
        record["budget"] = spent
    before = network.steps - BRIEF_BATCHES
    if (temperature := finish(network, data, seed, progress_bar)) is not None:
        record["temperature"] = temperature
    return network, {**record, "batches": {"episode": before, "all": network.steps}}


def evaluate_policy(
    policy: str | Path | None = None,
    dataset: Source | None = None,
    *,
    episodes: int = 10,
    seed: int = 10_000,
    penalty: float | None = None,
    budget: float | None = None,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> dict[str, dict[str, list[float]]]:
    """Compare a trained policy with random legal actions over fresh episodes.

    Args:
        policy: Run folder of a training; by default the policy that comes with rlnas, with `budget`
            the one for episodes with a budget.
        dataset: What `rlnas.load_dataset` takes; by default what the policy was trained on.
        episodes: Number of episodes of each policy, on the same seeds; at least 2.
        seed: Seed of the first episode.
        penalty: Price of the reference number of weights, in accuracy; by default as in training.
        budget: Budget of the episodes in units of training cost; by default as in training.
        data_dir: Folder with IDX files, searched first.
        progress_bar: Show progress.

    Returns:
        By the name of a measure the values of the episodes of the policies `trained` and `random`:
        the final `score`; with a budget the `anytime score`, and the `best score`.

    Raises:
        InputError: The policy, the data set or a number cannot be used.
    """
    if not is_whole(episodes) or episodes < 2:
        raise InputError(f"--episodes {episodes}: expected at least 2, to tell the spread")
    check_seed(seed)
    run = shipped(budget is not None) if policy is None else policy
    policies: dict[str, Policy] = {
        "trained": load_policy(run),
        "random": random_policy(seed),
    }
    with budget_named("--budget"):
        env = env_like(run, dataset, penalty, data_dir, budget=budget)
    keys = ("anytime", "best_score") if isinstance(env, BudgetDesignEnv) else ("score",)
    scores = {MEASURES[key]: {name: list[float]() for name in policies} for key in keys}
    with progress(progress_bar, total=2 * episodes, unit="episode") as bar:
        for name, choose in policies.items():
            for k in range(episodes):
                _, history = play_episode(env, choose, seed + k)
                for key in keys:
                    scores[MEASURES[key]][name].append(history[-1][key])
                bar.update()
    return scores


def _step_of(info: dict[str, Any]) -> dict[str, Any]:
    keys = ("action", "applied", "score", "val_metric", "val_loss", "active_weights")
    facts = {key: info[key] for key in keys} | spent_in_step(info)
    return {**facts, "layer_sizes": layers_of(info)["layer_sizes"]}
