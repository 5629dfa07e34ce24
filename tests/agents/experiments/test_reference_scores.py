"""Reference scores: strategies do what they are called, results resume, the table is right."""

import json
from dataclasses import replace

import numpy as np
import pytest

from rlnas.agents.experiments import reference_scores as scores
from rlnas.agents.experiments.reference_scores import (
    STRATEGIES,
    TASKS,
    Task,
    measure,
    reference_scores,
)
from rlnas.errors import InputError
from tests.agents.helpers import files_in

SHORT = Task("short", "rlnas/TabularDigits-v0", 32, {"episode_steps": 3, "start": "random"})
LIVE = Task(
    "live", "rlnas/Design-v1", 32, {"dataset": "wine", "episode_steps": 2, "batches_per_step": 1}
)

BUDGET = Task(
    "budget",
    "rlnas/BudgetDesign-v0",
    32,
    {"dataset": "wine", "budget": 0.05, "episode_steps": 2, "given": 0.0},
)


@pytest.fixture(autouse=True)
def few_episodes(monkeypatch):
    monkeypatch.setattr(scores, "EPISODES", 3)
    monkeypatch.setitem(TASKS, "short", SHORT)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_designs_in_tabular_and_live_tasks(strategy):
    tabular, live = measure(SHORT, strategy, 0), measure(LIVE, strategy, 0)
    budget = measure(BUDGET, strategy, 0)
    assert tabular["optimum"] - tabular["reachable"] >= 0
    assert tabular["regret"] >= tabular["optimum"] - tabular["reachable"] - 1e-12
    assert tabular["regret"] == pytest.approx(tabular["optimum"] - tabular["score"])
    assert set(live) == {"score"}
    assert 0 < live["score"] < 1
    assert set(budget) == {"anytime", "score"}
    assert 0 < budget["anytime"] <= budget["score"] < 1  # equal if it never makes a legal start


def test_the_same_seed_gives_the_same_result():
    assert measure(SHORT, "random", 1) == measure(SHORT, "random", 1)
    assert measure(SHORT, "random", 1) != measure(SHORT, "random", 2)
    assert measure(SHORT, "maskable_ppo", 1) == measure(SHORT, "maskable_ppo", 1)


def test_greedy_takes_the_best_of_the_next_designs():
    env = SHORT.make()
    for seed in range(5):
        observation, info = env.reset(seed=seed)
        before = env.unwrapped.architecture
        action = scores.greedy(SHORT, 0)(env, observation)
        assert env.unwrapped.architecture == before  # only copies were stepped
        others = []
        for other in np.flatnonzero(info["action_mask"]):
            env.reset(seed=seed)
            others.append(env.step(other)[4]["score"])
        env.reset(seed=seed)
        assert env.step(action)[4]["score"] == max(others)


def test_greedy_takes_the_step_that_is_worth_most_of_the_anytime_score():
    env = BUDGET.make()
    observation, _ = env.reset(seed=0)
    start = scores.greedy(BUDGET, 0)(env, observation)
    worth = {}
    for action in np.flatnonzero(env.action_masks()):
        other = BUDGET.make()
        other.reset(seed=0)
        worth[int(action)] = other.step(action)[4]["anytime"]
    assert start == max(worth, key=lambda action: worth[action])
    assert len(set(worth.values())) > 3


def test_budget_tasks_are_told_by_anytime_and_best_score(tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "STRATEGIES", {k: STRATEGIES[k] for k in ("random", "greedy")})
    monkeypatch.setitem(TASKS, "budget", replace(BUDGET, without=("greedy",)))
    text = reference_scores(tmp_path, ("budget",), n_seeds=2, n_jobs=1, progress_bar=False)
    assert "| strategy | anytime score | best score |" in text
    assert "| random |" in text
    assert "| greedy |" not in text
    assert "optimum" not in text


def test_results_are_kept_and_a_table_and_a_plot_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(scores, "STRATEGIES", {k: STRATEGIES[k] for k in ("random", "greedy")})
    text = reference_scores(tmp_path, ("short",), n_seeds=3, n_jobs=1, progress_bar=False)
    runs = sorted(name[:-18] for name in files_in(tmp_path / "runs"))
    assert runs == [f"short-{name}-{k}" for name in ("greedy", "random") for k in range(3)]
    assert (tmp_path / "reference_scores.md").read_text() == text + "\n"
    assert (tmp_path / "reference_scores.png").read_bytes().startswith(b"\x89PNG")
    assert "| optimum of the table |" in text

    calls = []
    monkeypatch.setattr(scores, "measure", lambda *run: calls.append(run))
    (kept,) = (tmp_path / "runs").glob("short-random-1-*.json")
    found = json.loads(kept.read_text())
    kept.write_text(json.dumps({**found, "result": {**found["result"], "score": 0.0}}))
    again = reference_scores(tmp_path, ("short",), n_seeds=3, n_jobs=1, progress_bar=False)
    assert calls == []  # everything was there
    assert again != text


def test_an_unknown_task_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(InputError, match=r"unknown tasks \['nope'\].*tabular-digits"):
        reference_scores(tmp_path, ("nope",), progress_bar=False)


def test_varied_tasks_do_vary():
    env = replace(TASKS["tabular-digits-varied"]).make()
    starts = {env.reset(seed=seed)[1]["architecture"] for seed in range(10)}
    penalties = {env.reset(seed=seed)[1]["penalty"] for seed in range(10)}
    assert len(starts) == len(penalties) == 10
    assert all(0.02 <= penalty <= 1 for penalty in penalties)
