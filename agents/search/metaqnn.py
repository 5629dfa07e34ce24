"""MetaQNN: tabular Q-learning on a coarse description of the network, with experience replay."""

from collections import defaultdict
from math import log2
from typing import NamedTuple

import numpy as np

from rlnas.agents.search.problem import Problem
from rlnas.nn.network import SparseNetwork

State = tuple[int, ...]
"""Steps taken, hidden layers, and the rounded binary logarithms of neurons and of weights."""

QValues = defaultdict[State, list[float]]
"""For every state, the expected final score after each action."""

EXPLORATION = (
    *((1.0, 1500), (0.9, 100), (0.8, 100), (0.7, 100)),
    *((epsilon, 150) for epsilon in (0.6, 0.5, 0.4, 0.3, 0.2, 0.1)),
)
"""Epsilon, and for how many of 2700 networks it holds (settings of Baker et al. 2017)."""


class Decision(NamedTuple):
    """The action that was taken in a state, and the legal actions."""

    state: State
    action: int
    legal: list[int]


def metaqnn(
    problem: Problem, learning_rate: float = 0.01, initial_value: float = 0.5, replays: int = 128
) -> None:
    """Learn the actions of an episode by Q-learning.

    Baker et al. 2017, "Designing neural network architectures using reinforcement learning", with
    the settings of the authors' code: no discount, and what the episode is judged by as the only
    reward. Epsilon decreases in the same proportions, here of the budget. An action is an edit
    instead of the next layer, and a state describes the whole network instead of its last layer.

    The number of steps taken is part of the state, as the depth is in the paper. Without it a state
    could be its own successor, so that any value that is high enough would be consistent with
    itself; and a state would have the same value however many edits remain.

    Args:
        problem: what is searched.
        learning_rate: alpha of the paper.
        initial_value: Q-value of an action that was never tried.
        replays: after each episode, the number of stored episodes that are drawn and learned from.

    Raises:
        BudgetSpent: the search is over.
    """
    rng = problem.rng
    values: QValues = defaultdict(lambda: [initial_value] * problem.n_actions)
    episodes: list[tuple[list[Decision], float]] = []
    while True:
        epsilon = exploration_rate(problem.history.spent / problem.budget)
        episodes.append(play_epsilon_greedy(problem, values, epsilon))
        for index in rng.integers(len(episodes), size=replays).tolist():
            decisions, score = episodes[index]
            update(values, decisions, score, learning_rate)


def exploration_rate(share: float) -> float:
    """Epsilon when a share of the budget is spent, which may exceed 1 after the last evaluation."""
    epsilons, counts = zip(*EXPLORATION, strict=True)
    ends = np.cumsum(counts)
    epsilon: float = epsilons[int(np.searchsorted(ends[:-1], share * ends[-1], side="right"))]
    return epsilon


def play_epsilon_greedy(
    problem: Problem, values: QValues, epsilon: float
) -> tuple[list[Decision], float]:
    """Play one episode: its decisions and what it is judged by."""
    rng, decisions = problem.rng, list[Decision]()

    def choose(observation: np.ndarray, mask: np.ndarray) -> int:
        state = (len(decisions), *describe(problem))
        legal = np.flatnonzero(mask).tolist()
        candidates = legal
        if rng.random() >= epsilon:
            row = values[state]
            highest = max(row[action] for action in legal)
            candidates = [action for action in legal if row[action] == highest]
        action = candidates[int(rng.integers(len(candidates)))]
        decisions.append(Decision(state, action, legal))
        return action

    score = problem.play(choose)
    return decisions, score


def describe(problem: Problem) -> State:
    """Hidden layers of the present design, and its neurons and weights by factors of two.

    All are 0 if there is no network yet.
    """
    design = problem.env.current_design
    if isinstance(design, SparseNetwork):
        widths, weights = list(design.layer_sizes[1:-1]), float(design.active_weights)
    else:
        widths = [width for width, _ in design]
        weights = problem.history.evaluations[-1].weights
    neurons = round(log2(sum(widths))) if widths else 0
    return len(widths), neurons, round(log2(max(weights, 1)))


def update(values: QValues, decisions: list[Decision], score: float, learning_rate: float) -> None:
    """Update the Q-values of an episode from its end to its start (eq. 3, gamma = 1)."""
    target = score
    for state, action, legal in reversed(decisions):
        row = values[state]
        row[action] += learning_rate * (target - row[action])
        target = max(row[choice] for choice in legal)
