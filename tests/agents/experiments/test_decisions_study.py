"""The same live episodes for every method, rivals chosen on training tasks, and their report."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from rlnas.agents.config import SHIPPED as STEPS, SHIPPED_BUDGET as SHIPPED
from rlnas.agents.experiments.decisions import playing, report, study, tuning
from rlnas.agents.experiments.decisions.judging import judged, play
from rlnas.agents.experiments.decisions.methods import (
    SWITCHED_OFF,
    always,
    chance,
    fixed,
    learned,
    part,
    portfolio,
    ruled,
    searched,
)
from rlnas.agents.experiments.decisions.playing import Cell, beside, kind_of, play_all
from rlnas.agents.experiments.decisions.report import SHARES, course
from rlnas.agents.experiments.decisions.rules import Rule
from rlnas.agents.experiments.decisions.sequences import Plan, actions_of
from rlnas.agents.experiments.decisions.tuning import GROUPS, Stage, greedy, ranked, spread, tune
from rlnas.data.generated.made import Made
from rlnas.envs.budget.actions import BUDGET_ACTIONS, STARTS
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.family.measuring import load
from rlnas.family.tasks import list_sha256, tasks

CELLS = (Cell(0.03, 0.2), Cell(0.1, 0.2), Cell(0.1, 1.0))
GROW = Rule(STARTS[1], "connect x2", "long")
PRUNE = Rule(STARTS[2], "prune /2", "short")
TRAIN = Rule(STARTS[0], "train", "long")


def generated(split, count):
    """The smallest generated tasks of a split."""
    some = [task for task in tasks(split) if not task.real and not task.regression]
    return sorted(some, key=lambda task: Made.of_name(task.source).rows)[:count]


@pytest.fixture(scope="module")
def two():
    return generated("validation", 2)


def played(folder, some, **methods):
    return play_all(folder, some, methods, cells=CELLS, seeds=2, progress_bar=False)


def env_of(row):
    (task,) = (task for task in tasks("validation") if task.name == row["source"])
    return BudgetDesignEnv(load(task), penalty=row["penalty"], budget=row["budget"], given=0.5)


def everywhere(rules):
    return dict.fromkeys(GROUPS, rules)


def test_every_method_plays_the_episodes_of_every_task_cell_and_number(two, tmp_path):
    rows = played(tmp_path, two, grow=always(GROW), random=chance(0))
    assert len(rows) == 2 * 3 * 2
    assert len({row["seed"] for row in rows}) == len(rows)
    assert {row["given"] for row in rows} == {False, True}
    for row in rows:
        expected = play(env_of(row), GROW.policy(), row["seed"])
        found = row["methods"]["grow"]
        assert found["played"] == expected
        assert found["test_anytime"] == judged(expected).test_anytime
        assert found["steps"] == len(expected.actions)
        assert row["multiply_adds"] == expected.budget


def test_methods_of_several_calls_stand_beside_each_other(two, tmp_path):
    at_once = played(tmp_path, two, grow=always(GROW), shipped=learned(SHIPPED))
    one_by_one = beside(
        played(tmp_path, two, grow=always(GROW)), played(tmp_path, two, shipped=learned(SHIPPED))
    )
    assert at_once == one_by_one
    only = beside(at_once, played(tmp_path, two[1:], prune=always(PRUNE)))
    assert {row["source"] for row in only} == {two[1].name}
    assert all(len(row["methods"]) == 3 for row in only)


def test_results_are_kept_and_are_those_of_their_method_alone(two, tmp_path, monkeypatch):
    first = played(tmp_path, two, grow=always(GROW))
    assert played(tmp_path, two, grow=always(PRUNE)) != first
    assert played(tmp_path, two, random=chance(0)) != played(tmp_path, two, random=chance(1))
    monkeypatch.setattr(playing, "BudgetDesignEnv", None)  # everything is there
    assert played(tmp_path, two, grow=always(GROW)) == first


def test_a_rule_for_each_group_is_that_rule_there(two, tmp_path):
    rules = {group: GROW if group[0] == 0.03 or group[1] else PRUNE for group in GROUPS}
    sequences = {group: (actions_of(rule), rule.anew) for group, rule in rules.items()}
    rows = played(
        tmp_path,
        two,
        grow=always(GROW),
        prune=always(PRUNE),
        both=ruled(rules),
        fixed=fixed(sequences),
    )
    for row in rows:
        name = "grow" if row["budget"] == 0.03 or row["given"] else "prune"
        assert row["methods"]["both"] == row["methods"][name]
        plan = Plan(*sequences[row["budget"], row["given"]])
        assert row["methods"]["fixed"]["played"] == play(env_of(row), plan, row["seed"])


def test_a_portfolio_of_one_rule_is_that_rule_where_nothing_is_given(two, tmp_path):
    one = portfolio(everywhere([GROW]))
    for row in played(tmp_path, two, grow=always(GROW), one=one):
        if not row["given"]:
            alone, together = (row["methods"][name] for name in ("grow", "one"))
            assert together["played"].improvements == alone["played"].improvements


def test_the_rules_of_a_portfolio_share_the_budget(two, tmp_path):
    both = portfolio(everywhere([GROW, PRUNE]))
    rows = played(tmp_path, two, first=part(GROW, 2), both=both)
    for row in rows:
        first, whole = (row["methods"][name]["played"] for name in ("first", "both"))
        assert whole.budget == row["multiply_adds"]
        assert first.budget == pytest.approx(whole.budget / 2, abs=1)
        n = len(first.improvements)
        assert whole.improvements[:n] == first.improvements
        assert all(each.spent > first.budget for each in whole.improvements[n:])


def test_a_portfolio_leaves_out_what_the_budget_does_not_pay_for(two, tmp_path):
    rules = [Rule(start, "train", "short") for start in STARTS[1:8]]
    for row in played(tmp_path, two, many=portfolio(everywhere(rules))):
        found = row["methods"]["many"]["played"]
        assert found.improvements[-1].spent <= found.budget == row["multiply_adds"]


def test_a_search_begins_with_the_rules_and_keeps_the_best(two, tmp_path):
    rules = everywhere([GROW, PRUNE])
    rows = played(
        tmp_path,
        two,
        grow=always(GROW),
        prune=always(PRUNE),
        few=searched(2, rules, "end"),
        more=searched(6, rules, "end"),
        early=searched(2, rules, "anytime"),
    )
    for row in rows:
        reached = row["methods"]
        for name, key in (("few", "end"), ("early", "anytime")):
            best = max(reached[rule][key] for rule in ("grow", "prune"))
            assert reached[name][key] == best
        assert reached["more"]["end"] >= reached["few"]["end"]


@pytest.mark.parametrize("without", SWITCHED_OFF)
def test_a_policy_can_be_kept_from_actions(without, two, tmp_path):
    rows = played(tmp_path, two, free=learned(SHIPPED), kept=learned(SHIPPED, without))
    taken = {
        name: [BUDGET_ACTIONS[k] for row in rows for k in row["methods"][name]["played"].actions]
        for name in ("free", "kept")
    }
    assert any(map(SWITCHED_OFF[without], taken["free"]))
    assert not any(map(SWITCHED_OFF[without], taken["kept"]))


def test_more_tasks_include_the_fewer_ones():
    everything = tasks("train")
    few, many = (spread(everything, count) for count in (5, 40))
    assert set(few) < set(many) < set(everything)
    assert len(few) == 5
    assert any(task.real for task in many)


@pytest.fixture
def small(monkeypatch):
    """Comparisons of seconds."""
    monkeypatch.setattr(tuning, "tasks", lambda split: generated(split, 2))
    monkeypatch.setattr(tuning, "SEQUENCES", 2)
    monkeypatch.setattr(tuning, "PORTFOLIOS", (2,))
    for module in (tuning, playing):
        monkeypatch.setattr(module, "BUDGETS", (0.03, 0.1))
    monkeypatch.setattr(tuning, "GROUPS", tuple(g for g in GROUPS if g[0] < 0.3))
    some = tuple(cell for cell in playing.CELLS if cell.budget < 0.3)
    monkeypatch.setattr(
        playing.play_all, "__kwdefaults__", {**playing.play_all.__kwdefaults__, "cells": some}
    )
    monkeypatch.setattr(tuning, "CELLS", some)


STAGES = (Stage(1, 2, 2), Stage(2, 2, 1))


def test_the_best_rules_are_those_with_the_best_mean_by_hand(small, tmp_path):
    rules = [GROW, PRUNE, TRAIN, Rule(STARTS[3], "grow x2", "normal", "prune /2", "overfitted")]
    found = tune(tmp_path, rules, (STAGES[1],), progress_bar=False)
    methods = {str(rule): always(rule) for rule in rules}
    rows = play_all(tmp_path, generated("train", 2), methods, seeds=2, progress_bar=False)
    for group, best in found.rules.items():
        of_group = [row for row in rows if (row["budget"], row["given"]) == group]
        means = {
            name: np.mean([row["methods"][name]["test_anytime"] for row in of_group])
            for name in methods
        }
        assert str(best[0]) == max(means, key=means.get) == ranked(rows, group)[0]
        assert found.constant[group].then is None
        assert set(found.portfolios[2][group]) <= set(rules)
        assert found.sequences[group][0][0] >= 120


def test_a_rule_that_is_bad_in_the_first_stage_is_left_out(small, tmp_path):
    rules = [Rule(start, "connect x2", "long") for start in STARTS[:6]]
    found = tune(tmp_path, rules, (Stage(1, 2, 1), Stage(2, 2, 2)), progress_bar=False)
    rows = play_all(
        tmp_path,
        spread(generated("train", 2), 1),
        {str(rule): always(rule) for rule in rules},
        seeds=2,
        progress_bar=False,
    )
    best = {ranked(rows, group)[0] for group in found.rules}
    assert {str(rule) for some in found.rules.values() for rule in some} <= best


def test_a_portfolio_begins_with_the_best_rule_and_has_each_once(small, tmp_path):
    methods = {str(rule): part(rule, 2) for rule in (GROW, PRUNE, TRAIN)}
    rows = play_all(tmp_path, generated("train", 2), methods, seeds=2, progress_bar=False)
    names = greedy(rows, 2)
    assert len(set(names)) == 2
    alone = {name: tuning._together(rows, [name]) for name in methods}
    assert names[0] == max(alone, key=alone.get)
    pairs = {name: tuning._together(rows, [names[0], name]) for name in set(methods) - {names[0]}}
    assert names[1] == max(pairs, key=pairs.get)


@pytest.fixture
def tiny(small, monkeypatch):
    """A study of seconds."""
    monkeypatch.setattr(study, "tasks", lambda split: generated(split, 2))
    monkeypatch.setattr(study, "candidates", lambda: [GROW, PRUNE, TRAIN])
    monkeypatch.setattr(study, "SEARCHES", (2,))
    monkeypatch.setattr(study, "HINDSIGHT", 3)
    monkeypatch.setattr(study, "LARGE", 60)


def studied(out, **arguments):
    return study.study_decisions(
        out, stages=(Stage(1, 2, 2),), seeds=1, jobs=1, progress_bar=False, **arguments
    )


def test_a_study_has_all_methods_in_all_episodes_and_goes_on(tiny, tmp_path, monkeypatch):
    found = studied(tmp_path / "study", policies=[SHIPPED])
    assert len(found.rows) == 2 * 6
    assert {row["source"] for row in found.rows} == {
        task.name for task in generated("validation", 2)
    }
    expected = {study.RULE, study.CONSTANT, study.SEQUENCE, study.RANDOM, "2 rules", "policy 0"}
    expected |= {"first policy", *(f"first policy without {what}" for what in SWITCHED_OFF)}
    assert all(set(row["methods"]) == expected for row in found.rows)
    assert all("search, 2 episodes" in row["methods"] for row in found.searches)
    assert found.searches
    assert found.facts["list_sha256"] == list_sha256()
    monkeypatch.setattr(playing, "BudgetDesignEnv", None)  # everything is there
    assert studied(tmp_path / "study", policies=[SHIPPED]) == found


def test_the_report_tells_means_over_tasks_by_hand(tiny, tmp_path):
    run = Path(shutil.copytree(SHIPPED, tmp_path / "run"))
    found = studied(tmp_path / "study", policies=[SHIPPED], blind=[run])
    text = report.write_report(found, tmp_path / "study")
    gains = {}
    for row in found.rows:
        ours, theirs = (row["methods"][name]["test_anytime"] for name in (study.RANDOM, study.RULE))
        gains.setdefault(row["source"], []).append(100 * (ours - theirs))
    mean = np.mean([np.mean(each) for each in gains.values()])
    assert f"| {study.RANDOM} | {mean:+.2f} (" in text
    level = np.mean([100 * row["methods"][study.RULE]["test_anytime"] for row in found.rows])
    assert f"| {study.RULE} | {level:.2f} |" in text
    assert "| policy | +0.00 (+0.00 to +0.00) |" in text.split("The policy above blind ones")[1]
    of_each = text.split("## Each training")[1].split("##")[0]
    assert of_each.index("| policy 0 | ") < of_each.index("| blind policy 0 | ")
    assert (tmp_path / "study" / "decisions.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads((tmp_path / "study" / "results.json").read_text())
    assert [row["seed"] for row in saved["results"]] == [row["seed"] for row in found.rows]


def test_several_policies_are_one_method_that_reaches_their_mean(two, tmp_path):
    rows = played(tmp_path, two, **{"policy 0": always(GROW), "policy 1": always(PRUNE)})
    for row, mean in zip(rows, report.with_means(rows), strict=True):
        some = row["methods"].values()
        assert mean["methods"]["policy"]["test_end"] == np.mean([each["test_end"] for each in some])
        assert list(mean["methods"]) == ["policy"]


def test_a_course_begins_with_what_was_there_and_ends_at_the_end(two, tmp_path):
    for row in played(tmp_path, two, grow=always(GROW)):
        found = row["methods"]["grow"]
        scores = course(found["played"])
        assert scores[-1] == found["test_end"]
        spent = found["played"].budget * SHARES
        for share, score in zip(spent, scores, strict=True):
            before = [each for each in found["played"].improvements if each.spent <= share]
            assert score == before[-1].test_score


def test_a_run_given_twice_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="policy: the same run folder twice"):
        study.study_decisions(tmp_path / "study", [SHIPPED, SHIPPED], progress_bar=False)
    assert not (tmp_path / "study").exists()


def test_a_policy_of_other_episodes_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(InputError, match="was trained in episodes with a fixed number of steps"):
        study.study_decisions(tmp_path / "study", [STEPS], progress_bar=False)
    assert not (tmp_path / "study").exists()


def test_images_are_a_kind_of_their_own():
    kinds = {task.axis: kind_of(task) for task in tasks("test")}
    assert kinds["image"] == "images"
    assert kinds["table"] == kinds["numbers"] == "real tables"
    assert kinds["rows"] == "generated tables"
