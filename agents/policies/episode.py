"""Playing one episode: an environment, a policy, and what was designed."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from rlnas.agents.policies.policy import Policy
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.episode import Design
from rlnas.envs.live_env import LiveEnv
from rlnas.nn.architecture import CONSTANT
from rlnas.objective import shown_value
from rlnas.progress import MULTIPLY_ADDS, progress


class EpisodeStep(NamedTuple):
    """What an environment returned from `reset` or from one `step`.

    Attributes:
        observation: what it shows now.
        action: the action that was taken; None after `reset`.
        reward: what the action was paid; 0 after `reset`.
        info: the info of the environment.
    """

    observation: np.ndarray
    action: int | None
    reward: float
    info: dict[str, Any]


def steps_of_episode(
    env: gym.Env, policy: Policy, seed: int | None = None
) -> Iterator[EpisodeStep]:
    """Play one episode, from the reset to its end.

    Args:
        env: an environment of rlnas, perhaps in wrappers: it has `action_masks`.
        policy: chooses an action for an observation and a mask.
        seed: seed of the episode; by default the generator of the environment goes on.

    Yields:
        The reset, then every step; each is taken when it is asked for.
    """
    observation, info = env.reset(seed=seed)
    yield EpisodeStep(observation, None, 0.0, info)
    action_masks = env.get_wrapper_attr("action_masks")
    over = False
    while not over:
        action = policy(observation, action_masks())
        observation, reward, terminated, truncated, info = env.step(action)
        over = terminated or truncated
        yield EpisodeStep(observation, action, float(reward), info)


def random_policy(seed: int) -> Policy:
    """A policy that draws each action uniformly from the legal ones."""
    rng = np.random.default_rng(seed)
    return lambda observation, mask: int(rng.choice(np.flatnonzero(mask)))


def play_episode(
    env: LiveEnv, policy: Policy, seed: int, progress_bar: bool = False
) -> tuple[Design, list[dict[str, Any]]]:
    """Play one episode and keep its best design.

    Args:
        env: an environment of one data set.
        policy: chooses the edits.
        seed: seed of the episode.
        progress_bar: whether to show a progress bar: of the edits, or of the cost if the episode
            has a budget.

    Returns:
        The design with the highest score of the episode, the first of several; it has connections
        unless no network was trained. And the info of the reset and of every step, with the words
        of the environment.
    """
    history: list[dict[str, Any]] = []
    best: Design | None = None
    by_cost = isinstance(env, BudgetDesignEnv)
    shown = MULTIPLY_ADDS if by_cost else {"total": env.episode_steps, "unit": "edit"}
    with progress(progress_bar, **shown, desc="designing") as bar:
        for step in steps_of_episode(env, policy, seed):
            info = step.info | env.words
            history.append(info)
            if best is None or rank_of(info) > rank_of(best.info):
                best = Design(env.current_design, info)
            if step.action is not None:
                bar.set_postfix_str(worth(info), refresh=False)
                bar.update(info["cost"] if by_cost else 1)
            elif by_cost:
                bar.reset(total=info["budget"])
    assert best is not None  # an episode begins with a design
    return best, history


def worth(info: Mapping[str, Any]) -> str:
    """The metric and the size of a design in words, from an info with words."""
    weights = info["active_weights"]
    made = f"with {weights:,} weights" if weights else f"as a {CONSTANT}"
    return f"{shown_value(info['metric'], info['val_metric'])} {made}"


def rank_of(info: Mapping[str, Any]) -> tuple[bool, float]:
    """What the designs of an episode are compared by: connections at all, then the score."""
    return info["active_weights"] > 0, info["score"]
