"""Learners against rules in episodes with a budget, and the report of the study."""

import json

import numpy as np
import pytest

from rlnas.agents import env_like
from rlnas.agents.experiments.decisions import learning, learning_report
from rlnas.agents.experiments.decisions.rules import Rule
from rlnas.envs.budget.actions import STARTS
from rlnas.envs.budget.design_env import BudgetDesignEnv

RULES = [Rule(STARTS[1], "grow x1.25", "long"), Rule(STARTS[0], "prune /2", "long")]


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """A study of seconds: its folder, how to repeat it, and its results."""
    with pytest.MonkeyPatch.context() as changed:
        for name, value in {
            "FAMILIES": {"wine": ("wine",)},
            "RULES": 2,
            "FINALISTS": 2,
            "CHOICES": 4,
            "FRESH": 3,
            "candidates": lambda: RULES,
            "BUDGET": (0.05, 0.2),
        }.items():
            changed.setattr(learning, name, value)
        out = tmp_path_factory.mktemp("learning") / "study"

        def run():
            return learning.study_learning(
                out, seeds=2, total_timesteps=800, jobs=1, progress_bar=False
            )

        yield out, run, run()


def test_every_seed_of_every_algorithm_plays_the_same_fresh_episodes(studied):
    _, _, (found,) = studied
    assert len(found.ruled) == len(found.chance) == 3
    assert set(found.trained) == {"maskable_ppo", "ppo"}
    for results in found.trained.values():
        assert len(results) == 2
        assert results[0] != results[1]
        for one in results:
            assert len(one["scores"]) == 3
            assert len(one["steps"]) == len(one["curve"]) > 0
            assert one["steps"] == sorted(one["steps"])


def test_learners_play_in_the_episodes_of_the_rules(studied):
    out, *_ = studied
    ours = env_like(out / "runs" / "wine-ppo-0")
    theirs = BudgetDesignEnv(["wine"], penalty=learning.PENALTY, budget=learning.BUDGET)
    for seed in range(4):
        (first, info), (second, other) = ours.reset(seed=seed), theirs.reset(seed=seed)
        np.testing.assert_array_equal(first, second)
        assert (info["budget"], info["penalty"]) == (other["budget"], other["penalty"])


def test_the_rule_is_chosen_in_other_episodes(studied):
    _, _, (found,) = studied
    means = {
        str(rule): np.mean(learning._play_rule("wine", rule, learning.FIRST_CHOICE, 4, None))
        for rule in RULES
    }
    assert found.rule == max(means, key=lambda name: means[name])
    assert learning.FIRST_CHOICE > learning.FIRST_FRESH + 100


def test_a_repeated_study_goes_on_where_it_ended(studied, monkeypatch):
    _, run, results = studied
    monkeypatch.setattr(learning, "train_once", None)  # everything is there
    monkeypatch.setattr(learning, "_play_rule", None)
    assert run() == results


def test_the_report_tells_gains_over_the_rule_by_hand(studied):
    out, _, results = studied
    text = learning_report.write_report(results, out)
    (found,) = results
    gain = 100 * (
        np.mean([np.mean(one["scores"]) for one in found.trained["ppo"]]) - np.mean(found.ruled)
    )
    assert f"| {gain:+.2f} (" in text
    assert (out / "learning.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads((out / "learning.json").read_text())
    assert saved[0]["ruled"] == found.ruled
