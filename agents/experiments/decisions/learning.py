"""Do stock learners learn in episodes with a budget: several seeds of each, against rules."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from rlnas.agents.config import TrainConfig
from rlnas.agents.experiments.decisions.rules import Rule
from rlnas.agents.experiments.decisions.tuning import candidates
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import random_policy
from rlnas.agents.policies.outcome import episode_score
from rlnas.agents.policies.policy import Policy, load_policy
from rlnas.agents.reports.learning_curves import STEPS, read_progress
from rlnas.agents.training.ppo import train_once
from rlnas.data.loading import Source, load_datasets
from rlnas.envs.budget.actions import BUDGET_ACTIONS
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.live_env import LiveEnv
from rlnas.files.json_schema import NUMBER, list_of, record
from rlnas.parallel.jobs import Call, own_folder, run_all
from rlnas.validation import check_count

FAMILIES: dict[str, tuple[str, ...]] = {
    "digits": ("digits",),
    "mixed": ("mixed",),
    "real tables": (
        "keel:australian",
        "keel:banana",
        "keel:contraceptive",
        "keel:heart",
        "keel:led7digit",
        "keel:mammographic",
        "keel:page-blocks0",
        "keel:pima",
        "keel:spambase",
        "keel:twonorm",
        "keel:winequality-red-4",
        "keel:yeast1",
    ),
}
"""The data sets of each family, of which an episode draws one; the real tables are development
tables of KEEL, one of each origin."""

ALGORITHMS: tuple[Literal["maskable_ppo", "ppo"], ...] = ("maskable_ppo", "ppo")

BUDGET, PENALTY = (0.05, 0.5), (0.02, 0.5)
"""Budgets of the episodes: an order of magnitude, so that the study takes two hours; and prices."""

RULES, FINALISTS = 60, 8
"""Rules that are compared in a quarter of the episodes to choose by; and in all of them."""

CHOICES = 40
"""Episodes to choose rules by."""

FRESH = 100
"""Episodes that learners, rules and chance are compared in, the same for all."""

FIRST_CHOICE, FIRST_FRESH = 20_000, 10_000
"""Seeds of the first episodes; trainings draw theirs from seeds below 10."""

POINTS = 40
"""Points of a learning curve, each the mean of several rollouts."""

_ANYTIME = "score/anytime"
"""Column of `progress.csv` that learning curves show."""

_SCORES = list_of(NUMBER)
_TRAINED = record(steps=_SCORES, curve=_SCORES, scores=_SCORES)


@dataclass(frozen=True)
class Learned:
    """What was reached in one family of data sets.

    Attributes:
        family: Its name.
        rule: The best rule, in words.
        ruled: Anytime scores of that rule in the fresh episodes, `[FRESH]`.
        chance: The same of random legal actions.
        trained: For each algorithm, a record for each seed: `steps` and `curve`, the mean anytime
            scores of the training at these steps; and `scores` in the fresh episodes.
    """

    family: str
    rule: str
    ruled: list[float]
    chance: list[float]
    trained: dict[str, list[dict[str, list[float]]]]


def study_learning(
    out: Path,
    *,
    seeds: int = 5,
    total_timesteps: int = 20_000,
    jobs: int = -1,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> list[Learned]:
    """Train learners with the default settings of `rlnas train`, and play fresh episodes.

    The rule that they are compared with is the best of `RULES` in other episodes of the family.
    Each result is a file in a folder of `out`, so that repeating the call continues an interrupted
    study, and trainings go on where they ended.

    Args:
        out: Folder for the results.
        seeds: Number of trainings of each algorithm in each family.
        total_timesteps: Number of steps of a training.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with data, searched first.
        progress_bar: Show progress.

    Raises:
        InputError: The folder holds something else, or a data set cannot be loaded.
    """
    check_count("seeds", seeds)
    check_count("total_timesteps", total_timesteps)
    own_folder(out, {"study": "learning", "total_timesteps": total_timesteps})
    run = partial(run_all, n_jobs=jobs, progress_bar=progress_bar)
    content = {
        family: [each.fingerprint for each in load_datasets(list(sources), data_dir)]
        for family, sources in FAMILIES.items()
    }
    ruled = {family: _rules(family, content[family], out, run, data_dir) for family in FAMILIES}
    everything = list(product(FAMILIES, ALGORITHMS, range(seeds)))
    calls = []
    for family, algorithm, seed in everything:
        name = f"{family.replace(' ', '_')}-{algorithm}-{seed}"
        config = TrainConfig(
            dataset=FAMILIES[family],
            run_dir=out / "runs" / name,
            algorithm=algorithm,
            seed=seed,
            budget=BUDGET,
            penalty=PENALTY,
            total_timesteps=total_timesteps,
            eval_episodes=0,  # the last policy is judged
            data_dir=data_dir,
        )
        settings = {key: value for key, value in asdict(config).items() if not _is_place(value)}
        key = _key(content[family], settings=settings, first=FIRST_FRESH, n=FRESH)
        calls.append(Call(name, key, (config,), _TRAINED))
    found = run(_train, out / "trained", calls, "training")
    return [
        Learned(
            family,
            *ruled[family],
            {
                algorithm: [
                    result
                    for each, result in zip(everything, found, strict=True)
                    if each[:2] == (family, algorithm)
                ]
                for algorithm in ALGORITHMS
            },
        )
        for family in FAMILIES
    ]


def _is_place(value: Any) -> bool:
    """Whether a setting is a folder, which has no influence on a result."""
    return isinstance(value, Path)


def _key(content: Sequence[str], **more: Any) -> dict[str, Any]:
    """What the result of a job depends on, besides the code."""
    actions = [str(action) for action in BUDGET_ACTIONS]
    return {"data": content, "penalty": PENALTY, "budget": BUDGET, "actions": actions, **more}


def _rules(
    family: str,
    content: Sequence[str],
    out: Path,
    run: Callable[..., list[Any]],
    data_dir: Path | None,
) -> tuple[str, list[float], list[float]]:
    """The best rule in words, and the scores of it and of chance in the fresh episodes."""

    def play(rules: Sequence[Rule | None], first: int, episodes: int) -> list[list[float]]:
        calls = [
            Call(
                f"{family}-{first}-{k}",
                _key(content, rule=str(rule), first=first, n=episodes),
                (family, rule, first, episodes, data_dir),
                _SCORES,
            )
            for k, rule in enumerate(rules)
        ]
        found: list[list[float]] = run(_play_rule, out / "rules", calls, "rule")
        return found

    def ranked(rules: Sequence[Rule], episodes: int) -> list[Rule]:
        means = np.mean(play(rules, FIRST_CHOICE, episodes), axis=1)
        return [rules[k] for k in means.argsort(kind="stable")[::-1]]

    every = candidates()
    some = every[:: max(1, len(every) // RULES)]
    best, *_ = ranked(ranked(some, CHOICES // 4)[:FINALISTS], CHOICES)
    ruled, chance = play([best, None], FIRST_FRESH, FRESH)
    return str(best), ruled, chance


def _play_rule(
    family: str, rule: Rule | None, first: int, episodes: int, data_dir: Path | None
) -> list[float]:
    """Anytime scores of a rule, or of random legal actions."""
    torch.set_num_threads(1)
    env = BudgetDesignEnv(_data(family, data_dir), penalty=PENALTY, budget=BUDGET)
    policy = random_policy(0) if rule is None else rule.policy()
    return _scores(env, policy, first, episodes)


@lru_cache(maxsize=1)  # many rules are played on a family, one after the other
def _data(family: str, data_dir: Path | None) -> list[Source]:
    return [*load_datasets(list(FAMILIES[family]), data_dir)]


def _train(config: TrainConfig) -> dict[str, list[float]]:
    """Train a policy and play the fresh episodes with it."""
    torch.set_num_threads(1)
    run = train_once(config)
    steps, curve = _curve(run)
    scores = _scores(env_like(run), load_policy(run), FIRST_FRESH, FRESH)
    return {"steps": steps, "curve": curve, "scores": scores}


def _scores(env: LiveEnv, policy: Policy, first: int, episodes: int) -> list[float]:
    """Anytime scores, which is what episodes are judged by if no other reward is asked for."""
    return [episode_score(env, policy, seed) for seed in range(first, first + episodes)]


def _curve(run: Path) -> list[list[float]]:
    """Steps and mean anytime scores of the episodes that ended in the rollouts of a training."""
    rows = read_progress(run / "progress.csv", [_ANYTIME])
    steps, scores = (np.array([row[name] for row in rows]) for name in (STEPS, _ANYTIME))
    parts = np.array_split(np.arange(len(rows)), min(POINTS, len(rows)))
    return [[float(values[part].mean()) for part in parts] for values in (steps, scores)]
