"""Environments whose state is where their episode began and what was done since.

Environments are deterministic, so that a moment in an episode is its generator at the start and the
actions taken: a few numbers instead of networks, optimiser moments and probes. Playing them again
gives the same bits.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding

from rlnas.envs.episode import Design
from rlnas.errors import InputError
from rlnas.files.typed import Damaged, fields, listed, shown, whole


class Moment(NamedTuple):
    """A moment that an environment can be brought back to.

    Attributes:
        state: JSON values that `ReplayableEnv.state` returned.
        best: the best design of all episodes of the environment; None for that of the present one.
    """

    state: dict[str, Any]
    best: Design | None


class Replayed(NamedTuple):
    """What playing an episode again gave.

    Attributes:
        observation: float32, the last observation.
        rewards: float32, the reward of each step.
    """

    observation: np.ndarray
    rewards: np.ndarray


class ReplayableEnv(gym.Wrapper):
    """Remember how to come back to this moment; infos include the words of the environment.

    The info of the first step of an episode has the state that the generator began with, as JSON in
    `start`.

    Args:
        env: a deterministic environment that draws from `np_random` alone.
    """

    def __init__(self, env: gym.Env):
        super().__init__(env)
        self.generator: Mapping[str, Any] = {}
        self.actions: list[int] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Start an episode."""
        if options:
            raise ValueError("an episode with options cannot be replayed")
        random = self.unwrapped.np_random if seed is None else seeding.np_random(seed)[0]
        self.generator = random.bit_generator.state
        self.actions = []
        observation, info = self.env.reset(seed=seed)
        return observation, info | self.get_wrapper_attr("words")

    def step(self, action: Any) -> Any:
        """Take an action."""
        *outcome, info = self.env.step(action)
        self.actions.append(int(action))  # not one that was an error
        start = json.dumps(self.generator) if len(self.actions) == 1 else ""
        return *outcome, info | self.get_wrapper_attr("words") | {"start": start}

    def state(self) -> dict[str, Any]:
        """JSON values that `restore` takes."""
        return {"generator": self.generator, "actions": list(self.actions)}

    def restore(self, state: Any) -> Replayed:
        """Come back to the moment of a state, by playing its episode again.

        Raises:
            Damaged: no episode of this environment can have had the state.
        """
        generator, actions = fields(state, "generator", "actions")
        n_actions = int(self.action_space.n)  # type: ignore[attr-defined]
        numbers = [whole(action, high=n_actions - 1) for action in listed(actions)]
        self.unwrapped.np_random = np.random.Generator(restored_generator(generator))
        try:
            observation, _ = self.reset()
            rewards, over = [], False
            for action in numbers:
                observation, reward, terminated, truncated, _ = self.step(action)
                rewards.append(reward)
                over = terminated or truncated
        except InputError as error:
            raise Damaged(f"an episode cannot be played again: {error}") from error
        if over:
            raise Damaged("an episode is over: the next one would have begun")
        return Replayed(observation, np.array(rewards, np.float32))


def restored_generator(state: Any) -> np.random.PCG64:
    """A bit generator, from its `state` in NumPy's words.

    Raises:
        Damaged: no generator of this kind can have had the state.
    """
    kind, numbers, has_uint32, uinteger = fields(
        state, "bit_generator", "state", "has_uint32", "uinteger"
    )
    if kind != "PCG64":
        raise Damaged(f"expected a generator PCG64, found {shown(kind)}")
    position, increment = fields(numbers, "state", "inc")
    whole(position, high=2**128 - 1)
    if whole(increment, high=2**128 - 1) % 2 == 0:
        raise Damaged("the increment of a generator is even")
    whole(has_uint32, high=1)
    whole(uinteger, high=2**32 - 1)
    generator = np.random.PCG64()
    generator.state = state
    return generator


def moment_of(env: gym.Env) -> Moment:
    """Where an environment is: a `ReplayableEnv`, perhaps in a wrapper with a state of its own."""
    return Moment(env.get_wrapper_attr("state")(), env.get_wrapper_attr("best"))


def restore(env: gym.Env, moment: Moment) -> Replayed:
    """Bring such an environment back to a moment.

    Raises:
        Damaged: it cannot have been there.
    """
    replayed: Replayed = env.get_wrapper_attr("restore")(moment.state)
    if moment.best is not None:
        env.get_wrapper_attr("restore_best")(moment.best)
    return replayed
