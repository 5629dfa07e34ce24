"""`DesignVectorEnv`: many live environments stepping at once in threads, for Gymnasium.

The compiled loops release the interpreter lock, so that threads use all cores without copying data
to other processes. Each environment has its own random generator: the results are those of stepping
them one by one, to the bit, whatever the number of threads.
"""

from functools import partial
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeLimit

from rlnas.envs.design_env import DesignEnv
from rlnas.envs.live_env import LiveEnv
from rlnas.envs.validation import (
    check_actions,
    check_autoreset_mode,
    check_limit,
    check_over,
    check_reset_mask,
    spread_seed,
)
from rlnas.parallel.threads import Threads
from rlnas.validation import check_count


class DesignVectorEnv(SyncVectorEnv):
    """Many `DesignEnv` that share their data, as a Gymnasium `VectorEnv`.

    Made by `gymnasium.make_vec(id, num_envs, vectorization_mode="vector_entry_point", ...)`.

    Args:
        num_envs: number of environments.
        num_threads: number of environments that step at the same time; by default the number of
            processors.
        autoreset_mode: what happens after an episode's end, an `AutoresetMode` or its value:
            "NextStep" resets in the next step, whose action is ignored and whose reward is 0;
            "SameStep" resets at once, the last observation and info are `infos["final_obs"]` and
            `infos["final_info"]`; "Disabled" leaves it to `reset(options={"reset_mask": ...})`.
        max_episode_steps: truncates episodes, with the wrapper `TimeLimit`.
        arguments: arguments of `DesignEnv`.

    Raises:
        InputError: a value cannot be used.
    """

    env_class: type[LiveEnv] = DesignEnv

    def __init__(
        self,
        num_envs: int = 1,
        num_threads: int | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **arguments: Any,
    ):
        num_envs = check_count("num_envs", num_envs)
        mode = check_autoreset_mode(autoreset_mode)
        limit = check_limit(max_episode_steps)
        self._threads = Threads(num_threads, num_envs)
        arguments = self.env_class.with_data(arguments)

        def make() -> gym.Env:
            env: gym.Env = self.env_class(**arguments)
            if limit is not None:
                env = TimeLimit(env, limit)
            return _Ahead(env, resets=mode is AutoresetMode.SAME_STEP)

        super().__init__([make] * num_envs, autoreset_mode=mode)
        self.render_mode = arguments.get("render_mode")
        self._ahead_envs = cast(list[_Ahead], self.envs)

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start episodes, in all environments or where `options={"reset_mask": ...}` is True."""
        options = dict(options or {})
        which = np.ones(self.num_envs, bool)
        if "reset_mask" in options:
            which = check_reset_mask(options["reset_mask"], self.num_envs)
            options["reset_mask"] = which
            if not which.all():
                for env in self._ahead_envs:
                    _ = cast(LiveEnv, env.unwrapped).state  # there is one
        others = {key: value for key, value in options.items() if key != "reset_mask"}
        seeds = spread_seed(seed, self.num_envs)
        self._threads.run(
            [
                partial(env.reset_ahead, seed=seeds[index], options=others)
                for index, env in enumerate(self._ahead_envs)
                if which[index]
            ]
        )
        return super().reset(seed=seeds, options=options)

    def step(
        self, actions: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Edit, train and evaluate in all environments; see `DesignEnv`."""
        actions = check_actions(actions, self.num_envs, self.env_class.n_actions)
        over = self._autoreset_envs
        check_over(self.autoreset_mode, over)
        late = over & (self.autoreset_mode is AutoresetMode.NEXT_STEP)
        self._threads.run(
            [
                env.reset_ahead if late[index] else partial(env.step_ahead, actions[index])
                for index, env in enumerate(self._ahead_envs)
            ]
        )
        return super().step(actions)

    def close_extras(self, **arguments: Any) -> None:
        """Close the environments and end the threads."""
        if hasattr(self, "_threads"):  # Gymnasium 1.1 also closes what could not be made
            self._threads.shutdown()
        super().close_extras(**arguments)


class _Ahead(gym.Wrapper):
    """An environment whose steps and resets have been taken before they are asked for.

    They are taken in threads; `SyncVectorEnv` then collects their results in order.
    """

    def __init__(self, env: gym.Env, resets: bool):
        super().__init__(env)
        self.resets = resets
        self.stepped: list[Any] = []
        self.started: list[Any] = []

    def step_ahead(self, action: Any) -> None:
        outcome = self.env.step(action)
        self.stepped.append(outcome)
        if self.resets and (outcome[2] or outcome[3]):
            self.reset_ahead()

    def reset_ahead(self, **arguments: Any) -> None:
        self.started.append(self.env.reset(**arguments))

    def step(self, action: Any) -> Any:
        return self.stepped.pop()

    def reset(self, **arguments: Any) -> Any:
        return self.started.pop()
