"""Designs within a budget: policies and sparse trainings at the same cost, judged alike."""

import json
from itertools import pairwise

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.config import SHIPPED_BUDGET
from rlnas.agents.experiments import transfer as transfer_module
from rlnas.agents.experiments.budget_transfer import (
    MIN_BATCHES,
    design_within_budget,
    restarts,
    train_only,
)
from rlnas.agents.experiments.transfer import FIXED, transfer
from rlnas.agents.experiments.transfer_report import difference, judged_by, verdict, write_report
from rlnas.agents.policies.episode import random_policy, steps_of_episode
from rlnas.agents.policies.policy import fingerprint
from rlnas.agents.sparse_training.trainer import SPARSE_TRAINERS
from rlnas.cost import REFERENCE, evaluation_cost, size_of_architecture, training_cost
from rlnas.envs.budget.actions import BUDGET_ACTIONS, START
from rlnas.envs.budget.costs import unit_cost
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.nn.training import evaluate
from tests.envs.helpers import TASK

UNIT = unit_cost(TASK, 128)
REFERENCE_SIZE = size_of_architecture(REFERENCE, 6, 3)


@pytest.fixture(scope="module")
def designs() -> dict[str, dict[str, float]]:
    env = BudgetDesignEnv(TASK, budget=0.3, given=0.0, penalty=0.1)
    policies = {"controller": random_policy(0), "no_edits": train_only}
    return design_within_budget(env, 3, policies)


def test_every_method_has_its_scores_and_an_anytime_score(designs):
    assert list(designs) == ["controller", "no_edits", *SPARSE_TRAINERS]
    nothing = BudgetDesignEnv(TASK, budget=0.3, given=0.0)
    before = nothing.reset(seed=3)[1]["score"]
    for found in designs.values():
        price = 0.1 * found["active_weights"] / (76 * (6 + 3))
        assert found["score"] == pytest.approx(found["val_accuracy"] - price)
        assert found["test_score"] == pytest.approx(found["test_accuracy"] - price)
        assert before < found["anytime"] < found["score"]


def test_a_policy_plays_one_episode_and_its_best_design_counts(designs):
    env = BudgetDesignEnv(TASK, budget=0.3, given=0.0, penalty=0.1)
    infos = [step.info for step in steps_of_episode(env, random_policy(0), 3)]
    best = max(infos, key=lambda info: info["score"])
    found = designs["controller"]
    assert found["anytime"] == infos[-1]["anytime"]
    assert found["score"] == pytest.approx(best["score"], abs=1e-12)
    assert found["active_weights"] == best["active_weights"]
    network = env.state.best.network
    assert found["test_accuracy"] == evaluate(network, TASK, TASK.test).accuracy


def test_schedules_end_with_the_weights_of_the_first_policy(designs):
    ours = min(designs["controller"]["active_weights"], 76 * 9)
    for name in SPARSE_TRAINERS.keys() - {"dense"}:
        assert designs[name]["active_weights"] == ours


def test_a_schedule_is_paid_for_by_its_restarts(monkeypatch):
    """The anytime score by hand: the constant prediction first, then the best restart so far."""
    asked: list[int] = []
    dense = SPARSE_TRAINERS["dense"]

    def noted(sizes, count, data, batches, rng):
        asked.append(batches)
        return dense(sizes, count, data, batches, rng)

    monkeypatch.setattr(
        "rlnas.agents.experiments.budget_transfer.SPARSE_TRAINERS", {"dense": noted}
    )
    env = BudgetDesignEnv(TASK, budget=0.3, given=0.0, penalty=0.1)
    found = design_within_budget(env, 3, {"controller": train_only})["dense"]
    _, info = env.reset(seed=3)
    budget, first, best = info["budget"], env.state.first, info["score"]
    lengths = restarts(TASK, budget, 128)
    assert asked == [batches for _, batches in lengths]
    total, spent = best, 0
    for cost, batches in lengths:
        network = dense((6, 76, 3), 0, TASK, batches, np.random.default_rng(3))
        score = evaluate(network, TASK, TASK.validation).accuracy - 0.1
        spent += cost
        if score > best:
            share = min(np.log(budget / spent) / np.log(budget / first), 1)
            total += (score - best) * share
            best = score
    assert found["anytime"] == pytest.approx(total, abs=1e-12)
    assert found["score"] == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("units", [0.05, 0.3, 1.0, 7.0])
def test_restarts_double_within_the_budget(units):
    budget = round(units * UNIT)
    costs, batches = zip(*restarts(TASK, budget, 128), strict=True)
    assert sum(costs) <= budget
    assert all(2 * a <= b <= 2 * a + 1 for a, b in pairwise(costs))
    evaluation = evaluation_cost(REFERENCE_SIZE, TASK.validation.size)
    for cost, number in zip(costs, batches, strict=True):
        assert training_cost(REFERENCE_SIZE, number, 128) + evaluation <= cost
        assert training_cost(REFERENCE_SIZE, number + 1, 128) + evaluation > cost
    assert MIN_BATCHES <= batches[0] < 3 * MIN_BATCHES


def test_a_small_budget_pays_for_one_training_or_none():
    least = training_cost(REFERENCE_SIZE, MIN_BATCHES, 128)
    least += evaluation_cost(REFERENCE_SIZE, TASK.validation.size)
    assert restarts(TASK, least, 128) == [(least, MIN_BATCHES)]
    with pytest.raises(InputError, match=r"8 batches of a sparse training .* at least"):
        restarts(TASK, least - 1, 128)


def test_designs_worse_than_a_constant_prediction_have_its_anytime_score():
    env = BudgetDesignEnv(TASK, budget=0.3, given=0.0, penalty=100.0)
    found = design_within_budget(env, 0, {"controller": train_only})
    constant = env.reset(seed=0)[1]["score"]
    assert found["controller"]["anytime"] == found["dense"]["anytime"] == constant
    assert found["dense"]["score"] < constant
    with pytest.raises(InputError, match="lazy never starts with a network"):
        design_within_budget(env, 0, {"lazy": lambda *_: 0})


def test_training_only_starts_dense_and_never_edits():
    env = BudgetDesignEnv(TASK, budget=0.3, given=0.0)
    actions = [step.action for step in steps_of_episode(env, train_only, 0)]
    start, *others = (BUDGET_ACTIONS[action] for action in actions[1:] if action is not None)
    assert start.operation == START
    assert str(start) == "start 40 at 100%"
    assert {str(action) for action in others} == {"none, normal training"}
    assert len(others) > 5


def test_policies_without_a_budget_are_refused_before_anything_is_written(run, tmp_path):
    with pytest.raises(InputError, match="trained in episodes without a budget"):
        transfer(tmp_path / "out", (run,), ("wine",), budget=1.0, progress_bar=False)
    assert not (tmp_path / "out").exists()


def test_policies_with_a_budget_need_one(run, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer_module, "episode_settings", lambda run: {"budget": [0.1, 1.0]})
    with pytest.raises(InputError, match="trained in episodes with a budget: expected a budget"):
        transfer(tmp_path / "out", (run,), ("wine",), progress_bar=False)


def test_the_policy_for_budgets_is_compared_unless_told_otherwise(tmp_path, capsys):
    task = ["--datasets", "wine", "--penalties", "0.1", "--seeds", "1", "--jobs", "1"]
    out = tmp_path / "out"
    assert main(["transfer", "--budget", "0.2", *task, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "| method | anytime score |" in told
    assert all(f"| {name} |" in told for name in FIXED)
    (result,) = (out / "runs").glob("*.json")
    (first,) = json.loads(result.read_text())["key"]["policies"]
    assert first == [SHIPPED_BUDGET.name, fingerprint(SHIPPED_BUDGET)]


def test_the_report_is_by_anytime_score(designs, tmp_path):
    combinations = [
        {"dataset": "wine", "penalty": 0.1, "seed": seed, "designs": designs} for seed in range(4)
    ]
    assert judged_by(combinations) == "anytime"
    expected = designs["controller"]["anytime"] - designs["dense"]["anytime"]
    assert difference(combinations, "dense").value == pytest.approx(expected)
    text = write_report(combinations, tmp_path)
    assert text.startswith("Designs within a budget of training cost. Methods are judged by the")
    assert (
        "| method | anytime score | controller better by | test score | test accuracy | active "
        "weights |"
    ) in text
    assert "Mean anytime score over penalties" in verdict(combinations)
