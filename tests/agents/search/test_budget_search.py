"""Searches in episodes with a budget: what they pay, what they record, what they play."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from rlnas.agents.config import SHIPPED_BUDGET
from rlnas.agents.experiments.search_task import FOR_STEPS, FROM_SCRATCH, METHODS, strategy
from rlnas.agents.policies.episode import play_episode, random_policy
from rlnas.agents.policies.outcome import episode_score
from rlnas.agents.policies.policy import load_policy
from rlnas.agents.search.budgeted_env import BudgetSpent, StartFromBest
from rlnas.agents.search.episodes.budget import STOP, pays_for
from rlnas.agents.search.episodes.sequences import SequenceSpace
from rlnas.agents.search.evolve_sequence import EPISODES_PER_FITNESS, evolve_sequence
from rlnas.agents.search.metaqnn import describe
from rlnas.agents.search.pretrained import play_longer_episodes, shipped_controller
from rlnas.agents.search.problem import Problem, search
from rlnas.agents.search.random_search import random_from_best, random_search
from rlnas.agents.search.tournament_evolution import tournament_evolution
from rlnas.envs.actions import NO_OP
from rlnas.envs.budget.actions import BUDGET_ACTIONS, START
from rlnas.envs.budget.costs import unit_cost
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.nn.initialization import new_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import evaluate
from tests.core.reference import bits as network_bits, random_dataset
from tests.envs.helpers import TASK

UNIT = unit_cost(TASK, 128)
LARGE = random_dataset(np.random.default_rng(6), samples=2_000, features=40, classes=5)
make = partial(BudgetDesignEnv, TASK, budget=0.1, given=0.0)
ABLE = [name for name in METHODS if name not in (*FOR_STEPS, *FROM_SCRATCH)]

FIRST_START = next(n for n, each in enumerate(BUDGET_ACTIONS) if each.operation == START)


def problem_of(units: float, seed: int = 0, make: Any = make, **settings: Any) -> Problem:
    return Problem(partial(make, **settings), round(units * UNIT), seed)


class Watched(BudgetDesignEnv):
    """An environment that notes the steps and costs of all that are made in a test."""

    log: list[tuple[int, dict[str, Any], bool]]

    def reset(self, **arguments: Any) -> Any:
        observation, info = super().reset(**arguments)
        self.log.append((-1, info, True))
        return observation, info

    def step(self, action: Any) -> Any:
        legal = bool(self.action_masks()[action])
        outcome = super().step(action)
        self.log.append((int(action), outcome[4], legal))
        return outcome


@pytest.fixture
def watched(monkeypatch) -> Any:
    monkeypatch.setattr(Watched, "log", [], raising=False)
    return partial(Watched, TASK, budget=0.1, given=0.0)


# --- costs ---


@pytest.mark.parametrize("name", ABLE)
def test_every_strategy_pays_for_all_multiply_adds_and_records_what_was_trained(name, watched):
    problem = problem_of(0.6, make=watched)
    history = search(strategy(name), problem)
    infos = [info for _, info, _ in Watched.log]
    assert history.spent == problem.budget == round(0.6 * UNIT)
    spent, last = sum(info["cost"] for info in infos[:-1]), infos[-1]["cost"]
    assert spent + min(last, problem.budget - spent) == problem.budget
    trained = [info for info in infos if info["batches"] and info["active_weights"]]
    if spent + last > problem.budget:
        trained.remove(infos[-1])
    assert history.scores == [info["score"] for info in trained]
    best: Any = history.best
    price = 0.1 * best.active_weights / (76 * (6 + 3))
    accuracy = evaluate(best, TASK, TASK.validation).metric
    assert history.best_score == max(history.scores) == pytest.approx(accuracy - price, abs=1e-12)


@pytest.mark.parametrize("name", ABLE)
def test_history_is_determined_by_the_seed(name):
    one, same, other = (search(strategy(name), problem_of(0.4, seed)) for seed in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


def test_only_trained_networks_are_evaluations():
    problem = problem_of(0.2)
    env, history = problem.env, problem.history
    env.reset(seed=0)
    assert (history.spent, history.evaluations, history.best) == (0, [], None)
    *_, info = env.step(NO_OP)  # illegal without a network
    assert history.spent == info["cost"] > 0
    assert history.evaluations == []
    env.step(FIRST_START)
    assert len(history.evaluations) == 1
    spent = history.spent
    assert spent == history.evaluations[0].cumulative_cost
    *_, over, _, _ = env.step(STOP)
    assert over
    assert (history.spent, len(history.evaluations)) == (spent, 1)


def test_a_step_that_the_rest_does_not_pay_for_ends_the_search_without_a_record():
    shown: list[int] = []
    first = problem_of(1)
    first.play_sequence([FIRST_START], seed=0)
    costs = np.diff([each.cumulative_cost for each in first.history.evaluations], prepend=0)
    budget = int(costs[:3].sum()) - 1
    problem = Problem(make, budget, 0, on_spent=shown.append)
    with pytest.raises(BudgetSpent):
        problem.play_sequence([FIRST_START], seed=0)
    assert problem.history.scores == first.history.scores[:2]
    assert problem.history.spent == sum(shown) == budget
    with pytest.raises(BudgetSpent):
        problem.env.reset()


def test_the_budget_pays_for_the_promised_number_of_episodes():
    problem = problem_of(0.75)
    assert (problem.max_episodes, problem.episode_cost) == (7, round(0.1 * UNIT))
    for _ in range(7):
        problem.play(random_policy(0))
    family = Problem(partial(BudgetDesignEnv, [TASK, LARGE], budget=(0.1, 0.3)), 10 * UNIT, 0)
    assert family.episode_cost == round(0.3 * unit_cost(LARGE, 128))


# --- what an episode is judged by ---


@pytest.mark.parametrize(("reward", "key"), [("anytime", "anytime"), ("final", "best_score")])
def test_play_returns_what_the_environment_pays_for(reward, key, watched):
    problem = problem_of(1, make=watched, reward=reward)
    found = problem.play(random_policy(3), seed=5)
    info = Watched.log[-1][1]
    assert found == info[key]
    assert info["anytime"] < info["best_score"]


# --- sequences ---


def test_sequences_are_padded_with_the_action_that_only_trains(watched):
    problem = problem_of(1, make=watched)
    found = problem.play_sequence([FIRST_START, FIRST_START], seed=1)
    actions = [action for action, _, _ in Watched.log]
    assert actions[:3] == [-1, FIRST_START, FIRST_START]
    assert set(actions[3:]) == {NO_OP}
    assert [legal for _, _, legal in Watched.log[:4]] == [True, True, False, True]
    assert all(legal for _, _, legal in Watched.log[3:])
    assert found == Watched.log[-1][1]["anytime"]


def test_random_sequences_and_mutants_begin_with_a_start_that_is_legal_everywhere():
    datasets = [TASK, LARGE]
    least = 0.02
    problem = Problem(partial(BudgetDesignEnv, datasets, budget=(least, 1.0)), 10 * UNIT, 0)
    legal = [set(np.flatnonzero(_mask(data, least))) for data in datasets]
    space, rng = problem.sequences, np.random.default_rng(0)
    assert set(space.choices(0)) == legal[0] & legal[1]
    assert len(legal[0]) != len(space.choices(1)) > 100
    actions = space.random(rng)
    for _ in range(200):
        actions = space.mutated(actions, rng)
        assert BUDGET_ACTIONS[actions[0]].operation == START
        assert START not in {BUDGET_ACTIONS[action].operation for action in actions[1:]}
    assert len(actions) == space.length <= problem.episode_steps


def test_a_single_start_is_kept_by_mutants():
    space, rng = SequenceSpace(3, np.arange(5), np.array([7])), np.random.default_rng(0)
    actions = space.random(rng)
    mutants = {space.mutated(actions, rng) for _ in range(200)}
    assert len(mutants) == 2 * 4
    assert {mutant[0] for mutant in mutants} == {7}
    assert all(np.count_nonzero(np.array(mutant) != actions) == 1 for mutant in mutants)
    assert space.mutated((7,), rng) == (7,)


def _mask(data: Any, budget: float) -> np.ndarray:
    env = BudgetDesignEnv(data, budget=budget, given=0.0)
    env.reset(seed=0)
    return env.action_masks()


@pytest.mark.parametrize("name", ["aging_evolution", "cartesian_programming"])
def test_evolved_sequences_always_start(name, watched):
    search(strategy(name), problem_of(1, make=watched))
    first = [
        action
        for (before, _, _), (action, _, legal) in zip(Watched.log, Watched.log[1:], strict=False)
        if before == -1 and legal
    ]
    resets = sum(action == -1 for action, _, _ in Watched.log[:-1])
    assert len(first) == resets > 5
    assert {BUDGET_ACTIONS[action].operation for action in first} == {START}
    assert len(set(first)) > 1


def test_an_evolved_sequence_has_an_action_for_every_step():
    problem = problem_of(0.02 * 6 * EPISODES_PER_FITNESS, make=partial(make, budget=0.02))
    actions = evolve_sequence(problem, population_size=3, sample_size=2)
    assert problem.history.spent == problem.budget
    assert len(actions) == problem.episode_steps
    assert BUDGET_ACTIONS[actions[0]].operation == START
    assert set(actions[problem.sequences.length :]) == {NO_OP}


# --- strategies ---


def test_random_search_takes_legal_actions_only(watched):
    search(random_search, problem_of(0.5, make=watched))
    assert all(legal for _, _, legal in Watched.log)


def test_episodes_begin_with_the_best_network_if_the_budget_pays_for_it(watched):
    problem = problem_of(0.5, make=watched)
    search(random_from_best, problem)
    resets = [info for action, info, _ in Watched.log if action == -1]
    best = np.maximum.accumulate([info["score"] for _, info, _ in Watched.log])
    places = [place for place, (action, _, _) in enumerate(Watched.log) if action == -1]
    assert resets[0]["active_weights"] == 0
    assert len(resets) > 3
    for info, place in zip(resets[1:], places[1:], strict=True):
        assert info["score"] == best[place]
        assert info["cost"] == 0


def test_an_episode_that_cost_nothing_is_not_stopped():
    problem = problem_of(0.5, given=1.0)
    env = problem.env
    env.reset(seed=0)
    inner: Any = env.unwrapped
    assert inner.action_masks()[STOP]
    assert not env.action_masks()[STOP]
    env.step(NO_OP)
    assert env.action_masks()[STOP]
    assert STOP not in env.legal_edits()


def test_episodes_begin_as_usual_if_the_best_network_is_too_dear():
    problem = problem_of(0.5, make=partial(make, budget=0.05))
    rng = np.random.default_rng(0)
    small = new_network(((4, 0.2),), 6, 3, rng)
    large = new_network(((500, 1.0), (500, 1.0)), 6, 3, rng)
    env: Any = problem.env.unwrapped
    assert pays_for(env, small)
    assert not pays_for(env, large)
    for network, weights in ((small, small.active_weights), (large, 0)):
        problem.history.best = network
        assert StartFromBest(problem.env).reset()[1]["active_weights"] == weights


def test_lineages_never_stop_and_outlive_their_episodes(watched):
    search(tournament_evolution, problem_of(1.0, make=watched))
    actions = [action for action, _, _ in Watched.log]
    assert actions.count(-1) == 10  # one for each individual
    assert STOP not in actions
    assert max(info["spent"] for _, info, _ in Watched.log) > 0.1 * UNIT


def test_a_state_without_a_network_is_described_by_zeros():
    problem = problem_of(1)
    problem.env.reset()
    assert describe(problem) == (0, 0, 0)
    problem.env.step(FIRST_START + 1)
    design = problem.env.current_design
    assert isinstance(design, SparseNetwork)
    assert describe(problem) == (1, 2, round(np.log2(design.active_weights)))


def test_a_trained_policy_gets_episodes_with_twice_the_budget(watched):
    problem = problem_of(0.75, make=watched)
    budgets, scores = [], []
    for env, score in play_longer_episodes(problem, random_policy(0), problem.budget):
        budgets.append(env.unwrapped.state.budget / UNIT)
        scores.append(score)
        assert score == env.unwrapped.state.anytime
    assert budgets[:2] == pytest.approx([0.1, 0.2], rel=1e-3)
    assert problem.budget - problem.history.spent < problem.episode_cost


def test_the_controller_of_the_package_is_the_one_for_budgets(watched):
    problem = problem_of(0.1, make=watched)
    search(shipped_controller, problem)
    seeds = np.random.default_rng(0).integers(2**31, size=2)  # of the problem, then an episode
    env = BudgetDesignEnv(TASK, budget=0.1, given=0.0)
    _, infos = play_episode(env, load_policy(SHIPPED_BUDGET), int(seeds[1]))
    played = [BUDGET_ACTIONS[action] for action, _, _ in Watched.log[1 : len(infos)]]
    assert [str(action) for action in played] == [info["action"] for info in infos[1:]]


def test_evaluating_an_architecture_trains_it_until_its_budget_is_spent():
    problem = problem_of(1)
    score = problem.evaluate(((12, 1.0),))
    design = problem.history.best
    assert isinstance(design, SparseNetwork)
    assert score == problem.history.scores[-1]
    assert problem.history.spent > 0.8 * problem.episode_cost
    with pytest.raises(InputError, match="does not pay for"):
        problem_of(1, budget=0.05).evaluate(((500, 1.0), (500, 1.0)))


def test_copies_of_the_best_network_are_trained_not_the_best_itself():
    problem = problem_of(0.5)
    problem.play(random_policy(0), seed=0)
    best: Any = problem.history.best
    before = network_bits(best)
    episode_score(StartFromBest(problem.env), lambda _, mask: NO_OP)
    assert network_bits(best) == before
