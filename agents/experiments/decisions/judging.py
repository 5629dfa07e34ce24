"""Playing an episode with a budget and judging it on test samples, which the player never sees."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rlnas.agents.policies.policy import Policy
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.budget.episode import score_on_test, share_left


class Improvement(NamedTuple):
    """A moment at which the best design of an episode changed.

    Attributes:
        spent: Multiply-adds spent until then.
        score: Its score on the validation samples.
        test_score: Its score on the test samples.
    """

    spent: int
    score: float
    test_score: float


class Played(NamedTuple):
    """An episode that was played.

    Attributes:
        improvements: How the best design changed; the first is what the episode began with.
        first: Multiply-adds at which the anytime score begins to count.
        budget: Multiply-adds that could be spent.
        actions: Numbers of the actions.
    """

    improvements: tuple[Improvement, ...]
    first: int
    budget: int
    actions: tuple[int, ...] = ()


class Judged(NamedTuple):
    """What an episode is worth.

    Attributes:
        anytime: The anytime score on the validation samples, as the environment counts it.
        end: The best score on them.
        test_anytime: The anytime score of the same designs, each the best so far on the validation
            samples, measured on the test samples.
        test_end: The score on the test samples of the best design.
    """

    anytime: float
    end: float
    test_anytime: float
    test_end: float


def play(env: BudgetDesignEnv, policy: Policy, seed: int) -> Played:
    """Play one episode.

    Args:
        env: An environment of one data set.
        policy: Chooses the actions.
        seed: Seed of the episode.
    """
    observation, _ = env.reset(seed=seed)
    return go_on(env, policy, observation)


def go_on(env: BudgetDesignEnv, policy: Policy, observation: np.ndarray) -> Played:
    """Play an episode that has just begun.

    Args:
        env: An environment of one data set.
        policy: Chooses the actions.
        observation: What the reset returned.
    """
    state, actions = env.state, []
    found = [Improvement(0, state.best_score, score_on_test(state.best, state))]
    while not state.over:
        actions.append(policy(observation, env.action_masks()))
        observation, *_ = env.step(actions[-1])
        before, state = state, env.state
        if state.best is not before.best:
            found.append(
                Improvement(state.spent, state.best_score, score_on_test(state.best, state))
            )
    return Played(tuple(found), state.first, state.budget, tuple(actions))


def judged(played: Played) -> Judged:
    """What an episode is worth."""
    first = played.improvements[0]
    anytime, test_anytime = first.score, first.test_score
    for before, now in zip(played.improvements, played.improvements[1:], strict=False):
        share = share_left(now.spent, played.first, played.budget)
        anytime += (now.score - before.score) * share
        test_anytime += (now.test_score - before.test_score) * share
    last = played.improvements[-1]
    return Judged(anytime, last.score, test_anytime, last.test_score)


def one_after_the_other(episodes: Sequence[Played], first: int, budget: int) -> Played:
    """What several episodes reach together, the best design of all kept.

    Args:
        episodes: Episodes of one data set that begin alike, in their order.
        first: Multiply-adds at which the anytime score of the whole begins to count.
        budget: Multiply-adds of the whole, at least those of all episodes.
    """
    found, spent = list(episodes[0].improvements[:1]), 0
    for each in episodes:
        for improvement in each.improvements[1:]:
            if improvement.score > found[-1].score:
                found.append(improvement._replace(spent=spent + improvement.spent))
        spent += each.budget
    return Played(tuple(found), first, budget)
