"""Do decisions matter in episodes with a budget: rules chosen on some tasks, judged on others."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from rlnas.agents.experiments.decisions.judging import Judged, judge
from rlnas.agents.experiments.decisions.rules import Rule, changing_rules, constant_rules
from rlnas.agents.experiments.decisions.sequences import Plan, Sample, actions_of, search, varied
from rlnas.agents.policies.episode import random_policy
from rlnas.agents.policies.policy import Policy, fingerprint, load_policy
from rlnas.data.dataset import Dataset
from rlnas.data.loading import load_dataset
from rlnas.envs.budget.actions import BUDGET_ACTIONS, STARTS
from rlnas.envs.budget.costs import FIRST_SHARE
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.files.json_schema import NUMBER, list_of, record
from rlnas.parallel.jobs import Call, own_folder, run_all

BUDGETS = (0.1, 0.5, 2.0)
PENALTY = (0.02, 0.5)

TASKS_TO_CHOOSE = {
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
    "images": tuple(f"images:{seed}" for seed in range(20, 28)),
    "generated tables": tuple(f"varied:{seed}" for seed in range(20, 32)),
}
"""Data sets on which rules and sequences are chosen, by kind. The real tables are development
tables of KEEL, one of each origin."""

TASKS_TO_JUDGE = {
    "real tables": (
        "keel:bands",
        "keel:haberman",
        "keel:housevotes",
        "keel:marketing",
        "keel:phoneme",
        "keel:saheart",
        "keel:segment",
        "keel:sonar",
        "keel:tae",
        "keel:texture",
        "keel:vowel",
        "keel:wine",
    ),
    "images": ("digits", *(f"images:{seed}" for seed in range(7))),
    "generated tables": tuple(f"varied:{seed}" for seed in range(12)),
}
"""Data sets on which what was chosen is judged, by kind; none of them is among the others."""

RANDOM_EPISODES = 8
SEARCH_EPISODES = (50, 100, 200)
"""Episodes of the search after those of the portfolio."""
PORTFOLIO = 24
"""Rules that are compared on all tasks to choose by, and of which each task can take its own."""
SEQUENCES = 120
"""Fixed sequences that are compared."""

SHOWN_ACTIONS = 8
"""Actions of a sequence that are told in words."""

_STARTS = tuple(each for each in STARTS if sum(width for width, _ in each) <= 40)
_NUMBERS = list_of(NUMBER)
_JUDGED = record(anytime=NUMBER, end=NUMBER, test_anytime=NUMBER, test_end=NUMBER)


class Task(NamedTuple):
    """An episode: a data set, a budget, and a seed that draws the price and what is given."""

    source: str
    budget: float
    seed: int

    @property
    def label(self) -> str:
        """The task in a file name."""
        return f"{self.source}-{self.budget:g}-{self.seed}"


def candidates() -> list[Rule]:
    """All rules that are compared on the tasks to choose by."""
    small = (STARTS[1], STARTS[2])
    anew = (replace(rule, anew=True) for rule in constant_rules(small))
    return [*constant_rules(_STARTS), *anew, *changing_rules(small)]


class Chosen(NamedTuple):
    """What was chosen for a budget, on the tasks to choose by, by the mean anytime score.

    Attributes:
        constant: The best rule that repeats one cycle.
        rule: The best rule of all.
        sequence: The best fixed sequence of actions that was found, and whether it starts anew.
        portfolio: The best rules, of which a task can take its own.
    """

    constant: Rule
    rule: Rule
    sequence: tuple[tuple[int, ...], bool]
    portfolio: tuple[Rule, ...]

    def texts(self) -> dict[str, str]:
        """Each choice but the portfolio, in words."""
        actions, anew = self.sequence
        first = "; ".join(str(BUDGET_ACTIONS[action]) for action in actions[:SHOWN_ACTIONS])
        return {
            "constant rule": str(self.constant),
            "rule": str(self.rule),
            "fixed sequence": f"{'always ' * anew}{first}; ...",
        }


def study_decisions(
    out: Path,
    policies: Sequence[Path] = (),
    *,
    seeds: int = 2,
    jobs: int = -1,
    data_dir: Path | None = None,
    progress_bar: bool = True,
) -> tuple[list[dict[str, Any]], dict[float, dict[str, str]]]:
    """Choose rules and a sequence for each budget, and judge them and others on other tasks.

    Each result is a file in a folder of `out`, so that repeating the call continues an interrupted
    study.

    Args:
        out: Folder for the results.
        policies: Run folders of policies that were trained with a budget, judged beside the rules.
        seeds: Number of episodes of each data set and budget; a seed draws the price, and whether
            a network is given.
        jobs: Number of workers; -1 for one per processor.
        data_dir: Folder with data, searched first.
        progress_bar: Show progress.

    Returns:
        For each task that is judged: `kind`, `source`, `budget`, `seed`, `given`, `penalty`, and
        as `methods` what each method reached, a record with the numbers of `Judged`. And for each
        budget, what was chosen for it, as texts.

    Raises:
        InputError: The folder holds something else, a policy or data set cannot be used, or two
            policies have the same name.
    """
    fingerprints = {path: fingerprint(path) for path in policies}
    names = [path.name for path in policies]
    if len(set(names)) < len(names):
        raise InputError(f"policies {', '.join(names)}: expected folders with different names")
    own_folder(out, {"study": "decisions"})
    run = partial(run_all, n_jobs=jobs, progress_bar=progress_bar)
    chosen = {budget: _choose(budget, out, run, data_dir) for budget in BUDGETS}
    kinds = {source: kind for kind, sources in TASKS_TO_JUDGE.items() for source in sources}
    tasks = [
        Task(source, budget, 1000 * (seed + 1) + k)  # each with another price
        for seed in range(seeds)
        for budget in BUDGETS
        for k, source in enumerate(kinds)
    ]
    form = record(given={"type": "boolean"}, penalty=NUMBER, methods={})
    calls = [
        _call("judge", task, chosen[task.budget], (chosen[task.budget],), data_dir, form)
        for task in tasks
    ]
    found = run(_judge_all, out / "judged", calls, "task")
    for path, which in fingerprints.items():
        calls = [_call("policy", task, which, (path,), data_dir, _JUDGED) for task in tasks]
        for result, judged in zip(
            found, run(_judge_policy, out / "policies", calls, "task"), strict=True
        ):
            result["methods"][f"policy {path.name}"] = judged
    results = [
        {"kind": kinds[task.source], **task._asdict(), **result}
        for task, result in zip(tasks, found, strict=True)
    ]
    return results, {budget: some.texts() for budget, some in chosen.items()}


def _choose(
    budget: float, out: Path, run: Callable[..., list[Any]], data_dir: Path | None
) -> Chosen:
    """Choose rules and a sequence for a budget: all on a third of the tasks, finalists on all."""
    sources = [source for kind in TASKS_TO_CHOOSE.values() for source in kind]
    tasks = [Task(source, budget, k) for k, source in enumerate(sources)]
    rules = candidates()

    def means(
        what: str, some: Sequence[Task], by: Any, policies: Sequence[Callable[[], Policy]]
    ) -> np.ndarray:
        calls = [_call(what, task, by, (policies,), data_dir, _NUMBERS) for task in some]
        found: np.ndarray = np.mean(run(_anytime_scores, out / "chosen", calls, "task"), axis=0)
        return found

    def of_rules(some: Sequence[Task], tried: Sequence[Rule]) -> np.ndarray:
        return means("rules", some, [str(rule) for rule in tried], [rule.policy for rule in tried])

    some = tasks[::3]
    order = of_rules(some, rules).argsort()[::-1]
    finalists = [rules[k] for k in order[:PORTFOLIO]]
    if all(rule.then is not None for rule in finalists):
        finalists.append(next(rules[k] for k in order if rules[k].then is None))
    ranked = [finalists[k] for k in of_rules(tasks, finalists).argsort()[::-1]]
    constant = next(rule for rule in ranked if rule.then is None)
    sequences = _sequences(constant)
    plans = [partial(Plan, *each) for each in sequences]
    best = int(means("sequences", some, sequences, plans).argmax())
    return Chosen(constant, ranked[0], sequences[best], tuple(ranked))


def _sequences(rule: Rule) -> list[tuple[tuple[int, ...], bool]]:
    """The actions of a rule, and sequences that differ from it more and more."""
    rng = np.random.default_rng(0)
    found = [(actions_of(rule), rule.anew)]
    while len(found) < SEQUENCES:
        found.append(varied(*found[rng.integers(len(found))], rng))
    return found


def _anytime_scores(
    task: Task, data_dir: Path | None, policies: Sequence[Callable[[], Policy]]
) -> list[float]:
    env = _env(task, data_dir)
    return [judge(env, make(), task.seed).anytime for make in policies]


def _judge_policy(task: Task, data_dir: Path | None, path: Path) -> dict[str, float]:
    rng = np.random.default_rng(task.seed)
    return _numbers(judge(_env(task, data_dir), load_policy(path, rng), task.seed))


def _judge_all(task: Task, data_dir: Path | None, chosen: Chosen) -> dict[str, Any]:
    """What every method but policies reaches in a task."""
    env, rng = _env(task, data_dir), np.random.default_rng(task.seed)

    def play(policy: Policy) -> Judged:
        return judge(env, policy, task.seed)

    methods = {
        "best constant rule": play(chosen.constant.policy()),
        "best rule": play(chosen.rule.policy()),
        "best fixed sequence": play(Plan(*chosen.sequence)),
    }
    env.reset(seed=task.seed)
    found = {"given": env.state.started, "penalty": env.state.penalty}
    by_chance = [_numbers(play(random_policy(k))) for k in range(RANDOM_EPISODES)]
    own, samples = [], []
    for rule in chosen.portfolio:
        own.append(play(rule.policy()))
        actions = own[-1].actions
        start = actions_of(rule)[:1] if found["given"] and not rule.anew else ()
        samples.append(Sample((*start, *actions), rule.anew, own[-1]))
    methods["best rule of the task"] = max(own, key=lambda each: each.anytime)
    for n, best in enumerate(search(env, task.seed, samples, rng, SEARCH_EPISODES[-1]), start=1):
        if n in SEARCH_EPISODES:
            methods[f"search, {n} episodes"] = best.judged
    return {
        **found,
        "methods": {
            "random legal actions": {
                name: float(np.mean([each[name] for each in by_chance])) for name in by_chance[0]
            },
            **{name: _numbers(judged) for name, judged in methods.items()},
        },
    }


def _numbers(judged: Judged) -> dict[str, float]:
    return {name: float(getattr(judged, name)) for name in _JUDGED["properties"]}


def _env(task: Task, data_dir: Path | None) -> BudgetDesignEnv:
    torch.set_num_threads(1)
    return BudgetDesignEnv(_data(task.source, data_dir), penalty=PENALTY, budget=task.budget)


@lru_cache(maxsize=2)
def _data(source: str, data_dir: Path | None) -> Dataset:
    return load_dataset(source, data_dir=data_dir)


@cache
def _data_fingerprint(source: str, data_dir: Path | None) -> str:
    return _data(source, data_dir).fingerprint


def _call(
    what: str, task: Task, by: Any, more: tuple[Any, ...], data_dir: Path | None, form: Any
) -> Call:
    """A job, with everything that its result depends on."""
    key = {
        "what": what,
        **task._asdict(),
        "data": _data_fingerprint(task.source, data_dir),
        "penalty": PENALTY,
        "by": sha256(repr(by).encode()).hexdigest(),
        "actions": sha256(repr(BUDGET_ACTIONS).encode()).hexdigest(),
        "first_share": FIRST_SHARE,
        "episodes": SEARCH_EPISODES[-1],
    }
    return Call(f"{what}-{task.label}", key, (task, data_dir, *more), form)
