"""`LookUpEnv`: what environments share whose results are looked up in tables."""

from abc import abstractmethod
from operator import itemgetter
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import gymnasium as gym
import numpy as np

from rlnas.envs.validation import check_action, check_seed, check_under_way
from rlnas.nn.architecture import Architecture
from rlnas.validation import check_choice

State = TypeVar("State")
"""Named tuple of a moment of an episode.

Among its fields are `elapsed`, the number of steps taken, negative before the first reset, and
`reward`, that of the last step.
"""


class Settings(Protocol):
    """What is the same in every episode of an environment."""

    @property
    def record(self) -> np.ndarray:
        """All of it as an array of one record, which compiled functions take."""


class LookUpEnv(gym.Env[np.ndarray, np.integer], Generic[State]):
    """An environment that one compiled call moves.

    Args:
        settings: What is the same in every episode.
        n_actions: Number of actions.
        noise_size: Uniform random numbers that an episode uses.
        random: Whether it uses any.
        states: Record `[1]` of the moment of the episode, with the fields of `State`.
        observations: float32 `[1, entries]`, where observations are written.
        render_mode: One of the class, or None.

    Raises:
        InputError: there is no such render mode.
    """

    state_class: ClassVar[Any]
    """The class of states."""

    reported: ClassVar[tuple[str, ...]]
    """Fields of a state that are entries of the info under the same name."""

    def __init__(
        self,
        settings: Settings,
        n_actions: int,
        noise_size: int,
        random: bool,
        states: np.ndarray,
        observations: np.ndarray,
        render_mode: str | None,
    ):
        check_choice("render mode", render_mode, (None, *self.metadata["render_modes"]))
        self.render_mode = render_mode
        self.action_space = gym.spaces.Discrete(n_actions)
        self.observation_space = gym.spaces.Box(-1, 1, observations.shape[1:], np.float32)
        self.noise_size, self.random = noise_size, random
        self._record = settings.record
        self._n_actions = n_actions
        self._everywhere = np.ones(1, bool)
        self._action = np.zeros(1, np.int64)
        self._noise = np.zeros((1, noise_size))
        self._states, self._observations = states, observations
        self._moment: tuple[Any, ...] = states.item(0)  # which is faster than a `State`
        self._over = False
        place = self.state_class._fields.index
        self._elapsed, self._reward = place("elapsed"), place("reward")
        self._entries = itemgetter(*map(place, self.reported))

    @abstractmethod
    def starting(self, options: dict[str, Any] | None) -> Any:
        """What `_start` needs to know of reset options.

        Raises:
            InputError: an option is unknown, or its value cannot be used.
        """

    @abstractmethod
    def architecture_of(self, state: State) -> Architecture | None:
        """`(width, density)` of each hidden layer in a state; None before there is one."""

    @abstractmethod
    def render_state(self, state: State) -> Any:
        """Any state in the render mode, of which there is one."""

    @abstractmethod
    def _start(self, how: Any) -> None:
        """Begin an episode with the numbers in `_noise`."""

    @abstractmethod
    def _move(self) -> None:
        """Carry out the action in `_action`."""

    @abstractmethod
    def _is_over(self, moment: tuple[Any, ...]) -> bool:
        """Whether the episode has come to its end at a moment."""

    @abstractmethod
    def _legal(self) -> np.ndarray:
        """int8 `[actions]`: which actions are legal at `_moment`."""

    @property
    def state(self) -> State:
        """The present moment of the episode, a value that later steps do not change.

        Raises:
            InputError: no episode has begun.
        """
        check_under_way(self._moment[self._elapsed])
        state: State = self.state_class._make(self._moment)
        return state

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; see the class.

        Args:
            seed: Seed of everything random.
            options: See the class.
        """
        how = self.starting(options)
        super().reset(seed=check_seed(seed))
        if self.random:
            self._noise[0] = self.np_random.random(self.noise_size)
        self._start(how)
        self._over = False
        self._moment = self._states.item(0)
        return self._observations[0].copy(), self._info()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Look up what an action leads to; see the class."""
        check_under_way(-1 if self._over else self._moment[self._elapsed])
        self._action[0] = check_action(action, self._n_actions)
        self._move()
        self._moment = moment = self._states.item(0)
        self._over = over = self._is_over(moment)
        observation = self._observations[0].copy()
        return observation, moment[self._reward], over, False, self._info()

    def action_masks(self) -> np.ndarray:
        """Bool `[actions]`: which actions are legal now (the format of sb3-contrib)."""
        check_under_way(self._moment[self._elapsed])
        masks: np.ndarray = self._legal().astype(bool)
        return masks

    def render(self) -> Any:
        """The present moment, by `render_mode`."""
        state = self.state
        return None if self.render_mode is None else self.render_state(state)

    def _info(self) -> dict[str, Any]:
        info = dict(zip(self.reported, self._entries(self._moment), strict=True))
        info["action_mask"] = self._legal().copy()
        return info
