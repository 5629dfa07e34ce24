"""One episode: an environment, a policy, and what was designed."""

from typing import Any

import numpy as np

from rlnas.agents.policies.policy import Policy
from rlnas.envs.design_env import Design, DesignEnv
from rlnas.progress import progress


def random_policy(seed: int) -> Policy:
    """A policy that draws a legal action at random."""
    rng = np.random.default_rng(seed)
    return lambda observation, mask: int(rng.choice(np.flatnonzero(mask)))


def play_episode(
    env: DesignEnv, policy: Policy, seed: int, progress_bar: bool = False
) -> tuple[Design, list[dict[str, Any]]]:
    """Play one episode.

    Args:
        env: of one data set.
        policy: that designs.
        seed: of the episode.
        progress_bar: show one of the edits.

    Returns:
        The design with the best score of the episode; the info of the start and of every step,
        with the words of the environment.
    """
    with progress(progress_bar, total=env.episode_steps, unit="edit", desc="designing") as bar:
        observation, info = env.reset(seed=seed)
        history = [info | env.words]
        best = Design(env.current_design, history[-1])
        over = False
        while not over:
            action = policy(observation, env.action_masks())
            observation, _, over, _, info = env.step(action)
            history.append(info | env.words)
            if info["score"] > best.info["score"]:
                best = Design(env.current_design, history[-1])
            now = f"{info['val_accuracy']:.2%} with {info['active_weights']:,} weights"
            bar.set_postfix_str(now, refresh=False)
            bar.update()
    return best, history
