r"""Do stock learners learn in episodes with a budget? Five seeds of each, against rules.

    python benchmarks/learning.py --out runs/learning

Trains MaskablePPO and PPO with the default settings of `rlnas train` on digits, on the mixed family
and on real tables, and plays fresh episodes with each policy, with random legal actions, and with
the best of some rules, which is chosen on other episodes. The same command again goes on where the
last one ended. Writes `learning.md` and `learning.png`.
"""

import csv
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import tyro
from resumable import claim
from threadpoolctl import threadpool_limits

from rlnas import markdown_table, plots
from rlnas.agents import (
    Policy,
    TrainConfig,
    env_like,
    load_policy,
    random_policy,
    train_once,
    trimmed_mean_interval,
)
from rlnas.agents.experiments.decisions.rules import Rule, changing_rules, constant_rules
from rlnas.agents.experiments.decisions.study import TASKS_TO_CHOOSE
from rlnas.agents.policies.episode import steps_of_episode
from rlnas.envs.budget.actions import STARTS
from rlnas.files.atomic import replace_file

FAMILIES: dict[str, tuple[str, ...]] = {
    "digits": ("digits",),
    "mixed": ("mixed",),
    "real tables": TASKS_TO_CHOOSE["real tables"],
}
ALGORITHMS = ("maskable_ppo", "ppo")

FIRST_EPISODE, FIRST_CHOICE = 10_000, 20_000
"""Seeds of the first fresh episode and of the first one that rules are chosen by."""

SHOWN = 40
"""Points of a learning curve."""


@dataclass(frozen=True)
class Settings:
    """How much is trained, and how long it is judged."""

    out: Path
    """Folder for the runs and the report."""
    seeds: int = 5
    """Number of trainings of each algorithm in each family."""
    total_timesteps: int = 40_000
    """Number of steps of each training."""
    budget: tuple[float, float] = (0.05, 2.0)
    """Least and largest budget of an episode."""
    penalty: tuple[float, float] = (0.02, 0.5)
    """Least and largest price of the reference number of weights."""
    episodes: int = 100
    """Fresh episodes of each policy, the same for all."""
    choices: int = 40
    """Other episodes, by which the best rule is chosen."""


def config(settings: Settings, family: str, algorithm: Any, seed: int) -> TrainConfig:
    """The settings of a training."""
    folder = settings.out / f"{family.replace(' ', '_')}-{algorithm}"
    return TrainConfig(
        dataset=FAMILIES[family],
        run_dir=folder / f"seed-{seed}",
        algorithm=algorithm,
        seed=seed,
        budget=settings.budget,
        penalty=settings.penalty,
        total_timesteps=settings.total_timesteps,
    )


def anytime(run: Path, policy: Policy, first: int, episodes: int) -> list[float]:
    """The anytime score of fresh episodes like those of a run."""
    env = env_like(run)
    found = []
    for seed in range(first, first + episodes):
        *_, last = steps_of_episode(env, policy, seed)
        found.append(float(last.info["anytime"]))
    return found


def best_rule(run: Path, episodes: int) -> Rule:
    """The rule with the best mean anytime score, of ten that are best in fewer episodes."""
    some = STARTS[1], STARTS[2], STARTS[4]
    rules = [*constant_rules(some), *changing_rules(some[:2])][::5]

    def means(tried: list[Rule], n: int) -> np.ndarray:
        work = (joblib.delayed(anytime)(run, rule.policy(), FIRST_CHOICE, n) for rule in tried)
        scores: np.ndarray = np.mean(joblib.Parallel(n_jobs=-1)(work), axis=1)
        return scores

    finalists = [rules[k] for k in means(rules, episodes // 4).argsort()[::-1][:10]]
    return finalists[int(means(finalists, episodes).argmax())]


def curve(run: Path) -> tuple[np.ndarray, np.ndarray]:
    """Steps and mean anytime scores of the rollouts of a training, each the mean of some."""
    with (run / "progress.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["design/anytime"]]
    steps = np.array([float(row["time/total_timesteps"]) for row in rows])
    scores = np.array([float(row["design/anytime"]) for row in rows])
    parts = np.array_split(np.arange(len(rows)), min(SHOWN, len(rows)))
    return np.array([[values[part].mean() for part in parts] for values in (steps, scores)])


def main(settings: Settings) -> None:
    """Train and judge everything, and write the report."""
    for family, algorithm in product(FAMILIES, ALGORITHMS):
        first = config(settings, family, algorithm, 0)
        claim(first.folder.parent, replace(first, run_dir=None))
    rows, drawn = [], plots.figure(12, 4, columns=len(FAMILIES))
    for family, axes in zip(FAMILIES, drawn[1], strict=True):
        runs = {
            algorithm: [
                train_once(config(settings, family, algorithm, seed))
                for seed in range(settings.seeds)
            ]
            for algorithm in ALGORITHMS
        }
        one = runs[ALGORITHMS[0]][0]
        rule = best_rule(one, settings.choices)
        ruled = anytime(one, rule.policy(), FIRST_EPISODE, settings.episodes)
        chance = anytime(one, random_policy(0), FIRST_EPISODE, settings.episodes)
        rows.append([family, "random legal actions", f"{np.mean(chance):.4f}", "", ""])
        rows.append([family, f"best rule: {rule}", f"{np.mean(ruled):.4f}", "", ""])
        for algorithm, folders in runs.items():
            scores = [
                np.mean(anytime(run, load_policy(run), FIRST_EPISODE, settings.episodes))
                for run in folders
            ]
            above = [100 * (score - np.mean(ruled)) for score in scores]
            rows.append(
                [
                    family,
                    algorithm,
                    f"{trimmed_mean_interval(scores, trim=0):.4f}",
                    f"{trimmed_mean_interval(above, trim=0):+.2f}",
                    f"{sum(gain > 0 for gain in above)} of {len(above)}",
                ]
            )
            curves = np.array([curve(run) for run in folders])
            line = axes.plot(*curves.mean(axis=0), label=algorithm)[0]
            low, high = curves[:, 1].min(axis=0), curves[:, 1].max(axis=0)
            axes.fill_between(curves[0, 0], low, high, alpha=0.2, color=line.get_color())
        axes.axhline(np.mean(ruled), color="0.3", linestyle="--", label="best rule")
        axes.axhline(np.mean(chance), color="0.6", linestyle=":", label="random")
        axes.set(title=family, xlabel="steps", ylabel="anytime score")
        axes.legend(fontsize="small")
    columns = ["family", "policy", "anytime score", "points above the best rule", "seeds above it"]
    text = markdown_table(columns, rows)
    replace_file(settings.out / "learning.md", (text + "\n").encode())
    replace_file(settings.out / "learning.png", plots.png(drawn[0]))
    print(text)


if __name__ == "__main__":
    with threadpool_limits(1):
        main(tyro.cli(Settings))
