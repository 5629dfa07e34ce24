"""MetaQNN: tabular Q-learning on a coarse description of the network, with experience replay."""

from collections import defaultdict
from math import log2
from typing import Any, NamedTuple

import numpy as np

from rlnas.agents.search.problem import Problem

State = tuple[int, ...]
"""Steps taken, hidden layers, and the rounded binary logarithms of neurons and of weights."""

Values = defaultdict[State, list[float]]
"""Q: for every state the expected final score after each action."""

EXPLORATION = (
    *((1.0, 1500), (0.9, 100), (0.8, 100), (0.7, 100)),
    *((epsilon, 150) for epsilon in (0.6, 0.5, 0.4, 0.3, 0.2, 0.1)),
)
"""Epsilon, and for how many of 2700 networks (settings of Baker et al. 2017)."""


class Step(NamedTuple):
    """What was done in a state, and what might have been."""

    state: State
    action: int
    legal: list[int]


def metaqnn(
    problem: Problem, learning_rate: float = 0.01, initial: float = 0.5, replays: int = 128
) -> None:
    """Learn the actions of an episode by Q-learning.

    Baker et al. 2017, "Designing neural network architectures using reinforcement learning",
    with the settings of the authors' code: no discount, the score of the last design is the only
    reward, and exploration falls in the same proportions, here of the budget.

    The steps taken are part of the state, as the depth reached is in the paper. Without them a
    state could be its own successor, and any value high enough would then be consistent with
    itself; and a state would have one value however many edits are still to come.

    Args:
        problem: what is designed.
        learning_rate: alpha of the paper.
        initial: value of what was never tried.
        replays: episodes that are drawn from all stored ones and learned from after each episode.

    Raises:
        BudgetSpent: the search is over.
    """
    rng, archive = problem.rng, problem.archive
    values: Values = defaultdict(lambda: [initial] * problem.n_actions)
    episodes: list[tuple[list[Step], float]] = []
    while True:
        epsilon = exploration(archive.spent / archive.budget)
        episodes.append(play(problem, values, epsilon))
        for number in rng.integers(len(episodes), size=replays).tolist():
            steps, score = episodes[number]
            learn(values, steps, score, learning_rate)


def exploration(spent: float) -> float:
    """Epsilon when a share of the budget is spent; the last step may overdraw it."""
    epsilons, counts = zip(*EXPLORATION, strict=True)
    ends = np.cumsum(counts)
    return epsilons[int(np.searchsorted(ends[:-1], spent * ends[-1], side="right"))]


def play(problem: Problem, values: Values, epsilon: float) -> tuple[list[Step], float]:
    """One episode of the epsilon-greedy policy: its steps, and the score of the last design."""
    rng, steps = problem.rng, list[Step]()

    def choose(observation: np.ndarray, mask: np.ndarray) -> int:
        state = (len(steps), *description(problem))
        legal = np.flatnonzero(mask).tolist()
        candidates = legal
        if rng.random() >= epsilon:
            row = values[state]
            highest = max(row[action] for action in legal)
            candidates = [action for action in legal if row[action] == highest]
        action = candidates[int(rng.integers(len(candidates)))]
        steps.append(Step(state, action, legal))
        return action

    score = problem.play(choose)
    return steps, score


def description(problem: Problem) -> State:
    """Hidden layers of the present design, and its neurons and weights by factors of two."""
    env: Any = problem.env.unwrapped
    if problem.tabular:
        widths = [width for width, _ in env.architecture]
    else:
        widths = list(env.current_design.layer_sizes[1:-1])
    neurons = round(log2(sum(widths))) if widths else 0
    return len(widths), neurons, round(log2(problem.archive.weights[-1]))


def learn(values: Values, steps: list[Step], score: float, learning_rate: float) -> None:
    """Move the values of an episode, from its end to its start (eq. 3 of the paper, gamma = 1)."""
    target = score
    for state, action, legal in reversed(steps):
        row = values[state]
        row[action] += learning_rate * (target - row[action])
        target = max(row[choice] for choice in legal)
