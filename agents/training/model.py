"""PPO and MaskablePPO, extended by what an exact resume needs."""

import logging
import warnings
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv

from rlnas.agents.config import TrainConfig
from rlnas.agents.learning.learner import ArrayMaskablePPO, ArrayPPO
from rlnas.agents.policies.feature_extractors import policy_arguments

_log = logging.getLogger("rlnas")


class ResumableModel(OnPolicyAlgorithm):
    """A model that can continue a training in the middle.

    Stable-Baselines3 has no public names for some of its state. This class alone knows them:

    - `_n_updates`: gradient passes so far, which it logs;
    - `_stats_window_size`: number of finished episodes that it logs the mean of;
    - `_last_obs`, `_last_episode_starts`: what the next rollout begins with. `learn` resets the
      environments unless they are set.
    """

    n_epochs: int

    @property
    def passes(self) -> int:
        """Gradient passes over rollouts so far."""
        return self._n_updates

    @property
    def episode_window(self) -> int:
        """Number of finished episodes that the log has the mean of."""
        return self._stats_window_size

    def continue_counting(self, timesteps: int, passes: int) -> None:
        """Set the number of steps, over all environments, and of gradient passes so far."""
        self.num_timesteps = timesteps
        self._n_updates = passes

    def continue_statistics(self, returns: Sequence[float], lengths: Sequence[int]) -> None:
        """Set the returns and lengths of the last finished episodes."""
        episodes = zip(returns, lengths, strict=True)
        self.ep_info_buffer = deque(
            ({"r": r, "l": length, "t": 0.0} for r, length in episodes), self.episode_window
        )
        self.ep_success_buffer = deque(maxlen=self.episode_window)

    def continue_episodes(self, observations: np.ndarray, episode_starts: np.ndarray) -> None:
        """Set what the next rollout begins with.

        Args:
            observations: float32 `[n_envs, n_observations]`.
            episode_starts: bool `[n_envs]`, whether an episode has just begun.
        """
        self._last_obs = observations
        self._last_episode_starts = episode_starts

    def dump_logs(self, iteration: int = 0) -> None:
        """Write the log, with the number of rollouts of the whole training.

        `learn` passes the number of rollouts since it was called.
        """
        super().dump_logs(self.num_timesteps // (self.n_steps * self.n_envs))


class ResumablePPO(ResumableModel, ArrayPPO):
    """PPO that can continue a training in the middle."""


class ResumableMaskablePPO(ResumableModel, ArrayMaskablePPO):
    """MaskablePPO that can continue a training in the middle."""


ALGORITHMS: dict[str, Any] = {"ppo": ResumablePPO, "maskable_ppo": ResumableMaskablePPO}


def ppo_arguments(config: TrainConfig) -> dict[str, Any]:
    """The hyperparameters of PPO under the names of Stable-Baselines3, but the learning rate."""
    return {
        "n_steps": config.rollout_steps,
        "batch_size": min(config.batch_size, config.rollout_steps * config.num_envs),
        "n_epochs": config.epochs,
        "gamma": config.gamma,
        "gae_lambda": config.gae_lambda,
        "ent_coef": config.entropy,
        "target_kl": config.target_kl,
    }


def new_model(config: TrainConfig, env: VecEnv) -> Any:
    """An untrained model, of a class in `ALGORITHMS`."""
    steps = config.rollout_steps * config.num_envs
    if steps > config.batch_size and steps % config.batch_size:
        _log.warning(
            "--batch-size %d: of the %d steps between two updates the last gradient batch has %d, "
            "each of which counts for more; a divisor avoids that",
            *(config.batch_size, steps, steps % config.batch_size),
        )
    # Stable-Baselines3 asks after a rollout: progress is ahead by that rollout's share.
    share = config.learning_rate / config.updates
    rate = LinearSchedule(config.learning_rate + share, share, 1.0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You have specified a mini-batch size", UserWarning)
        return ALGORITHMS[config.algorithm](
            "MlpPolicy",
            env,
            learning_rate=rate,
            **ppo_arguments(config),
            policy_kwargs=policy_arguments(config.net_arch, config.features),
            seed=config.seed,
            device="cpu",
        )
