"""`FamilyVectorEnv`: many environments on the family, moved by one compiled call a step."""

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from rlnas.envs.family.dynamics import FamilyState, advance, begin, no_episodes
from rlnas.envs.family.family_env import FamilyEnv, Start
from rlnas.envs.look_up.vector_env import LookUpVectorEnv
from rlnas.validation import check_count


class FamilyVectorEnv(LookUpVectorEnv[FamilyState]):
    """Many `FamilyEnv`, with the same results as stepping them one by one.

    Made by `gymnasium.make_vec(id, num_envs, vectorization_mode="vector_entry_point", ...)`.

    Args:
        num_envs: Number of environments.
        autoreset_mode: See `LookUpVectorEnv`.
        max_episode_steps: See `LookUpVectorEnv`.
        arguments: Arguments of `FamilyEnv`.

    Raises:
        InputError: a value cannot be used.
    """

    single: FamilyEnv

    def __init__(
        self,
        num_envs: int = 1,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
        **arguments: Any,
    ):
        num_envs = check_count("num_envs", num_envs)
        single = FamilyEnv(**arguments)
        self.bank, self.settings = single.bank, single.settings
        self._record = self.settings.record
        self._episodes = no_episodes(num_envs)
        super().__init__(
            single,
            num_envs,
            self._episodes.states,
            self._episodes.observations,
            autoreset_mode,
            max_episode_steps,
        )

    def _start(self, which: np.ndarray, how: Start) -> None:
        how.apply(self._noise, which)
        begin(self.bank, how.settings.record, self._noise, which, self._episodes)

    def _move(self, actions: np.ndarray, moving: np.ndarray) -> None:
        advance(self.bank, self._record, actions, moving, self._episodes)

    def _ended(self) -> np.ndarray:
        return self._states["over"].copy()

    def _legal(self) -> np.ndarray:
        return self._episodes.masks.copy()
