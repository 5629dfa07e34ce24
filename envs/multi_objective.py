"""Environments with a reward vector, accuracy and weights apart, for MO-Gymnasium."""

from typing import Any

import gymnasium as gym
import numpy as np

from rlnas.envs.design_env import DesignEnv
from rlnas.envs.design_vector_env import DesignVectorEnv
from rlnas.envs.live_env import LiveEnv
from rlnas.envs.searchable import metric_of
from rlnas.envs.tabular.actions import reachable
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.envs.tabular.vector_env import TabularVectorEnv
from rlnas.errors import InputError
from rlnas.scoring import non_dominated


def _measure(info: dict[str, Any], reference: int) -> np.ndarray:
    """Both objectives, float64 `[2]`; `[num_envs, 2]` of a vector environment's infos."""
    return np.stack([metric_of(info), -info["active_weights"] / reference], axis=-1)


def reward_space(objectives: int) -> gym.spaces.Box:
    """Space of the reward of one environment, which vector environments must have as well."""
    return gym.spaces.Box(-np.inf, np.inf, (objectives,), np.float32)


class RewardVector(gym.Env):
    """What a scalar environment needs to pay a vector; mixed in before it.

    Attributes:
        reward_dim: number of objectives.
        reward_space: space of the rewards.
    """

    reference: int
    reward: str
    reward_dim = 2

    def __init__(self, **arguments: Any):
        super().__init__(**arguments)
        self.reward_space = reward_space(self.reward_dim)
        self._objectives = np.zeros(self.reward_dim)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """As the scalar environment."""
        observation, info = super().reset(seed=seed, options=options)
        self._objectives = self._measured(info)
        return observation, info

    def step(self, action: Any) -> tuple[np.ndarray, Any, bool, bool, dict[str, Any]]:
        """As the scalar environment, but the reward is float32 `[reward_dim]`."""
        observation, _, terminated, truncated, info = super().step(action)
        before, self._objectives = self._objectives, self._measured(info)
        reward = self._objectives - before if self.reward == "difference" else self._objectives
        return observation, reward.astype(np.float32), terminated, truncated, info

    def _measured(self, info: dict[str, Any]) -> np.ndarray:
        """float64 `[reward_dim]`: what the environment has reached."""
        return _measure(info, self.reference)


class MODesignEnv(RewardVector, DesignEnv):
    """`DesignEnv` with the reward vector (metric, -weights), for MO-Gymnasium.

    ## Rewards
    float32 `[2]`: the change of the validation metric (the accuracy or R²), and minus the change of
    the active weights over `reference`; with `reward="score"` the values themselves. Weighted with
    `(1, penalty)` they are the reward of `DesignEnv`.

    Everything else is that of `DesignEnv`, where `penalty` still decides the score in the
    observation and in the info.

    ## Version History
    * v1: networks are trained with a learning rate of 1e-2, in v0 2e-3.
    * v0: first version.
    """


class MOTabularEnv(RewardVector, TabularEnv):
    """`TabularEnv` with the reward vector (accuracy, -weights), for MO-Gymnasium.

    ## Rewards
    float32 `[2]`: the change of the validation accuracy, and minus the change of the active
    weights over `reference`; with `reward="score"` the values themselves. Weighted with
    `(1, penalty)` they are the reward of `TabularEnv`.

    Everything else is that of `TabularEnv`, where `penalty` still decides the score in the
    observation and in the info. `pareto_front` gives the best returns there are.

    ## Version History
    * v0: first version.
    """

    def __init__(self, **arguments: Any):
        super().__init__(**arguments)
        self._began = -1  # no episode yet

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """As `TabularEnv`."""
        observation, info = super().reset(seed=seed, options=options)
        self._began = info["architecture"]
        return observation, info

    def pareto_front(self, gamma: float) -> list[np.ndarray]:
        """The returns of the policies that no other policy beats in both objectives.

        These policies move from the start to an architecture of the Pareto front that can be
        reached within an episode. If the start is random, it is that of the present episode.

        Args:
            gamma: must be 1: with a discount the front depends on the path.

        Returns:
            One float64 `[2]` for each architecture.

        Raises:
            InputError: `gamma` is not 1, `reward` is not "difference", or no episode with a random
                start has begun.
        """
        if gamma != 1:
            raise InputError(f"the Pareto front is not known for gamma {gamma}: expected 1")
        if self.reward != "difference":
            raise InputError("the Pareto front is known for reward='difference' only")
        start = self.settings.start if self.settings.start >= 0 else self._began
        if start < 0:
            raise InputError("no episode is under way: call reset() first, or give a fixed start")
        grid = self.table.grid
        near = np.flatnonzero(reachable(grid, grid.architectures[start], self.episode_steps))
        means = self.rules.results[-1]
        accuracy, weights = means["val_accuracy"], means["active_weights"]
        best = near[non_dominated(accuracy[near], weights[near])]
        objectives = np.stack([accuracy, -weights / self.reference], axis=1)
        return list(objectives[best] - objectives[start])


class MODesignVectorEnv(DesignVectorEnv):
    """Many `MODesignEnv`: as `DesignVectorEnv`, with rewards float32 `[num_envs, 2]`.

    Made by `gymnasium.make_vec(id, num_envs, vectorization_mode="vector_entry_point", ...)`. In a
    step that only resets an environment (mode "NextStep") its reward is `(0, 0)`.

    Args:
        num_envs: number of environments.
        arguments: arguments of `DesignVectorEnv` and of `MODesignEnv`.

    Raises:
        InputError: a value cannot be used.
    """

    env_class: type[LiveEnv] = MODesignEnv

    def __init__(self, num_envs: int = 1, **arguments: Any):
        super().__init__(num_envs, **arguments)
        self.reward_space = self.envs[0].get_wrapper_attr("reward_space")
        shape = (num_envs, *self.reward_space.shape)
        self._rewards = np.zeros(shape, np.float32)  # rows that `SyncVectorEnv` fills


class MOTabularVectorEnv(TabularVectorEnv):
    """Many `MOTabularEnv`: as `TabularVectorEnv`, with rewards float32 `[num_envs, 2]`.

    Made by `gymnasium.make_vec(id, num_envs, vectorization_mode="vector_entry_point", ...)`. In a
    step that only resets an environment (mode "NextStep") its reward is `(0, 0)`.

    Args:
        num_envs: number of environments.
        arguments: arguments of `TabularVectorEnv`.

    Raises:
        InputError: a value cannot be used.
    """

    def __init__(self, num_envs: int = 1, **arguments: Any):
        super().__init__(num_envs, **arguments)
        self.reward_space = reward_space(2)
        self._objectives = np.zeros((num_envs, 2))

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """As `TabularVectorEnv`."""
        observations, infos = super().reset(seed=seed, options=options)
        began = infos["_val_accuracy"]
        self._objectives[began] = _measure(infos, self.table.reference)[began]
        return observations, infos

    def step(
        self, actions: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """As `TabularVectorEnv`, but the rewards are float32 `[num_envs, 2]`."""
        late = self._over
        observations, _, terminated, truncated, infos = super().step(actions)
        before, self._objectives = self._objectives, _measure(infos, self.table.reference)
        after = self._objectives.copy()
        if "final_info" in infos:
            over = infos["_final_info"]
            after[over] = _measure(infos["final_info"], self.table.reference)[over]
        rewards = after - before if self.single.reward == "difference" else after
        rewards[late] = 0
        return observations, rewards.astype(np.float32), terminated, truncated, infos
