"""Episodes of a split that are the same for every method, and rules tuned on training tasks."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from rlnas.agents.experiments.decisions import split_report, splits, tuning
from rlnas.agents.experiments.decisions.judging import judge
from rlnas.agents.experiments.decisions.rules import Rule
from rlnas.agents.experiments.decisions.splits import Cell, always, beside, chance, learned, play
from rlnas.agents.experiments.decisions.tuning import Stage, ranked, spread, tune
from rlnas.data.generated.made import Made
from rlnas.data.loading import load_dataset
from rlnas.envs.budget.actions import STARTS
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.family.measuring import load
from rlnas.family.tasks import tasks

CELLS = (Cell(0.03, 0.2), Cell(0.1, 0.2), Cell(0.1, 1.0))
GROW = Rule(STARTS[1], "connect x2", "long")
PRUNE = Rule(STARTS[2], "prune /2", "short")
SHIPPED = Path(str(files("rlnas.agents.shipped") / "budget_controller"))


def generated(split, count):
    """The smallest generated tasks of a split."""
    some = [task for task in tasks(split) if not task.real and not task.regression]
    return sorted(some, key=lambda task: Made.of_name(task.source).rows)[:count]


@pytest.fixture(scope="module")
def two():
    return generated("validation", 2)


def played(folder, some, **methods):
    return play(folder, some, methods, cells=CELLS, seeds=2, progress_bar=False)


def test_every_method_plays_the_episodes_of_every_task_cell_and_number(two, tmp_path):
    rows = played(tmp_path, two, grow=always(GROW), random=chance(0))
    assert len(rows) == 2 * 3 * 2
    assert len({row["seed"] for row in rows}) == len(rows)
    assert {row["given"] for row in rows} == {False, True}
    for row in rows:
        (task,) = (task for task in two if task.name == row["source"])
        env = BudgetDesignEnv(load(task), penalty=row["penalty"], budget=row["budget"], given=0.5)
        judged = judge(env, GROW.policy(), row["seed"])
        found = row["methods"]["grow"]
        assert found["test_anytime"] == judged.test_anytime
        assert found["anytime"] == judged.anytime
        assert found["steps"] == len(judged.actions)


def test_methods_of_several_calls_stand_beside_each_other(two, tmp_path):
    at_once = played(tmp_path, two, grow=always(GROW), shipped=learned(SHIPPED))
    one_by_one = beside(
        played(tmp_path, two, grow=always(GROW)), played(tmp_path, two, shipped=learned(SHIPPED))
    )
    assert at_once == one_by_one
    with pytest.raises(InputError, match="the results are of different episodes"):
        beside(at_once, played(tmp_path, two[::-1], grow=always(GROW)))


def test_results_are_kept_and_are_those_of_their_method_alone(two, tmp_path, monkeypatch):
    first = played(tmp_path, two, grow=always(GROW))
    assert played(tmp_path, two, grow=always(PRUNE)) != first
    assert played(tmp_path, two, random=chance(0)) != played(tmp_path, two, random=chance(1))
    monkeypatch.setattr(splits, "judge", None)  # everything is there
    assert played(tmp_path, two, grow=always(GROW)) == first


def test_a_policy_that_draws_its_actions_plays_others(two, tmp_path):
    argmax, sampled, again = (
        played(tmp_path / str(k), two, policy=learned(SHIPPED, drawn))
        for k, drawn in enumerate((False, True, True))
    )
    assert argmax != sampled == again


def test_a_rule_for_each_cell_is_that_rule_there(two, tmp_path):
    rules = {CELLS[0]: GROW, CELLS[1]: PRUNE, CELLS[2]: PRUNE}
    rows = played(tmp_path, two, grow=always(GROW), prune=always(PRUNE), both=splits.ruled(rules))
    for row in rows:
        name = "grow" if row["budget"] == 0.03 else "prune"
        assert row["methods"]["both"] == row["methods"][name]


def test_tasks_of_the_test_are_refused(tmp_path):
    with pytest.raises(InputError, match="tasks of the test: expected those of training"):
        played(tmp_path / "out", tasks("test")[:1], grow=always(GROW))
    assert not (tmp_path / "out").exists()


def test_regression_is_judged_where_nothing_is_found(tmp_path):
    """With the test samples in the place of those of validation both scores are the same."""
    data = load_dataset("made:linear:rows=300:features=5:classes=0:seed=1")
    same = replace(data, test=data.validation)
    judged = judge(BudgetDesignEnv(same, budget=0.1, given=0.0), GROW.policy(), 0)
    assert judged.test_anytime == pytest.approx(judged.anytime)


def test_more_tasks_include_the_fewer_ones():
    everything = tasks("train")
    few, many = (spread(everything, count) for count in (5, 40))
    assert set(few) < set(many) < set(everything)
    assert len(few) == 5
    assert any(task.real for task in many)


def test_the_best_rules_are_those_with_the_best_mean_by_hand(tmp_path, monkeypatch):
    some = generated("train", 3)
    monkeypatch.setattr(tuning, "tasks", lambda split: some)
    rules = [GROW, PRUNE, Rule(STARTS[0], "train", "long"), Rule(STARTS[3], "grow x2", "normal")]
    stages = (Stage(1, 2, 2), Stage(3, 1, 1))
    found = tune(tmp_path, rules, stages, CELLS, progress_bar=False)
    means = {
        str(rule): [
            np.mean(
                [
                    row["methods"][str(rule)]["test_anytime"]
                    for row in found.rows
                    if (row["budget"], row["penalty"]) == cell
                ]
            )
            for cell in CELLS
        ]
        for rule in rules
        if str(rule) in found.rows[0]["methods"]
    }
    assert {row["source"] for row in found.rows} == {task.name for task in some}
    for k, cell in enumerate(CELLS):
        best = max(means, key=lambda text: means[text][k])
        assert str(found.by_cell[cell]) == best == ranked(found.rows, [cell])[0]
    assert found.by_budget[CELLS[1]] == found.by_budget[CELLS[2]]
    both = max(means, key=lambda text: means[text][1] + means[text][2])
    assert str(found.by_budget[CELLS[1]]) == both


def test_a_rule_that_is_bad_in_the_first_stage_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "tasks", lambda split: generated("train", 2))
    rules = [Rule(start, "connect x2", "long") for start in STARTS[:6]]
    found = tune(tmp_path, rules, (Stage(1, 1, 1), Stage(2, 1, 1)), CELLS[:1], progress_bar=False)
    assert len(found.rows[0]["methods"]) == 1
    (name,) = found.rows[0]["methods"]
    assert str(found.by_cell[CELLS[0]]) == name


def test_tables_tell_means_over_tasks_by_hand(two, tmp_path):
    rows = played(tmp_path, two, grow=always(GROW), random=chance(0))
    gains = {}
    for row in rows:
        ours, theirs = (row["methods"][name]["test_anytime"] for name in ("random", "grow"))
        gains.setdefault(row["source"], []).append(100 * (ours - theirs))
    mean = np.mean([np.mean(each) for each in gains.values()])
    text = split_report.differences(rows, "grow")
    assert f"| random | {mean:+.2f} (" in text
    assert "| above grow | all | budget 0.03 | budget 0.1 | generated tables |" in text
    level = np.mean([100 * row["methods"]["grow"]["test_anytime"] for row in rows])
    assert f"| grow | {level:.2f} |" in split_report.levels(rows)
