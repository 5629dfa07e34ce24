"""Rules, fixed sequences and the search in hindsight in episodes with a budget, and their study."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from rlnas import load_dataset
from rlnas.agents.experiments.decisions import report, study
from rlnas.agents.experiments.decisions.judging import judge
from rlnas.agents.experiments.decisions.rules import (
    CYCLES,
    Rule,
    changing_rules,
    constant_rules,
)
from rlnas.agents.experiments.decisions.sequences import (
    MOST_ACTIONS,
    Plan,
    Sample,
    actions_of,
    search,
    varied,
)
from rlnas.agents.policies.episode import random_policy
from rlnas.envs.budget.actions import BUDGET_ACTIONS, STARTS, STARTS_SLICE
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError

SMALL = STARTS[1]
GROW = Rule(SMALL, "grow x1.25", "normal")


@pytest.fixture(scope="module")
def wine():
    return load_dataset("wine")


def env_of(data, **arguments):
    return BudgetDesignEnv(data, **{"budget": 0.3, "given": 0.0, **arguments})


def played(env, policy, seed=0):
    """The texts of the actions of an episode, and whether each was legal."""
    observation, _ = env.reset(seed=seed)
    found = []
    while not env.state.over:
        mask = env.action_masks()
        number = policy(observation, mask)
        found.append((str(BUDGET_ACTIONS[number]), bool(mask[number])))
        observation, *_ = env.step(number)
    return found


def test_an_episode_is_judged_by_the_scores_of_the_environment(wine):
    env = env_of(wine)
    judged = judge(env, random_policy(1), 3)
    assert judged.anytime == env.state.anytime
    assert judged.end == env.state.best_score


def test_on_the_same_samples_the_test_scores_are_the_validation_scores(wine):
    from dataclasses import replace

    same = replace(wine, test=wine.validation)
    for seed in range(3):
        judged = judge(env_of(same), random_policy(seed), seed)
        assert judged.test_anytime == pytest.approx(judged.anytime)
        assert judged.test_end == pytest.approx(judged.end)


@pytest.mark.parametrize("given", [0.0, 1.0])
@pytest.mark.parametrize(
    "rule",
    [GROW, Rule(SMALL, "prune /2", "short", "connect x2", "each time it stalls", 2)],
    ids=str,
)
def test_rules_take_legal_actions_alone(wine, rule, given):
    actions = played(env_of(wine, given=given), rule.policy())
    assert len(actions) > 3
    assert all(legal for _, legal in actions)


def test_a_rule_repeats_its_cycle_after_its_start(wine):
    texts = [text for text, _ in played(env_of(wine), GROW.policy())]
    assert texts[0] == "start 4 at 20%"
    assert [text.split()[0] for text in texts[1:5]] == ["add_neurons", "add_connections"] * 2
    assert all(text.endswith("normal training") for text in texts[1:])


def test_only_a_rule_that_starts_anew_replaces_what_is_given(wine):
    env = env_of(wine, given=1.0)
    first = [
        played(env, Rule(SMALL, "train", "short", anew=anew).policy())[0][0]
        for anew in (False, True)
    ]
    assert first == ["none, short training", "start 4 at 20%"]


def test_a_rule_goes_back_and_changes_its_cycle_when_the_score_stalls(wine):
    rule = Rule(STARTS[2], "prune /2", "short", "connect x2", "stalled", 2)
    texts = [text.split(",")[0] for text, _ in played(env_of(wine, budget=3.0), rule.policy())]
    turn = texts.index("back")
    assert set(texts[1:turn]) == {"remove_connections all /2"}
    assert texts[turn + 1] == "add_connections all x2"
    assert "remove_connections all /2" not in texts[turn:]


def test_a_rule_plays_every_episode_alike(wine):
    env, policy = env_of(wine), Rule(SMALL, "grow x1.25", "short", "prune /2").policy()
    assert played(env, policy) == played(env, policy)


def test_all_rules_are_different():
    rules = [*constant_rules(), *changing_rules()]
    assert len({str(rule) for rule in rules}) == len(set(rules)) == len(rules)


def test_a_plan_of_a_rule_plays_its_actions(wine):
    env = env_of(wine)
    rule = Rule(SMALL, "connect x1.25", "long")
    by_rule, by_plan = played(env, rule.policy()), played(env, Plan(actions_of(rule)))
    n = next((k for k, (text, _) in enumerate(by_rule) if text.startswith("none")), len(by_rule))
    assert by_plan[:n] == by_rule[:n]


def test_a_plan_takes_the_largest_start_that_the_budget_pays_for(wine):
    dense = STARTS_SLICE.start + STARTS.index(((128, 1.0),))
    env = env_of(wine, budget=0.1)
    ((text, legal), *_) = played(env, Plan([dense]))
    assert legal
    assert text.startswith("start")
    assert "128" not in text


def test_a_plan_stops_after_its_last_action(wine):
    assert played(env_of(wine), Plan(actions_of(GROW)[:3]))[-1] == ("stop", True)


def test_varied_sequences_begin_with_a_start_and_are_not_too_long():
    rng = np.random.default_rng(0)
    actions, anew = actions_of(GROW), False
    seen = set()
    for _ in range(300):
        actions, anew = varied(actions, anew, rng)
        seen.add(actions)
        assert STARTS_SLICE.start <= actions[0] < STARTS_SLICE.stop
        assert all(0 <= action < STARTS_SLICE.start for action in actions[1:])
        assert len(actions) <= MOST_ACTIONS
    assert len(seen) > 250


def test_a_search_never_falls_and_ends_above_where_it_began(wine):
    env = env_of(wine, budget=0.2)
    actions = actions_of(Rule(STARTS[2], "prune /2", "long"))
    first = [Sample(actions, False, judge(env, Plan(actions), 0))]
    best = [each.judged.anytime for each in search(env, 0, first, np.random.default_rng(0), 40)]
    assert len(best) == 40
    assert (np.diff(best) >= 0).all()
    assert best[-1] > first[0].judged.anytime


def test_what_a_search_found_can_be_played_again(wine):
    env = env_of(wine, budget=0.2, given=0.5)
    first = [Sample(actions_of(GROW), False, judge(env, Plan(actions_of(GROW)), 1))]
    *_, best = search(env, 1, first, np.random.default_rng(0), 15)
    assert judge(env, Plan(best.actions, best.anew), 1) == best.judged


@pytest.fixture
def tiny(monkeypatch):
    """A study of seconds."""
    monkeypatch.setattr(study, "TASKS_TO_CHOOSE", {"real tables": ("wine", "breast_cancer")})
    monkeypatch.setattr(
        study, "TASKS_TO_JUDGE", {"real tables": ("wine",), "images": ("synthetic:5",)}
    )
    for module in (study, report):
        monkeypatch.setattr(module, "BUDGETS", (0.1, 0.2))
        monkeypatch.setattr(module, "SEARCH_EPISODES", (2, 4))
    monkeypatch.setattr(report, "SEARCH", "search, 4 episodes")
    monkeypatch.setattr(study, "SEQUENCES", 3)
    monkeypatch.setattr(study, "PORTFOLIO", 3)
    monkeypatch.setattr(study, "RANDOM_EPISODES", 2)
    rules = [
        GROW,
        Rule(STARTS[0], "prune /2", "long"),
        Rule(SMALL, "connect x2", "short", "prune /2"),
    ]
    monkeypatch.setattr(study, "candidates", lambda: rules)


def test_a_study_chooses_on_some_tasks_judges_on_others_and_goes_on(tiny, tmp_path, monkeypatch):
    def run() -> object:
        return study.study_decisions(tmp_path / "study", seeds=2, jobs=1, progress_bar=False)

    results, chosen = run()
    assert {row["source"] for row in results} == {"wine", "synthetic:5"}
    assert len(results) == 2 * 2 * 2
    assert len({row["penalty"] for row in results}) > 3
    for row in results:
        found = row["methods"]
        assert found["search, 4 episodes"]["anytime"] >= found["best rule of the task"]["anytime"]
        assert found["best rule of the task"]["anytime"] >= found["best rule"]["anytime"]
    assert set(chosen) == {0.1, 0.2}
    monkeypatch.setattr(study, "judge", None)  # everything is there
    assert run() == (results, chosen)


def test_the_report_tells_the_gaps_by_hand(tiny, tmp_path):
    results, chosen = study.study_decisions(tmp_path / "s", seeds=1, jobs=1, progress_bar=False)
    text = report.write_report(results, chosen, tmp_path / "s")
    gains = {}
    for row in results:
        gain = row["methods"]["search, 4 episodes"]["test_anytime"]
        gain -= row["methods"]["best rule"]["test_anytime"]
        gains.setdefault(row["source"], []).append(100 * gain)
    mean = np.mean([np.mean(values) for values in gains.values()])
    assert f"| all | {mean:.2f} (" in text
    assert (tmp_path / "s" / "decisions.png").read_bytes().startswith(b"\x89PNG")
    saved = json.loads((tmp_path / "s" / "results.json").read_text())
    assert saved["results"] == results


def test_no_task_is_both_for_choosing_and_for_judging():
    to_choose, to_judge = (
        {source for sources in tasks.values() for source in sources}
        for tasks in (study.TASKS_TO_CHOOSE, study.TASKS_TO_JUDGE)
    )
    assert not to_choose & to_judge


def test_real_tables_are_development_tables():
    from rlnas.data.collections import keel

    for tasks in (study.TASKS_TO_CHOOSE, study.TASKS_TO_JUDGE):
        for source in tasks["real tables"]:
            assert keel.split_of(source.removeprefix("keel:")) == "development"


def test_every_cycle_has_edits_of_the_action_table():
    assert all(actions_of(Rule(SMALL, cycle, "short")) for cycle in CYCLES)


def test_policies_of_the_same_name_are_refused(tmp_path):
    shipped = files("rlnas.agents.shipped") / "budget_controller"
    same = [shutil.copytree(str(shipped), tmp_path / str(k) / "run") for k in range(2)]
    with pytest.raises(InputError, match="run, run: expected folders with different names"):
        study.study_decisions(tmp_path / "study", same, progress_bar=False)
    assert not (tmp_path / "study").exists()


def test_a_policy_is_judged_beside_the_rules(tiny, tmp_path):
    shipped = files("rlnas.agents.shipped") / "budget_controller"
    run = Path(shutil.copytree(str(shipped), tmp_path / "run"))
    results, _ = study.study_decisions(
        tmp_path / "study", [run], seeds=1, jobs=1, progress_bar=False
    )
    assert all(row["methods"]["policy run"]["anytime"] > 0 for row in results)


def test_other_data_under_the_same_name_are_judged_anew(tiny, tmp_path, monkeypatch):
    def call(fingerprint):
        monkeypatch.setattr(study, "_data_fingerprint", lambda *_: fingerprint)
        return study._call("judge", study.Task("wine", 0.1, 0), "rule", (), None, {}).name

    assert call("a") == call("a") != call("b")
