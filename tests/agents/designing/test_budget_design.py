"""Designing within a cost: the record, the table, the report, and what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.config import SHIPPED, SHIPPED_BUDGET
from rlnas.agents.designing import design as module
from rlnas.agents.designing.design import design, design_and_train, evaluate_policy
from rlnas.agents.designing.finish import candidates
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.episode import play_episode, random_policy, worth
from rlnas.agents.policies.policy import load_policy
from rlnas.agents.reports.report import write_report
from rlnas.data.loading import load_dataset
from rlnas.designs.saved import load_design
from rlnas.envs.budget.actions import BUDGET_ACTIONS, LENGTHS
from rlnas.envs.budget.costs import unit_cost
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS

COST = 0.1
STOP = len(BUDGET_ACTIONS) - 1


@pytest.fixture(scope="module")
def made(budget_run, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A design within a cost: its folder and its record."""
    out = tmp_path_factory.mktemp("budget") / "design"
    return out, design(budget_run, "wine", out, cost=COST, progress_bar=False).record


def test_the_record_tells_the_budget_and_what_was_spent(made):
    out, record = made
    assert load_design(out).record["budget"] == record["budget"]
    budget, data = record["budget"], load_dataset("wine")
    unit = unit_cost(data, min(DEFAULT_HYPERPARAMETERS.batch_size, data.train.size))
    assert budget["multiply_adds"] == round(COST * unit)
    assert budget["units"] == pytest.approx(COST, rel=1e-6)
    assert 0 < budget["spent"] <= budget["multiply_adds"]


def test_the_costs_of_the_steps_add_up_to_what_was_spent(made):
    _, record = made
    history, budget = record["history"], record["budget"]
    assert history[0]["spent"] == history[0]["cost"] == 0
    spent = np.cumsum([step["cost"] for step in history]).tolist()
    assert spent == [step["spent"] for step in history]
    assert spent[-1] == budget["spent"]
    words = [re.findall(rf"({'|'.join(LENGTHS)}) training", step["action"]) for step in history[1:]]
    for length, share in budget["lengths"].items():
        assert share == pytest.approx(words.count([length]) / len(words))
    assert budget["lengths"].keys() == LENGTHS.keys()


def test_the_design_is_the_best_of_an_episode_with_that_budget(made, budget_run):
    _, record = made
    env = env_like(budget_run, "wine", middle=True, budget=COST)
    best, history = play_episode(env, load_policy(budget_run), 0)
    assert [step["score"] for step in record["history"]] == [info["score"] for info in history]
    assert record["budget"]["anytime"] == history[-1]["anytime"]
    assert best.info["score"] == history[-1]["best_score"]


def test_without_a_cost_the_budget_is_the_middle_of_the_training(budget_run):
    env = env_like(budget_run, "wine", middle=True)
    assert isinstance(env, BudgetDesignEnv)
    _, record = design_and_train(env, load_policy(budget_run), 0)
    assert record["budget"]["units"] == pytest.approx(env.budget_range[0], rel=1e-6)


def test_the_table_shows_the_budget(budget_run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    out = tmp_path / "out"
    words = ["design", "wine", "--cost", str(COST), "--policy", str(budget_run), "--quiet"]
    assert main([*words, "--out", str(out)]) == 0
    shown, record = capsys.readouterr().out, load_design(out).record
    assert f"{COST:g} ({record['budget']['multiply_adds']:,} multiply-adds)" in shown
    assert f"({record['budget']['spent']:,} multiply-adds)" in shown
    assert f"{record['budget']['anytime']:.4f}" in shown
    assert f"short {record['budget']['lengths']['short']:.0%}" in shown
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines()]
    before = {row[0]: row[1] for row in rows if row}
    assert before["architecture"] == "constant prediction"
    assert before["density per layer"] == ""


def test_the_report_shows_score_against_cost_and_the_cost_of_each_step(made):
    out, record = made
    page = write_report(out).read_text()
    assert "<h2>Score against cost</h2>" in page
    assert '<img alt="Score against cost"' in page
    assert f"{record['budget']['spent']:,} multiply-adds" in page
    for step in record["history"]:
        assert f"<td>{step['cost']:,}</td>" in page
    assert "<td>nothing yet</td>" in page
    assert page.count("<td>constant prediction</td>") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--cost", "0"], "--cost 0.0 is out of range: expected from 1e-06 to 1e+06"),
        (["--cost", "0.00001"], "--cost 1e-05 does not pay for the first step"),
        (["--cost", "1", "--policy", str(SHIPPED)], "was trained in episodes with a fixed number"),
        (["--thorough", "--policy", str(SHIPPED_BUDGET)], "was trained with a budget of training"),
    ],
)
def test_what_cannot_be_designed_with_is_refused_in_one_line(words, told, tmp_path, capsys):
    assert main(["design", "wine", *words, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_cost_alone_takes_the_policy_that_comes_with_rlnas(monkeypatch, tmp_path):
    """Without it, it is the one for a fixed number of steps."""
    taken = []

    def watched(run: Path) -> Any:
        taken.append(run)
        raise InputError("enough")

    monkeypatch.setattr(module, "load_policy", watched)
    for limits in ({"cost": 1.0}, {}):
        with pytest.raises(InputError, match="enough"):
            design(dataset="wine", out=tmp_path / "out", progress_bar=False, **limits)
    assert taken == [SHIPPED_BUDGET, SHIPPED]


def test_the_best_design_of_an_episode_has_connections_even_if_none_is_worth_it():
    env = BudgetDesignEnv("wine", budget=0.1, penalty=1e4, given=0.0)
    best, history = play_episode(env, random_policy(0), 0)
    assert history[0]["score"] == max(info["score"] for info in history)
    assert best.network.active_weights > 0
    assert best.info["score"] == max(i["score"] for i in history if i["active_weights"])


def test_an_episode_without_a_network_leaves_the_linear_network():
    """Only refused actions are taken; the budget is spent all the same, or the steps are."""
    env = BudgetDesignEnv("wine", budget=0.1, episode_steps=3, given=0.0)
    network, record = design_and_train(env, lambda *_: 0, 0)
    assert record["linear"] is True
    assert network.layer_sizes == (13, 3)
    assert record["batches"]["episode"] == 0
    assert record["initial"]["active_weights"] == 0


def test_a_network_without_connections_is_no_candidate():
    env = BudgetDesignEnv("wine", budget=0.1, given=0.0)
    env.reset(seed=0)
    data = env.dataset
    (only,) = candidates(env.current_design, data, 0.1, 0)
    assert only.network.layer_sizes == (13, 3)
    assert only.network.active_weights == 39


def test_an_episode_shows_its_progress_by_cost(monkeypatch):
    from rlnas.agents.policies import episode
    from rlnas.progress import progress

    bars: list[Any] = []

    def watched(shown: bool = True, **options: Any) -> Any:
        bars.append(progress(True, **options))
        return bars[-1]

    monkeypatch.setattr(episode, "progress", watched)
    _, history = play_episode(BudgetDesignEnv("wine", budget=0.1), random_policy(1), 1)
    (bar,) = bars
    assert bar.total == history[-1]["budget"]
    assert bar.n == history[-1]["spent"]


def test_a_constant_prediction_is_no_design_with_0_weights():
    env = BudgetDesignEnv("wine", budget=0.1, given=0.0)
    before, after = play_episode(env, random_policy(1), 1)[1][:2]
    assert worth(before) == f"{before['val_metric']:.2%} as a constant prediction"
    weights = after["active_weights"]
    assert worth(after) == f"{after['val_metric']:.2%} with {weights:,} weights"


def test_an_assessment_with_a_budget_has_the_anytime_and_the_best_score(budget_run, capsys):
    scores = evaluate_policy(budget_run, episodes=2, seed=50, progress_bar=False)
    assert scores.keys() == {"anytime score", "best score"}
    for name, policy in (("trained", load_policy(budget_run)), ("random", random_policy(50))):
        env = env_like(budget_run)
        last = [play_episode(env, policy, seed)[1][-1] for seed in (50, 51)]
        assert scores["anytime score"][name] == [info["anytime"] for info in last]
        assert scores["best score"][name] == [info["best_score"] for info in last]
    words = ["evaluate-policy", "--policy", str(budget_run), "--episodes", "2", "--quiet"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert len(re.findall(r"mean anytime score \S+ \+/-", shown)) == 2
    assert len(re.findall(r"mean best score \S+ \+/-", shown)) == 2


def test_a_design_within_a_cost_is_evaluated_like_any_other(made, capsys):
    out, record = made
    assert main(["evaluate", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["test_accuracy"] == record["test_accuracy"]
