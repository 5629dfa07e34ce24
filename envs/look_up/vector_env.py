"""`LookUpVectorEnv`: what vector environments share whose results are looked up in tables."""

from abc import abstractmethod
from typing import Any, Generic

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlnas.envs.look_up.env import LookUpEnv, State
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

NUMBERS_AHEAD = 512
"""Random numbers that are drawn at once for the next episodes of an environment."""


class LookUpVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray], Generic[State]):
    """Many environments that are moved by one compiled call a step.

    Args:
        single: One environment of its own: what the others share.
        num_envs: Number of environments.
        states: Records `[num_envs]` of the moments of the episodes, with the fields of `State`.
        observations: float32 `[num_envs, entries]`, where observations are written.
        autoreset_mode: What happens after an episode's end, an `AutoresetMode` or its value:
            "NextStep" resets in the next step, whose action is ignored and whose reward is 0;
            "SameStep" resets at once, the last observation and info are `infos["final_obs"]` and
            `infos["final_info"]`; "Disabled" leaves it to `reset(options={"reset_mask": ...})`.
        max_episode_steps: Truncates episodes, as the wrapper `TimeLimit` does.

    Raises:
        InputError: a value cannot be used.
    """

    def __init__(
        self,
        single: LookUpEnv[State],
        num_envs: int,
        states: np.ndarray,
        observations: np.ndarray,
        autoreset_mode: str | AutoresetMode,
        max_episode_steps: int | None,
    ):
        self.single = single
        self.num_envs = num_envs
        self.autoreset_mode = check_autoreset_mode(autoreset_mode)
        self.metadata = {**single.metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = single.render_mode
        self.max_episode_steps = check_limit(max_episode_steps)
        self.single_action_space: Discrete = single.action_space  # type: ignore[assignment]
        self.single_observation_space: Box = single.observation_space  # type: ignore[assignment]
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._rngs: list[np.random.Generator] = []
        self._noise = np.zeros((num_envs, single.noise_size))
        ahead = max(1, NUMBERS_AHEAD // single.noise_size)
        self._noise_ahead = np.zeros((num_envs, ahead, single.noise_size))
        self._drawn = np.full(num_envs, ahead)  # how many of these episodes have begun
        self._states, self._observations = states, observations
        self._everywhere = np.ones(num_envs, bool)
        self._over = np.ones(num_envs, bool)

    @abstractmethod
    def _start(self, which: np.ndarray, how: Any) -> None:
        """Begin an episode where `which`, bool `[num_envs]`, with the numbers in `_noise`."""

    @abstractmethod
    def _move(self, actions: np.ndarray, moving: np.ndarray) -> None:
        """Carry out actions, int64 `[num_envs]`, where `moving`, bool `[num_envs]`."""

    @abstractmethod
    def _ended(self) -> np.ndarray:
        """Bool `[num_envs]`: which episodes have come to their end."""

    @abstractmethod
    def _legal(self) -> np.ndarray:
        """int8 `[num_envs, actions]`, in memory of its own: which actions are legal now."""

    @property
    def states(self) -> list[State]:
        """The present moment of the episode of every environment."""
        self._check_begun()
        return [self.single.state_class._make(state) for state in self._states.tolist()]

    @property
    def architectures(self) -> list[Architecture | None]:
        """`(width, density)` of each hidden layer, now, for every environment; None for none."""
        return [self.single.architecture_of(state) for state in self.states]

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: Seed of the first environment, the next ones have the following numbers; or one
                for each environment.
            options: `"reset_mask"`, bool `[num_envs]`: which environments start an episode, the
                others go on; and the reset options of the single environment.

        Returns:
            Observations and infos.
        """
        options = dict(options or {})
        which = self._everywhere
        if "reset_mask" in options:
            which = check_reset_mask(options.pop("reset_mask"), self.num_envs)
            if not which.all():
                self._check_begun()
        how = self.single.starting(options)
        self._seed(spread_seed(seed, self.num_envs), which)
        self._begin(which, how)
        return self._observations.copy(), self._infos(which)

    def step(
        self, actions: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Carry out one action in each environment.

        Args:
            actions: Integers `[num_envs]`.

        Returns:
            Observations, rewards, terminations, truncations, infos.

        Raises:
            InputError: an action is out of range, or an episode is over in mode "Disabled".
        """
        actions = check_actions(actions, self.num_envs, int(self.single_action_space.n))
        before = self._over
        self._check_begun()
        check_over(self.autoreset_mode, before)
        late = before.any()
        self._move(actions, ~before if late else self._everywhere)
        if late:
            self._begin(before, self.single.starting({}))
        terminated = self._ended()
        truncated = np.zeros(self.num_envs, bool)
        if self.max_episode_steps is not None:
            truncated = self._states["elapsed"] >= self.max_episode_steps
        over = terminated | truncated
        rewards = self._states["reward"].copy()
        final: dict[str, Any] = {}
        if self.autoreset_mode is AutoresetMode.SAME_STEP and over.any():
            final = self._final(over)
            self._begin(over, self.single.starting({}))
            over = np.zeros(self.num_envs, bool)
        self._over = over
        infos = self._infos(self._everywhere) | final
        return self._observations.copy(), rewards, terminated, truncated, infos

    def action_masks(self) -> np.ndarray:
        """Bool `[num_envs, actions]`: which actions are legal now."""
        self._check_begun()
        masks: np.ndarray = self._legal().astype(bool)
        return masks

    def render(self) -> tuple[Any, ...] | None:
        """One rendering for each environment, by `render_mode`."""
        states = self.states
        if self.render_mode is None:
            return None
        return tuple(self.single.render_state(state) for state in states)

    def _check_begun(self) -> None:
        check_under_way(self._states["elapsed"].item(0))  # all of them begin in the first reset

    def _seed(self, seeds: list[int | None], which: np.ndarray) -> None:
        """Give environments a new generator, as resetting them one by one would."""
        if not self.single.random:
            return
        if not self._rngs:
            self._rngs = [seeding.np_random(seed)[0] for seed in seeds]
            return
        for env in np.flatnonzero(which):
            if seeds[env] is not None:
                self._rngs[env] = seeding.np_random(seeds[env])[0]
                self._drawn[env] = self._noise_ahead.shape[1]

    def _begin(self, which: np.ndarray, how: Any) -> None:
        if self._rngs:
            envs = np.flatnonzero(which)
            for env in envs[self._drawn[envs] == self._noise_ahead.shape[1]]:
                self._rngs[env].random(out=self._noise_ahead[env])
                self._drawn[env] = 0
            self._noise[envs] = self._noise_ahead[envs, self._drawn[envs]]
            self._drawn[envs] += 1
        self._start(which, how)
        self._over = self._over & ~which

    def _infos(self, which: np.ndarray) -> dict[str, Any]:
        """One array for each entry of the infos, zero where `which` is not; and masks."""
        states = self._states.view(np.uint8).copy().view(self._states.dtype)
        legal = self._legal()
        if which is not self._everywhere:
            elsewhere = ~which
            states[elsewhere] = 0
            legal[elsewhere] = 0
        entries = {name: states[name] for name in self.single.reported}
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
