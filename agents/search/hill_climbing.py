"""Hill climbing: the best of a few edits, each tried on a copy, becomes the present network."""

from copy import deepcopy

from rlnas.agents.search.budgeted_env import BudgetedEnv
from rlnas.agents.search.problem import Problem
from rlnas.envs.actions import NO_OP


def hill_climbing(problem: Problem, n_children: int = 8) -> None:
    """Climb from the start of one episode after the other.

    Elsken et al. 2017, "Simple and efficient architecture search for convolutional neural
    networks", algorithm 1: in every step, children of the present network are trained briefly and
    the best becomes the present network. One child is the network itself, trained further (action
    "none"). Here a child differs by one edit instead of several network morphisms, and training
    has the length of a step of the environment. Copies of a live environment have the same state
    of the generator, so that all children are trained on the same batches. In episodes with a
    budget, the children of the start are starts, and the search never stops an episode early.

    Args:
        problem: what is searched.
        n_children: children in each step (n_neigh of the paper), or as many as there are legal
            actions if these are fewer.

    Raises:
        BudgetSpent: the search is over.
    """
    env, over = problem.env, True
    while True:
        if over:
            env.reset()
        legal = env.legal_edits()
        unchanged = [NO_OP] if NO_OP in legal else []
        edits = problem.rng.permutation(legal[legal != NO_OP])[: n_children - len(unchanged)]
        children = [_child(env, action) for action in (*unchanged, *edits.tolist())]
        env, _, over = max(children, key=lambda child: child[1])  # on a tie the first, "none"


def _child(env: BudgetedEnv, action: int) -> tuple[BudgetedEnv, float, bool]:
    """A copy of the environment after an action, its score, and whether the episode is over."""
    child = deepcopy(env)
    _, _, terminated, truncated, info = child.step(action)
    return child, info["score"], terminated or truncated
