"""`BudgetDesignEnv`: what steps cost and pay, when an episode ends, what is refused and undone."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from rlnas.cost import edit_cost, size_of
from rlnas.envs import live_env
from rlnas.envs.budget.actions import BUDGET_ACTIONS, LENGTHS
from rlnas.envs.budget.costs import FIRST_SHARE, LEAST_BATCHES, first_step_costs
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.nn.initialization import new_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Evaluation, Trial, train
from tests.core.reference import bits as network_bits
from tests.envs.budget.helpers import (
    ADD_TWICE,
    BACK,
    BATCH,
    NONE,
    REMOVE_HALF,
    STOP,
    area,
    begun,
    cost_by_hand,
    make,
    number,
    rest,
    start,
    units,
)
from tests.envs.helpers import TASK, bits

# --- any actions ---

CHEAPEST = int(first_step_costs(TASK, BATCH).min())
ENVS = {reward: make(reward=reward, episode_steps=25, given=0.5) for reward in ("anytime", "final")}


def wish(env: BudgetDesignEnv, draw: int) -> int:
    """An action for a number: one in four is any action, the others are legal and do not stop."""
    legal = np.flatnonzero(env.action_masks()[:STOP])
    return draw // 4 % len(BUDGET_ACTIONS) if draw % 4 == 0 else int(legal[draw % legal.size])


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    reward=st.sampled_from(sorted(ENVS)),
    seed=st.integers(0, 1000),
    budget=st.floats(0.01, 0.5),
    draws=st.lists(st.integers(0, 10**6), min_size=1, max_size=25),
)
def test_whatever_is_done_costs_and_rewards_add_up(reward, seed, budget, draws):
    env = ENVS[reward]
    env.budget_range = (budget, budget)
    _, first = env.reset(seed=seed)
    moments, rewards, over = [(0, first["score"])], [], False
    for draw in draws:
        before, chosen = env.state.current.network, wish(env, draw)
        legal = env.action_masks()[chosen]
        observation, paid, over, truncated, info = env.step(chosen)
        assert env.observation_space.contains(observation)
        assert not truncated
        assert legal or not info["applied"]
        after = env.current_design
        if info["batches"]:
            assert info["cost"] == cost_by_hand(before, after, TASK, info["batches"])
            assert after.steps >= info["batches"]
        moments.append((moments[-1][0] + info["cost"], max(moments[-1][1], info["score"])))
        rewards.append(paid)
        assert info["spent"] == moments[-1][0] <= info["budget"]
        assert info["best_score"] == moments[-1][1]
        if over:
            break
    budget = info["budget"]
    first_cost = max(round(FIRST_SHARE * budget), CHEAPEST)
    assert info["anytime"] == pytest.approx(area(moments, first_cost, budget), abs=1e-12)
    key = {"anytime": "anytime", "final": "best_score"}[reward]
    assert sum(rewards) == pytest.approx(info[key] - first[key], abs=1e-12)
    if over and info["action_mask"].any() and len(rewards) < 25 and chosen != STOP:
        network = env.current_design
        assert info["budget"] - info["spent"] < cost_by_hand(network, network, TASK, 1)


def test_an_episode_spends_nearly_all_of_its_budget_and_then_ends():
    env = make(episode_steps=1000)
    for seed in range(3):
        env.reset(seed=seed)
        over = False
        while not over:
            legal = np.flatnonzero(env.action_masks()[:STOP])
            *_, over, _, info = env.step(env.np_random.choice(legal))
        assert 0.9 < info["spent"] / info["budget"] <= 1


def test_an_episode_has_no_more_steps_than_it_may():
    env = make(budget=100.0, episode_steps=3)
    env.reset(seed=0)
    assert [env.step(action)[2] for action in (start(), NONE, NONE)] == [False, False, True]
    with pytest.raises(InputError, match="call reset"):
        env.step(NONE)


# --- training ---


@pytest.mark.parametrize("length", LENGTHS)
def test_a_step_costs_its_share_of_what_was_spent(length):
    env = begun(budget=100.0)
    for _ in range(5):
        env.step(number("none", "long"))
    spent, network = env.state.spent, env.current_design
    info = env.step(number("none", length))[4]
    assert info["batches"] == env.current_design.steps - network.steps > LEAST_BATCHES
    more = cost_by_hand(network, network, TASK, info["batches"] + 1)
    assert info["cost"] <= LENGTHS[length] * spent < more


def test_a_start_and_the_steps_that_pay_for_little_have_a_few_batches():
    env = make(budget=10.0)
    env.reset(seed=0)
    for action in (start(), number("none", "short"), ADD_TWICE):
        info = env.step(action)[4]
        assert (info["applied"], info["batches"]) == (True, LEAST_BATCHES)


def test_training_is_as_long_as_the_rest_of_the_budget_pays_for():
    network = begun().current_design
    costs = [cost_by_hand(network, network, TASK, batches) for batches in (3, 4)]
    env = make(network=network, budget=units(costs[1] - 1))
    env.reset(seed=0)
    *_, over, _, info = env.step(number("none", "long"))
    assert (info["batches"], info["cost"], over) == (3, costs[0], True)


def test_an_edit_that_the_rest_does_not_pay_for_is_refused():
    network = begun().current_design
    env = make(network=network, budget=units(cost_by_hand(network, network, TASK, 1)))
    env.reset(seed=0)
    assert env.action_masks()[ADD_TWICE]
    *_, over, _, info = env.step(ADD_TWICE)
    assert (info["applied"], info["batches"], over) == (False, 1, True)
    assert info["active_weights"] == network.active_weights


def test_an_applied_edit_changes_the_network_and_leaves_the_one_before():
    env = begun()
    before = env.current_design
    kept = network_bits(before)
    info = env.step(REMOVE_HALF)[4]
    assert info["applied"]
    assert 0 < info["active_weights"] <= before.active_weights / 2
    assert network_bits(before) == kept


# --- illegal actions ---


def test_an_illegal_action_trains_the_network_as_it_is():
    env, twin = begun(), begun()
    assert not env.action_masks()[start()]
    found, other = env.step(start())[4], twin.step(NONE)[4]
    assert (found["applied"], other["applied"]) == (False, True)
    for key in ("score", "spent", "batches"):
        assert found[key] == other[key]
    assert network_bits(env.current_design) == network_bits(twin.current_design)


def test_an_illegal_action_without_a_network_costs_an_edit():
    env = make()
    _, before = env.reset(seed=0)
    empty = env.current_design
    for action in (NONE, STOP, BACK):
        _, reward, over, _, info = env.step(action)
        assert (info["applied"], info["batches"], reward, over) == (False, 0, 0.0, False)
        assert info["cost"] == edit_cost(size_of(empty))
        assert info["score"] == before["score"]
    assert info["spent"] == 3 * info["cost"]


def test_illegal_actions_alone_come_to_an_end():
    env = make(budget=0.05, episode_steps=1000)
    env.reset(seed=0)
    steps, over = 0, False
    while not over:
        *_, over, _, info = env.step(NONE)
        steps += 1
    assert steps < 100
    assert info["spent"] <= info["budget"]
    assert not info["action_mask"].any()


def test_starts_are_legal_as_long_as_the_rest_of_the_budget_pays_for_them():
    env = make(budget=0.15, episode_steps=1000)
    env.reset(seed=0)
    counts = []
    while True:
        legal = np.flatnonzero(env.action_masks())
        counts.append(legal.size)
        left = env.state.budget - env.state.spent
        for action in legal[::3]:
            architecture = BUDGET_ACTIONS[action].edit.architecture
            network = new_network(architecture, 6, 3, np.random.default_rng(0))
            assert cost_by_hand(env.current_design, network, TASK, 1) <= left * 1.01
        if env.step(NONE)[2]:
            break
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


# --- stop and back ---


def test_stop_ends_the_episode_and_costs_nothing():
    env = begun()
    before = env.state
    _, reward, terminated, truncated, info = env.step(STOP)
    assert (reward, terminated, truncated, info["applied"]) == (0.0, True, False, True)
    assert (info["cost"], info["batches"], info["spent"]) == (0, 0, before.spent)
    assert env.state.current is before.current
    assert env.words["operation"] == "stop"
    with pytest.raises(InputError, match="call reset"):
        env.step(NONE)


def test_back_goes_on_with_the_weights_and_the_optimiser_of_the_best_design():
    env = begun(budget=20.0)
    while env.state.best is env.state.current:
        best, kept = env.current_design, network_bits(env.current_design)
        assert not env.action_masks()[BACK], "the present design is the best"
        env.step(REMOVE_HALF)
    assert env.state.best.network is best
    assert env.action_masks()[BACK]
    expected, batches = best.copy(), env.state.batches
    twin = type(batches)(batches.samples, np.random.default_rng(), batches.batch_size)
    twin.rng.bit_generator.state, twin.rest = env.np_random.bit_generator.state, batches.rest
    train(expected, TASK, twin.take(LEAST_BATCHES), DEFAULT_HYPERPARAMETERS)
    info = env.step(BACK)[4]
    assert info["applied"]
    assert network_bits(env.current_design) == network_bits(expected)
    assert network_bits(best) == kept


def test_back_without_a_better_design_is_refused():
    env = begun()
    assert env.state.best is env.state.current
    weights = env.current_design.active_weights
    info = env.step(BACK)[4]
    assert not info["applied"]
    assert info["active_weights"] == weights


# --- what is paid ---


def test_an_early_improvement_is_worth_more_than_the_same_late():
    early, late = (make(budget=0.5) for _ in range(2))
    for env in (early, late):
        env.reset(seed=0)
    for _ in range(40):
        late.step(NONE)  # illegal: only costs
    paid = [env.step(start())[1] for env in (early, late)]
    gained = [env.state.best_score for env in (early, late)]
    assert paid[0] / gained[0] > 1.2 * paid[1] / gained[1] > 0


def test_steps_that_improve_nothing_pay_nothing():
    env = begun(budget=20.0)
    paid = []
    while env.state.best is env.state.current:
        paid = [env.step(REMOVE_HALF)[1]]
    assert paid == [0.0]
    assert env.state.current.score <= env.state.best_score


# --- a network that diverges ---


def test_a_diverging_step_is_undone_and_paid_for(monkeypatch):
    env = begun()
    before, kept = env.state, network_bits(env.current_design)
    right = live_env.try_network

    def wrong(network: SparseNetwork, *arguments: Any) -> Trial:
        found = right(network, *arguments)
        network.connections[:] = np.nan
        return found._replace(training=Evaluation(0.5, np.nan))

    with monkeypatch.context() as patch:
        patch.setattr(live_env, "try_network", wrong)
        observation, reward, _, _, info = env.step(ADD_TWICE)
    assert (info["diverged"], info["applied"], reward) == (True, False, 0.0)
    assert env.state.current is before.current
    assert network_bits(env.current_design) == kept
    assert np.isfinite(observation).all()
    assert info["cost"] > cost_by_hand(env.current_design, env.current_design, TASK, 6)
    assert info["spent"] == before.spent + info["cost"]
    after = env.step(ADD_TWICE)[4]
    assert (after["applied"], after["diverged"]) == (True, False)


def test_a_diverging_start_leaves_no_network_and_can_be_tried_again(monkeypatch):
    env = make()
    env.reset(seed=0)
    right = live_env.try_network

    def wrong(*arguments: Any) -> Trial:
        return right(*arguments)._replace(training=Evaluation(0.5, np.inf))

    with monkeypatch.context() as patch:
        patch.setattr(live_env, "try_network", wrong)
        info = env.step(start())[4]
    assert (info["diverged"], info["active_weights"]) == (True, 0)
    assert info["cost"] > 0
    assert env.step(start())[4]["applied"]


# --- the same bits ---


def test_the_same_seed_gives_the_same_bits():
    found = []
    for _ in range(2):
        env = make(penalty=(0.01, 1.0), budget=(0.05, 0.5))
        outcome = [env.reset(seed=7), *rest(env, np.random.default_rng(1))]
        found.append(bits([outcome, env.reset(), rest(env, np.random.default_rng(2))]))
    assert found[0] == found[1]


def test_the_best_design_of_all_episodes_is_kept():
    env = make(budget=0.2)
    scores = []
    for seed in range(4):
        env.reset(seed=seed)
        rest(env, np.random.default_rng(seed))
        scores.append(env.state.best_score)
    assert env.best is not None
    assert env.best.info["score"] == max(scores)
