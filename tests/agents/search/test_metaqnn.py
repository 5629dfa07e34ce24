"""MetaQNN: Q-learning finds what brute force finds, explores as published, acts greedily."""

from collections import defaultdict
from functools import partial
from itertools import product

import numpy as np
import pytest

from rlnas.agents.search.metaqnn import (
    EXPLORATION,
    Decision,
    describe,
    exploration_rate,
    metaqnn,
    play_epsilon_greedy,
    update,
)
from rlnas.agents.search.problem import Problem, search
from rlnas.envs.tabular.tabular_env import TabularEnv
from tests.core.tables import random_table
from tests.envs.helpers import make, network_by_hand

TABLE = random_table()
STEPS = 6
tabular = partial(TabularEnv, TABLE, episode_steps=STEPS, start="middle")
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])


def new_values(problem: Problem, initial: float = 0.5):
    return defaultdict(lambda: [initial] * problem.n_actions)


@either
def test_history_is_determined_by_seed(make):
    one, same, other = (search(metaqnn, Problem(make, 300, seed)) for seed in (1, 1, 2))
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


# --- learning ---


def test_update_proceeds_from_end_of_episode():
    values = defaultdict(lambda: [0.5] * 3)
    values[1,] = [0.2, 0.9, 0.4]
    steps = [Decision((0,), 2, [0, 2]), Decision((1,), 0, [0, 2])]
    update(values, steps, 1.0, 0.5)
    # (1,): 0.2 + 0.5 * (1 - 0.2) = 0.6, above the 0.4 of the other legal action; 0.9 is illegal.
    assert values[1,] == pytest.approx([0.6, 0.9, 0.4])
    # (0,): 0.5 + 0.5 * (0.6 - 0.5), the value just learned.
    assert values[0,] == pytest.approx([0.5, 0.5, 0.55])


def test_values_converge_to_brute_force_optimum():
    """Every sequence of three actions out of three, replayed often; brute force knows the best."""
    worth = np.random.default_rng(0).uniform(size=(3, 3, 3))
    final = {end: float(worth[end]) for end in product(range(3), repeat=3)}
    values = defaultdict(lambda: [0.5] * 3)
    for _ in range(40):
        for actions, score in final.items():
            steps = [Decision(actions[:k], actions[k], [0, 1, 2]) for k in range(3)]
            update(values, steps, score, 0.5)
    for length in range(3):
        for before in product(range(3), repeat=length):
            for action in range(3):
                begun = (*before, action)
                best = max(v for end, v in final.items() if end[: length + 1] == begun)
                assert values[before][action] == pytest.approx(best, abs=1e-3)


# --- exploration ---


def test_exploration_rate_decreases_in_proportions_of_paper():
    networks = 2700
    epsilons = [exploration_rate(network / networks) for network in range(networks)]
    counts = {epsilon: epsilons.count(epsilon) for epsilon in epsilons}
    assert counts == dict(EXPLORATION)
    assert epsilons == sorted(epsilons, reverse=True)
    assert sum(count for _, count in EXPLORATION) == networks
    assert exploration_rate(1.0) == exploration_rate(1.5) == 0.1, (
        "the last step may overdraw the budget"
    )


@either
def test_greedy_episode_takes_legal_actions_of_highest_value(make):
    problem = Problem(make, 10_000, 0)
    values = new_values(problem)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(problem.n_actions).tolist()
        values.default_factory = lambda order=order: list(order)
        values.clear()
        steps, score = play_epsilon_greedy(problem, values, epsilon=0.0)
        assert [step.action for step in steps] == [
            max(step.legal, key=lambda action: order[action]) for step in steps
        ]
        assert score == problem.history.scores[-1]


@either
def test_equal_values_and_exploration_draw_uniformly_from_legal_actions(make):
    for epsilon, spread in [(0.0, 0.0), (1.0, 1.0)]:
        problem = Problem(make, 10_000, 0)
        rng = np.random.default_rng(0)
        values = defaultdict(lambda: (spread * rng.random(problem.n_actions)).tolist())  # noqa: B023
        expected, taken = np.zeros(problem.n_actions), np.zeros(problem.n_actions)
        for _ in range(100):
            for step in play_epsilon_greedy(problem, values, epsilon)[0]:
                expected[step.legal] += 1 / len(step.legal)
                taken[step.action] += 1
        assert (np.abs(taken - expected) <= 4 * np.sqrt(expected + 1)).all()


# --- states ---


def test_state_is_depth_and_rounded_logarithms_in_table():
    problem = Problem(tabular, 1000, 0)
    for architecture, neurons in [
        ((), 0),
        (((4, 0.25),), 2),
        (((16, 0.5), (8, 0.25)), 5),  # 24: 4.58
    ]:
        problem.evaluate(architecture)
        weights = TABLE.query(architecture).active_weights
        expected = (len(architecture), neurons, round(np.log2(int(weights))))
        assert describe(problem) == expected


def test_state_is_depth_and_rounded_logarithms_when_live():
    pairs = [(0, 6), (1, 7), (2, 8), (6, 9), (7, 9), (8, 10), (9, 11), (10, 12), (10, 13)]
    network = network_by_hand((6, 3, 2, 3), pairs)
    problem = Problem(partial(make, network=network), 1000, 0)
    problem.env.reset()
    assert describe(problem) == (2, 2, 3)  # 5 neurons, 9 weights


@either
def test_state_includes_steps_taken(make):
    problem = Problem(make, 10_000, 0)
    steps, _ = play_epsilon_greedy(problem, new_values(problem), 1.0)
    assert [step.state[0] for step in steps] == list(range(STEPS))
    assert {len(step.state) for step in steps} == {4}


# --- the whole ---


def test_final_scores_improve_over_search():
    history = search(partial(metaqnn, learning_rate=0.1), Problem(tabular, 800 * (STEPS + 1), 0))
    finals = history.scores[STEPS :: STEPS + 1]
    random, learned = np.mean(finals[:400]), np.mean(finals[-40:])
    assert learned > random + 0.2
