"""Policies against rivals that could win, in the same live episodes with a budget."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rlnas.agents.experiments.decisions.methods import (
    SWITCHED_OFF,
    Method,
    chance,
    fixed,
    learned,
    portfolio,
    ruled,
    searched,
)
from rlnas.agents.experiments.decisions.playing import Row, beside, play_all
from rlnas.agents.experiments.decisions.tuning import STAGES, Stage, Tuned, candidates, tune
from rlnas.errors import InputError
from rlnas.family.measuring import load
from rlnas.family.tasks import Split, Task, list_sha256, tasks
from rlnas.parallel.jobs import own_folder

RULE, CONSTANT, SEQUENCE, RANDOM = (
    "best rule",
    "best constant rule",
    "best fixed sequence",
    "random legal actions",
)
POLICY, BLIND = "policy", "blind policy"
"""What several policies are called together: the mean of what they reach in an episode."""

FIRST = "first policy"
"""The first of several, which is the one that is played with actions switched off as well."""

SEARCH = "search, "
"""What searches for each task are called begins with this."""

SEARCHES = (10, 100)
"""Their numbers of episodes."""

IN_HINDSIGHT = "search in hindsight"
HINDSIGHT = 100
"""Episodes of the search that tells what could have been reached by the anytime score."""

LARGE = 2_000
"""Validation samples of the tasks that searches are compared on, so that they are not beaten by the
noise of their own choice."""


class Study(NamedTuple):
    """What a study found.

    Attributes:
        rows: Every episode, see `rlnas.agents.experiments.decisions.playing`.
        searches: Those on tasks with many validation samples, with searches beside the others.
        tuned: The rivals that were chosen on training tasks.
        facts: The split, the number of its tasks, the SHA-256 of the list of all tasks.
    """

    rows: list[Row]
    searches: list[Row]
    tuned: Tuned
    facts: dict[str, Any]


def study_decisions(
    out: Path,
    policies: Sequence[Path] = (),
    blind: Sequence[Path] = (),
    *,
    split: Split = "validation",
    seeds: int = 2,
    stages: Sequence[Stage] = STAGES,
    jobs: int = -1,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> Study:
    """Choose rivals on training tasks, and let them and policies play the tasks of a split.

    Each result is a file in a folder of `out`, so that repeating the call continues an interrupted
    study.

    Args:
        out: Folder for the results.
        policies: Run folders of `rlnas train --budget`: trainings of one kind; actions are switched
            off for the first.
        blind: The same, of policies that see nothing.
        split: Which tasks; those of the test are for what is finished.
        seeds: Number of episodes of each task, budget and price.
        stages: How rules are compared.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with data, searched first.
        progress_bar: Show progress.

    Raises:
        InputError: The folder holds something else, or a policy or data set cannot be used.
    """
    learners = {**_numbered(POLICY, policies), **_numbered(BLIND, blind)}
    for run in policies[:1]:
        learners[FIRST] = learned(run)
        learners |= {f"{FIRST} without {what}": learned(run, what) for what in SWITCHED_OFF}
    own_folder(out, {"study": "decisions"})
    how: dict[str, Any] = {"jobs": jobs, "data_dir": data_dir, "progress_bar": progress_bar}
    tuned = tune(out / "tuning", candidates(), stages, **how)
    some, where = tasks(split), out / split
    parts: list[dict[str, Method]] = [_rivals(tuned)]
    parts += [{name: method} for name, method in learners.items()]
    rows = beside(*(play_all(where, some, part, seeds=seeds, **how) for part in parts))
    large = [task for task in some if _is_large(task, data_dir)]
    searches = play_all(where, large, _searches(tuned), **how) if large else []
    facts = {"split": split, "tasks": len(some), "list_sha256": list_sha256()}
    return Study(rows, beside(searches, rows) if searches else [], tuned, facts)


def _numbered(kind: str, runs: Sequence[Path]) -> dict[str, Method]:
    if len({run.resolve() for run in runs}) < len(runs):
        raise InputError(f"{kind}: the same run folder twice, expected different trainings")
    return {f"{kind} {number}": learned(run) for number, run in enumerate(runs)}


def _rivals(tuned: Tuned) -> dict[str, Method]:
    return {
        RULE: ruled({group: rules[0] for group, rules in tuned.rules.items()}),
        CONSTANT: ruled(tuned.constant),
        SEQUENCE: fixed(tuned.sequences),
        **{f"{size} rules": portfolio(rules) for size, rules in tuned.portfolios.items()},
        RANDOM: chance(0),
    }


def _searches(tuned: Tuned) -> dict[str, Method]:
    return {
        **{f"{SEARCH}{count} episodes": searched(count, tuned.rules, "end") for count in SEARCHES},
        IN_HINDSIGHT: searched(HINDSIGHT, tuned.rules, "anytime"),
    }


def _is_large(task: Task, data_dir: Path | None) -> bool:
    return load(task, 0, data_dir).validation.size >= LARGE
