"""Hill climbing: the best of a few edits, each tried on a copy, becomes the present network."""

from copy import deepcopy

import numpy as np

from rlnas.agents.search.problem import CountedEnv, Problem
from rlnas.envs.actions import NO_OP


def hill_climbing(problem: Problem, tried: int = 8) -> None:
    """Climb from the start of one episode after the other.

    Elsken et al. 2017, "Simple and efficient architecture search for convolutional neural
    networks", algorithm 1: in every step some children of the present network are trained for a
    moment and the best goes on. One child is the network itself, trained on, with action "none".
    Copies of a live environment have the same generator, so that children see the same batches.

    Args:
        problem: what is designed.
        tried: children in each step, "none" among them (n_neigh of the paper); fewer if fewer
            actions are legal.

    Raises:
        BudgetSpent: the search is over.
    """
    env, over = problem.env, True
    while True:
        if over:
            env.reset()
        legal = np.flatnonzero(env.action_masks())
        others = problem.rng.permutation(legal[legal != NO_OP])[: tried - 1]
        children = [_child(env, action) for action in (NO_OP, *others.tolist())]
        env, _, over = max(children, key=lambda child: child[1])  # "none" if it is as good


def _child(env: CountedEnv, action: int) -> tuple[CountedEnv, float, bool]:
    """A copy of the environment after an action, its score, and whether the episode is over."""
    child = deepcopy(env)
    _, _, terminated, truncated, info = child.step(action)
    return child, info["score"], terminated or truncated
