"""Reference scores of the environments: simple strategies and plain learners, over many seeds."""

import copy
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.vec_env import VecEnv

from rlnas import plots
from rlnas.agents.config import TrainConfig
from rlnas.agents.experiments.statistics import Interval, trimmed_mean_interval
from rlnas.agents.policies.episode import steps_of_episode
from rlnas.agents.policies.outcome import outcome
from rlnas.agents.training.model import ppo_arguments
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.sb3_vec_env import TabularVecEnv, ThreadedVecEnv
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.json_schema import NUMBER, Schema, record
from rlnas.markdown import markdown_table
from rlnas.parallel.jobs import Call, run_all
from rlnas.validation import check_count

EPISODES = 50
"""Number of test episodes of a strategy for each seed; 1 is enough where all are identical."""

FIRST_EPISODE = 10_000
"""Seed of the first test episode; training uses seeds far from it."""

ENVIRONMENTS = 16
"""Number of environments that a learner steps at the same time."""

Chooser = Callable[[gym.Env, np.ndarray], int]
"""A function that takes an environment and its observation and returns an action."""


@dataclass(frozen=True)
class Task:
    """An environment with arguments, in which strategies are compared.

    Attributes:
        title: Title in tables and plots.
        name: Gymnasium id of the environment.
        steps: Number of training steps of a learner.
        arguments: Keyword arguments of the environment.
        without: Keys of the `STRATEGIES` that would take too long.
    """

    title: str
    name: str
    steps: int
    arguments: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()

    def make(self) -> gym.Env:
        """Make the environment without wrappers."""
        return gym.make(self.name, **self.arguments).unwrapped

    def make_many(self, n: int) -> VecEnv:
        """Make a vector environment of `n` environments for Stable-Baselines3."""
        first = self.make()
        if isinstance(first, TabularEnv):
            return TabularVecEnv(n, table=first.table, **self.arguments)
        return ThreadedVecEnv([self.make] * n, num_threads=1)  # seeds already run in parallel


_VARIED = {"penalty": (0.02, 1.0)}
TASKS = {
    "tabular-digits": Task("TabularDigits", "rlnas/TabularDigits-v0", 100_000),
    "tabular-digits-varied": Task(
        "TabularDigits, varied", "rlnas/TabularDigits-v0", 100_000, _VARIED
    ),
    "tabular-mnist": Task("TabularMNIST", "rlnas/TabularMNIST-v0", 100_000),
    "tabular-mnist-varied": Task("TabularMNIST, varied", "rlnas/TabularMNIST-v0", 100_000, _VARIED),
    "digits": Task("Digits (live)", "rlnas/Digits-v1", 32_000),
    "budget-digits": Task("BudgetDigits", "rlnas/BudgetDigits-v0", 32_000, without=("greedy",)),
    "budget-mixed": Task("BudgetMixed", "rlnas/BudgetMixed-v0", 32_000, without=("greedy",)),
}
"""The tasks; varied tasks draw the penalty at every reset, budget tasks the budget."""


def random_actions(task: Task, seed: int) -> Chooser:
    """Choose a random legal action."""
    rng = np.random.default_rng(seed)
    return lambda env, observation: int(rng.choice(np.flatnonzero(_masks(env))))


def greedy(task: Task, seed: int) -> Chooser:
    """Try all legal actions on copies; choose the one after which the episode is judged best."""

    def choose(env: gym.Env, observation: np.ndarray) -> int:
        legal = np.flatnonzero(_masks(env))
        scores = [outcome(env, copy.deepcopy(env).step(action)[4]) for action in legal]
        return int(legal[int(np.argmax(scores))])

    return choose


def ppo(task: Task, seed: int) -> Chooser:
    """Train PPO of Stable-Baselines3, which may choose illegal actions."""
    model = _learn(PPO, task, seed, **_ON_POLICY)
    return lambda env, observation: int(model.predict(observation, deterministic=True)[0])


def maskable_ppo(task: Task, seed: int) -> Chooser:
    """Train MaskablePPO of sb3-contrib."""
    model = _learn(MaskablePPO, task, seed, **_ON_POLICY)
    return lambda env, observation: int(
        model.predict(observation, action_masks=_masks(env), deterministic=True)[0]
    )


def dqn(task: Task, seed: int) -> Chooser:
    """Train DQN of Stable-Baselines3, which may choose illegal actions."""
    model = _learn(
        DQN,
        task,
        seed,
        learning_rate=5e-4,
        buffer_size=100_000,
        learning_starts=2_000,
        batch_size=128,
        train_freq=1,  # one step of every environment
        gradient_steps=2,
        target_update_interval=1_000,
        exploration_fraction=0.4,
        exploration_final_eps=0.05,
        gamma=1.0,
    )
    return lambda env, observation: int(model.predict(observation, deterministic=True)[0])


STRATEGIES: dict[str, Callable[[Task, int], Chooser]] = {
    "random": random_actions,
    "greedy": greedy,
    "ppo": ppo,
    "maskable_ppo": maskable_ppo,
    "dqn": dqn,
}
"""The strategies; learners are trained for `Task.steps` steps."""

_ON_POLICY = {
    **ppo_arguments(TrainConfig()),
    "learning_rate": lambda left: TrainConfig.learning_rate * left,
    # There are twice as many environments as in `rlnas train`, for a rollout of about equal size.
    "n_steps": 80,
    "batch_size": 256,
}
"""The hyperparameters of `rlnas train`, except for the shape of a rollout."""


def _learn(algorithm: Any, task: Task, seed: int, **hyperparameters: Any) -> Any:
    env = task.make_many(ENVIRONMENTS)
    model = algorithm("MlpPolicy", env, seed=seed, device="cpu", **hyperparameters)
    model.learn(task.steps)
    env.close()
    return model


def _masks(env: gym.Env) -> np.ndarray:
    masks: np.ndarray = env.action_masks()  # type: ignore[attr-defined]
    return masks


def measure(task: Task, strategy: str, seed: int) -> dict[str, float]:
    """Train a strategy and test it on fresh episodes.

    Returns:
        Means over the episodes: `score` of the final design and, for tables, its `regret`, the
        `optimum` of the table, and the best score that is `reachable` from the start. For episodes
        with a budget, `anytime`, their anytime score, and `score`, the best one.
    """
    torch.set_num_threads(1)
    choose = STRATEGIES[strategy](task, seed)
    env = task.make()
    one = isinstance(env, TabularEnv) and not env.settings.random and strategy != "random"
    results: dict[str, list[float]] = {}
    for episode in range(1 if one else EPISODES):
        # All strategies play the same episodes; random actions have a seed of their own.
        steps = steps_of_episode(env, lambda shown, _: choose(env, shown), FIRST_EPISODE + episode)
        next(steps)
        reachable = env.best_reachable()[1] if isinstance(env, TabularEnv) else None
        info = list(steps)[-1].info
        if isinstance(env, BudgetDesignEnv):
            results.setdefault("anytime", []).append(info["anytime"])
            results.setdefault("score", []).append(info["best_score"])
        else:
            results.setdefault("score", []).append(info["score"])
        if reachable is not None:
            results.setdefault("regret", []).append(info["regret"])
            results.setdefault("optimum", []).append(info["optimum"])
            results.setdefault("reachable", []).append(reachable)
    env.close()
    return {name: float(np.mean(values)) for name, values in results.items()}


def reference_scores(
    out: Path,
    tasks: tuple[str, ...] = tuple(TASKS),
    n_seeds: int = 10,
    n_jobs: int = -1,
    progress_bar: bool = True,
) -> str:
    """Measure every strategy in every task with every seed; write a table and a plot.

    Each result is a file in `out / "runs"`, so that repeating the call continues an interrupted
    measurement.

    Args:
        out: Folder for `reference_scores.md` and `reference_scores.png`.
        tasks: Keys of `TASKS`.
        n_seeds: Number of seeds, counted from 0.
        n_jobs: Number of workers; -1 for one per processor.
        progress_bar: Show progress.

    Returns:
        The tables, as Markdown.

    Raises:
        InputError: A task is unknown, there is no seed, or the folder cannot be written to.
    """
    if unknown := sorted(set(tasks) - set(TASKS)):
        raise InputError(f"unknown tasks {unknown}: expected some of {', '.join(TASKS)}")
    n_seeds = check_count("seeds", n_seeds)
    everything = [
        each
        for each in product(dict.fromkeys(tasks), STRATEGIES, range(n_seeds))
        if each[1] not in TASKS[each[0]].without
    ]
    known = {task: _known(TASKS[task]) for task in tasks}
    calls = [
        Call(
            f"{task}-{strategy}-{seed}",
            {**known[task][0], "strategy": strategy, "seed": seed},
            (TASKS[task], strategy, seed),
            known[task][1],
        )
        for task, strategy, seed in everything
    ]
    results: _Results = {}
    found = run_all(measure, out / "runs", calls, "run", n_jobs, progress_bar)
    for (task, strategy, _), result in zip(everything, found, strict=True):
        results.setdefault((task, strategy), []).append(result)
    text = "\n\n".join(_section(TASKS[task], _summary(results, task), n_seeds) for task in tasks)
    replace_file(out / "reference_scores.md", (text + "\n").encode())
    replace_file(out / "reference_scores.png", _plot(results, tasks))
    return text


def _known(task: Task) -> tuple[dict[str, Any], Schema]:
    """The key of a task's results, without strategy and seed, and their schema."""
    env: Any = task.make()
    tabular = isinstance(env, TabularEnv)
    content = [each.fingerprint for each in ([env.table] if tabular else env.datasets)]
    facts: tuple[str, ...] = ("score",)
    if tabular:
        facts = ("score", "regret", "optimum", "reachable")
    elif isinstance(env, BudgetDesignEnv):
        facts = ("anytime", "score")
    key = {**asdict(task), "data_sha256": content, "episodes": EPISODES}
    return key, record(**dict.fromkeys(facts, NUMBER))


_Results = dict[tuple[str, str], list[dict[str, float]]]


def _summary(results: _Results, task: str) -> dict[str, dict[str, Interval]]:
    """Interquartile mean over seeds, with its interval, of each result of each strategy."""
    return {
        strategy: {name: trimmed_mean_interval([run[name] for run in runs]) for name in runs[0]}
        for (where, strategy), runs in results.items()
        if where == task
    }


def _section(task: Task, summary: dict[str, dict[str, Interval]], n_seeds: int) -> str:
    """The heading and the table of one task, as Markdown."""
    arguments = "".join(f", {key}={value!r}" for key, value in task.arguments.items())
    known, budget = "regret" in summary["random"], "anytime" in summary["random"]
    heading = (
        f"### {task.title}\n\n`gymnasium.make({task.name!r}{arguments})`; learners take "
        f"{task.steps:,} steps; {n_seeds} seeds."
    )
    columns = {"score": "score of the final design"}
    if known:
        columns["regret"] = "regret"
    elif budget:
        columns = {"anytime": "anytime score", "score": "best score"}
    rows = [
        [strategy, *(f"{found[key]:.4f}" for key in columns)] for strategy, found in summary.items()
    ]
    if known:
        optimum, reachable = (summary["greedy"][key].value for key in ("optimum", "reachable"))
        rows.append(["best within reach", f"{reachable:.4f}", f"{optimum - reachable:.4f}"])
        rows.append(["optimum of the table", f"{optimum:.4f}", "0"])
    table = markdown_table(["strategy", *columns.values()], rows)
    return f"{heading}\n\n{table}"


def _plot(results: _Results, tasks: tuple[str, ...]) -> bytes:
    """A PNG with the interquartile mean and interval of every strategy, a column per task."""
    drawn, columns = plots.figure(2.6 * len(tasks) + 1, 2.6, columns=len(tasks))
    for axes, task in zip(columns, tasks, strict=True):
        summary = _summary(results, task)
        judged_by = "anytime" if "anytime" in summary["random"] else "score"
        for place, found in enumerate(summary.values()):
            plots.draw_interval(found[judged_by], place, axes)
        if "reachable" in summary["random"]:
            axes.axvline(summary["random"]["reachable"].value, color="0.5", linestyle="--")
        same = task != tasks[0] and TASKS[task].without == TASKS[tasks[0]].without
        axes.set_yticks(range(len(summary)), [] if same else list(summary))
        plots.score_axis(axes)
        axes.set_title(TASKS[task].title, fontsize="medium")
        axes.set_xlabel("score" if judged_by == "score" else "anytime score")
        axes.grid(alpha=0.3)
    return plots.png(drawn)
