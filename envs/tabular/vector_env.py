"""`TabularVectorEnv`: many tabular environments, all moved by one compiled call a step."""

from pathlib import Path
from typing import Literal

import numpy as np
from gymnasium.vector import AutoresetMode

from rlnas.envs.look_up.vector_env import LookUpVectorEnv
from rlnas.envs.tabular.dynamics import (
    Settings,
    TabularState,
    advance,
    before_the_first_reset,
    begin,
)
from rlnas.envs.tabular.tabular_env import TabularEnv, best_reachable
from rlnas.nn.architecture import Architecture
from rlnas.tabular.table import Table
from rlnas.validation import Range, check_count


class TabularVectorEnv(LookUpVectorEnv[TabularState]):
    """Many `TabularEnv`, with the same results as stepping them one by one.

    Made by `gymnasium.make_vec(id, num_envs, vectorization_mode="vector_entry_point", ...)`.

    Args:
        num_envs: number of environments.
        table: see `TabularEnv`.
        penalty: see `TabularEnv`.
        reward: see `TabularEnv`.
        episode_steps: see `TabularEnv`.
        epochs: see `TabularEnv`.
        noisy: see `TabularEnv`.
        start: see `TabularEnv`.
        render_mode: see `TabularEnv`; `render` returns one rendering for each environment.
        autoreset_mode: see `LookUpVectorEnv`.
        max_episode_steps: see `LookUpVectorEnv`.

    Raises:
        InputError: a value cannot be used.
    """

    single: TabularEnv

    def __init__(
        self,
        num_envs: int = 1,
        table: str | Path | Table = "digits",
        penalty: Range = 0.1,
        reward: str = "difference",
        episode_steps: int = 20,
        epochs: int | None = None,
        noisy: bool = False,
        start: Architecture | Literal["random", "middle"] = "random",
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ):
        num_envs = check_count("num_envs", num_envs)
        single = TabularEnv(
            table, penalty, reward, episode_steps, epochs, noisy, start, render_mode
        )
        self.table, self.rules, self.settings = single.table, single.rules, single.settings
        self._record = self.settings.record
        entries = single.observation_space.shape
        assert entries is not None
        super().__init__(
            single,
            num_envs,
            before_the_first_reset(num_envs),
            np.zeros((num_envs, *entries), np.float32),
            autoreset_mode,
            max_episode_steps,
        )

    def best_reachable(self) -> list[tuple[Architecture, float]]:
        """See `TabularEnv.best_reachable`; one result for each environment."""
        return [
            best_reachable(
                self.table,
                self.table.grid.architectures[state.architecture],
                self.settings.episode_steps - state.elapsed,
                state.penalty,
                self.single.epochs,
            )
            for state in self.states
        ]

    def _start(self, which: np.ndarray, how: Settings) -> None:
        begin(self.rules, how.record, self._noise, which, self._states, self._observations)

    def _move(self, actions: np.ndarray, moving: np.ndarray) -> None:
        advance(
            self.rules,
            self._record,
            self._noise,
            actions,
            moving,
            self._states,
            self._observations,
        )

    def _ended(self) -> np.ndarray:
        over: np.ndarray = self._states["elapsed"] >= self.settings.episode_steps
        return over

    def _legal(self) -> np.ndarray:
        return self.rules.legal.take(self._states["architecture"], axis=0)
