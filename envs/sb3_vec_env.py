"""The environments as Stable-Baselines3 `VecEnv`s: live ones in threads, others looked up."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from rlnas.envs.family.vector_env import FamilyVectorEnv
from rlnas.envs.look_up.vector_env import LookUpVectorEnv
from rlnas.envs.tabular.vector_env import TabularVectorEnv
from rlnas.errors import InputError
from rlnas.parallel.threads import Threads

_AT_ONCE = AutoresetMode.SAME_STEP


class ThreadedVecEnv(DummyVecEnv):
    """Step live environments in threads; the results are those of `DummyVecEnv`.

    Args:
        env_fns: functions that make the environments, one for each.
        num_threads: number of environments that step at the same time; by default the number of
            processors.
    """

    def __init__(self, env_fns: list[Callable[[], gym.Env]], num_threads: int | None = None):
        super().__init__(env_fns)
        self.seconds = np.zeros(self.num_envs)  # duration of the last step of each environment
        self.threads = Threads(num_threads, self.num_envs)

    def step_wait(self) -> VecEnvStepReturn:
        """Finish the step: observations, rewards, dones, infos; over episodes are reset."""
        # The slowest of the last step first, so that no thread waits long for the others.
        order = np.argsort(-self.seconds, kind="stable").tolist()
        infos: list[dict[str, Any]] = [{}] * self.num_envs
        steps = [partial(self._step_one, index) for index in order]
        for index, info in zip(order, self.threads.run(steps), strict=True):
            infos[index] = info
        return self._obs_from_buf(), np.copy(self.buf_rews), np.copy(self.buf_dones), infos

    def _step_one(self, index: int) -> dict[str, Any]:
        began = perf_counter()
        env = self.envs[index]
        observation, reward, terminated, truncated, info = env.step(self.actions[index])
        info["TimeLimit.truncated"] = truncated and not terminated
        if terminated or truncated:
            info["terminal_observation"] = observation
            observation, self.reset_infos[index] = env.reset()
        self.buf_rews[index] = reward
        self.buf_dones[index] = terminated or truncated
        self._save_obs(index, observation)
        self.seconds[index] = perf_counter() - began
        return info

    def close(self) -> None:
        """Close the environments and end the threads; may be called twice."""
        self.threads.shutdown()
        super().close()


class LookUpVecEnv(VecEnv):
    """Many environments whose results are looked up, moved by one compiled call a step.

    The results are those of a `DummyVecEnv` of single environments.

    Args:
        vector: the environments, in mode "SameStep".
    """

    def __init__(self, vector: LookUpVectorEnv[Any]):
        self.vector = vector
        self.actions = np.zeros(vector.num_envs, np.int64)
        super().__init__(
            vector.num_envs, vector.single_observation_space, vector.single_action_space
        )

    def reset(self) -> np.ndarray:
        """Start an episode everywhere, with the seeds and options set before."""
        options = self._options[0]
        if any(other != options for other in self._options):
            raise InputError("the options of the environments differ: expected the same for all")
        observations, infos = self.vector.reset(seed=list(self._seeds), options=options)
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = _apart(infos)
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions of the next step."""
        self.actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Carry out the step; over episodes are reset."""
        observations, rewards, terminated, truncated, infos = self.vector.step(self.actions)
        separate = _apart(infos)
        over = terminated | truncated
        if over.any():
            last = _apart(infos["final_info"])
            for env in np.flatnonzero(over).tolist():
                self.reset_infos[env], separate[env] = separate[env], last[env]
                separate[env]["terminal_observation"] = infos["final_obs"][env]
        for info, cut in zip(separate, (truncated & ~terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = cut
        return observations, rewards.astype(np.float32), over, separate

    def action_masks(self) -> np.ndarray:
        """Bool `[num_envs, actions]`: which actions are legal now."""
        return self.vector.action_masks()

    def close(self) -> None:
        """Close the environments; may be called twice."""
        self.vector.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the environments, which they share but for `architecture`."""
        chosen = self._chosen(indices)
        if attr_name == "architecture":
            architectures = self.vector.architectures
            return [architectures[index] for index in chosen]
        for owner in (self.vector.single, self.vector):
            if hasattr(owner, attr_name):
                return [getattr(owner, attr_name)] * len(chosen)
        raise AttributeError(f"these environments have no attribute '{attr_name}'")

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of all environments."""
        if len(self._chosen(indices)) != self.num_envs:
            raise InputError("these environments share their attributes: expected no indices")
        setattr(self.vector, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of the vector environment with one result for each environment."""
        results = getattr(self.vector, method_name)(*method_args, **method_kwargs)
        if results is None:
            results = [None] * self.num_envs
        return [results[index] for index in self._chosen(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No: there are no wrappers."""
        return [False] * len(self._chosen(indices))

    def get_images(self) -> Sequence[np.ndarray | None]:
        """One picture for each environment."""
        pictures: Any = self.vector.render()
        return pictures or [None] * self.num_envs

    def _chosen(self, indices: Any) -> list[int]:
        return [int(index) for index in self._get_indices(indices)]


class TabularVecEnv(LookUpVecEnv):
    """Many `TabularEnv`.

    Args:
        num_envs: number of environments.
        arguments: arguments of `TabularVectorEnv`.
    """

    def __init__(self, num_envs: int = 1, **arguments: Any):
        super().__init__(TabularVectorEnv(num_envs, autoreset_mode=_AT_ONCE, **arguments))


class FamilyVecEnv(LookUpVecEnv):
    """Many `FamilyEnv`.

    Args:
        num_envs: number of environments.
        arguments: arguments of `FamilyVectorEnv`.
    """

    def __init__(self, num_envs: int = 1, **arguments: Any):
        super().__init__(FamilyVectorEnv(num_envs, autoreset_mode=_AT_ONCE, **arguments))


def _apart(infos: dict[str, Any]) -> list[dict[str, Any]]:
    """The infos of a vector environment as one dict for each environment."""
    names = [name for name in infos if name[0] != "_" and name[:6] != "final_"]
    columns = [
        infos[name].tolist() if infos[name].ndim == 1 else list(infos[name]) for name in names
    ]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
