"""Rules, fixed sequences and searches in episodes with a budget, and how episodes are judged."""

from dataclasses import replace

import numpy as np
import pytest

from rlnas import load_dataset
from rlnas.agents.experiments.decisions.judging import (
    Improvement,
    Played,
    judged,
    one_after_the_other,
    play,
)
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
    found = judged(play(env, random_policy(1), 3))
    assert found.anytime == pytest.approx(env.state.anytime, abs=1e-12)
    assert found.end == env.state.best_score


@pytest.mark.parametrize("given", [0.0, 1.0])
def test_rewards_by_test_samples_add_up_to_the_change_of_the_test_score(wine, given):
    env = env_of(wine, given=given, reward="test")
    found = play(env, random_policy(1), 3)
    env.reset(seed=3)
    paid = [env.step(action)[1] for action in found.actions]
    assert sum(paid) == pytest.approx(
        judged(found).test_anytime - found.improvements[0].test_score, abs=1e-12
    )
    assert sum(reward != 0 for reward in paid) <= len(found.improvements) - 1
    assert any(reward < 0 for reward in paid) or sum(paid) > 0


def test_on_the_same_samples_the_test_scores_are_the_validation_scores(wine):
    same = replace(wine, test=wine.validation)
    for seed in range(3):
        found = judged(play(env_of(same), random_policy(seed), seed))
        assert found.test_anytime == pytest.approx(found.anytime)
        assert found.test_end == pytest.approx(found.end)


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


def anytime(each):
    return judged(each).anytime


def test_a_search_varies_what_it_has_and_ends_above_where_it_began(wine):
    env = env_of(wine, budget=0.2)
    actions = actions_of(Rule(STARTS[2], "prune /2", "long"))
    first = Sample(actions, False, play(env, Plan(actions), 0))
    found = search(env, 0, [first], np.random.default_rng(0), 40, anytime)
    assert len(found) == 41
    assert found[0] is first
    assert max(anytime(each.played) for each in found) > anytime(first.played)


def test_what_a_search_found_can_be_played_again(wine):
    env = env_of(wine, budget=0.2, given=0.5)
    first = [Sample(actions_of(GROW), False, play(env, Plan(actions_of(GROW)), 1))]
    for each in search(env, 1, first, np.random.default_rng(0), 5, anytime)[1:]:
        assert play(env, Plan(each.actions, each.anew), 1) == each.played


def test_episodes_one_after_the_other_keep_the_best_by_hand():
    one = Played((Improvement(0, 0.1, 0.2), Improvement(10, 0.4, 0.3)), 5, 50)
    two = Played(
        (Improvement(0, 0.1, 0.2), Improvement(5, 0.3, 0.9), Improvement(40, 0.5, 0.6)), 5, 50
    )
    both = one_after_the_other([one, two], 10, 100)
    assert both.improvements == (*one.improvements, Improvement(90, 0.5, 0.6))
    assert judged(both).end == 0.5
    assert judged(both).test_end == 0.6
    # 0.3 counts in full, at the tenth where counting begins; 0.1 by what is left of the logarithm.
    assert judged(both).anytime == pytest.approx(0.1 + 0.3 + 0.1 * np.log(100 / 90) / np.log(10))


def test_every_cycle_has_edits_of_the_action_table():
    assert all(actions_of(Rule(SMALL, cycle, "short")) for cycle in CYCLES)
