"""`TabularVectorEnv`: many tabular environments, all moved by one compiled call a step."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlnas.envs.tabular_dynamics import (
    REPORTED,
    Settings,
    TabularState,
    advance,
    before_the_first_reset,
    begin,
)
from rlnas.envs.tabular_env import TabularEnv, best_reachable, start_elsewhere
from rlnas.envs.validation import (
    check_actions,
    check_autoreset_mode,
    check_limit,
    check_over,
    check_reset_mask,
    check_under_way,
    spread_seed,
)
from rlnas.nn.architecture import Architecture
from rlnas.tabular.table import Table
from rlnas.validation import Range, check_count

NUMBERS_AHEAD = 512
"""Random numbers that are drawn at once for the next episodes of an environment."""


class TabularVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
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
        autoreset_mode: what happens after an episode's end, an `AutoresetMode` or its value:
            "NextStep" resets in the next step, whose action is ignored and whose reward is 0;
            "SameStep" resets at once, the last observation and info are `infos["final_obs"]` and
            `infos["final_info"]`; "Disabled" leaves it to `reset(options={"reset_mask": ...})`.
        max_episode_steps: truncates episodes, as the wrapper `TimeLimit` does.

    Raises:
        InputError: a value cannot be used.
    """

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
        self.autoreset_mode = check_autoreset_mode(autoreset_mode)
        self.metadata = {**TabularEnv.metadata, "autoreset_mode": self.autoreset_mode}
        self.num_envs = num_envs
        # One environment of its own: what the others share, and what renders them.
        self.single = TabularEnv(
            table, penalty, reward, episode_steps, epochs, noisy, start, render_mode
        )
        self.table, self.rules = self.single.table, self.single.rules
        self.settings = self.single.settings
        self.render_mode = render_mode
        self.max_episode_steps = check_limit(max_episode_steps)
        self.single_action_space: Discrete = self.single.action_space  # type: ignore[assignment]
        self.single_observation_space: Box = self.single.observation_space  # type: ignore[assignment]
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._record = self.settings.record
        self._everywhere = np.ones(num_envs, bool)
        self._over = np.ones(num_envs, bool)
        self._rngs: list[np.random.Generator] = []
        size = self.settings.noise_size
        self._noise = np.zeros((num_envs, size))
        ahead = max(1, NUMBERS_AHEAD // size)
        self._noise_ahead = np.zeros((num_envs, ahead, size))
        self._drawn = np.full(num_envs, ahead)  # how many of these episodes have begun
        self._states = before_the_first_reset(num_envs)
        self._observations = np.zeros((num_envs, *self.single_observation_space.shape), np.float32)

    @property
    def states(self) -> list[TabularState]:
        """The present moment of the episode of every environment."""
        self._check_begun()
        return [TabularState._make(state) for state in self._states.tolist()]

    def _check_begun(self) -> None:
        check_under_way(self._states["elapsed"].item(0))  # all of them begin in the first reset

    @property
    def architectures(self) -> list[Architecture]:
        """`(width, density)` of each hidden layer, now, for every environment."""
        return [self.table.grid.architectures[state.architecture] for state in self.states]

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: seed of the first environment, the next ones have the following numbers; or one
                for each environment.
            options: `"reset_mask"`, bool `[num_envs]`: which environments start an episode, the
                others go on; and the options of `TabularEnv.reset`.

        Returns:
            Observations and infos.
        """
        options = dict(options or {})
        which = self._everywhere
        if "reset_mask" in options:
            which = check_reset_mask(options.pop("reset_mask"), self.num_envs)
            if not which.all():
                self._check_begun()
        settings = start_elsewhere(self.settings, self.table, options)
        self._seed(spread_seed(seed, self.num_envs), which)
        self._begin(which, settings)
        return self._observations.copy(), self._infos(which)

    def step(
        self, actions: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Change all architectures and look their results up.

        Args:
            actions: integers `[num_envs]`.

        Returns:
            Observations, rewards, terminations, truncations, infos.

        Raises:
            InputError: an action is out of range, or an episode is over in mode "Disabled".
        """
        actions = check_actions(actions, self.num_envs, len(self.rules.operations))
        before = self._over
        self._check_begun()
        check_over(self.autoreset_mode, before)
        late = before.any()
        moving = ~before if late else self._everywhere
        advance(
            self.rules,
            self._record,
            self._noise,
            actions,
            moving,
            self._states,
            self._observations,
        )
        if late:
            self._begin(before, self.settings)
        elapsed = self._states["elapsed"]
        terminated = elapsed >= self.settings.episode_steps
        truncated = np.zeros(self.num_envs, bool)
        if self.max_episode_steps is not None:
            truncated = elapsed >= self.max_episode_steps
        over = terminated | truncated
        rewards = self._states["reward"].copy()
        final: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and over.any():
            final = self._final(over)
            self._begin(over, self.settings)
            over = np.zeros(self.num_envs, bool)
        self._over = over
        infos = self._infos(self._everywhere) | final
        return self._observations.copy(), rewards, terminated, truncated, infos

    def action_masks(self) -> np.ndarray:
        """Bool `[num_envs, actions]`: which actions are legal now."""
        self._check_begun()
        masks: np.ndarray = self.rules.legal[self._states["architecture"]].astype(bool)
        return masks

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

    def render(self) -> tuple[Any, ...] | None:
        """One rendering for each environment, by `render_mode`."""
        self._check_begun()
        if self.render_mode is None:
            return None
        return tuple(self.single.render_state(state) for state in self.states)

    def _seed(self, seeds: list[int | None], which: np.ndarray) -> None:
        """Give environments a new generator, as resetting them one by one would."""
        if not self.settings.random:
            return
        if not self._rngs:
            self._rngs = [seeding.np_random(seed)[0] for seed in seeds]
            return
        for env in np.flatnonzero(which):
            if seeds[env] is not None:
                self._rngs[env] = seeding.np_random(seeds[env])[0]
                self._drawn[env] = self._noise_ahead.shape[1]

    def _begin(self, which: np.ndarray, settings: Settings) -> None:
        if self._rngs:
            for env in np.flatnonzero(which & (self._drawn == self._noise_ahead.shape[1])):
                self._rngs[env].random(out=self._noise_ahead[env])
                self._drawn[env] = 0
            self._noise[which] = self._noise_ahead[which, self._drawn[which]]
            self._drawn[which] += 1
        begin(
            self.rules,
            settings.record,
            self._noise,
            which,
            self._states,
            self._observations,
        )
        self._over = self._over & ~which

    def _infos(self, which: np.ndarray) -> dict[str, Any]:
        """One array for each entry of the infos, zero where `which` is not; and masks."""
        states = self._states.view(np.uint8).copy().view(self._states.dtype)
        legal = self.rules.legal.take(states["architecture"], axis=0)
        if which is not self._everywhere:
            elsewhere = ~which
            states[elsewhere] = 0
            legal[elsewhere] = 0
        entries = {name: states[name] for name in (*REPORTED, "architecture", "applied")}
        entries["action_mask"] = legal
        known = which.copy()
        return entries | {f"_{name}": known for name in entries}

    def _final(self, over: np.ndarray) -> dict[str, Any]:
        """Last observations and infos of episodes that end in this step."""
        observations = np.full(self.num_envs, None, dtype=object)
        for env in np.flatnonzero(over):
            observations[env] = self._observations[env].copy()
        return {
            "final_obs": observations,
            "_final_obs": over.copy(),
            "final_info": self._infos(over),
            "_final_info": over.copy(),
        }
