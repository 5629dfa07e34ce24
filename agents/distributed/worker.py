"""A worker: some of the environments in a process of its own, what it is asked and what it answers.

It imports no PyTorch, which takes longest to load and most of the memory.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from rlnas.envs.episode import Design
from rlnas.envs.replay import Moment, moment_of, restore
from rlnas.envs.stepping import SteppingThreads


class Question(NamedTuple):
    """A method of `Worker` that is to be called, by its name, with arguments."""

    method: str
    arguments: tuple[Any, ...] = ()


class Answer(NamedTuple):
    """What a worker answers.

    Attributes:
        value: result of the method that was called.
        moments: the moment that each of its environments is in; without the best design where that
            is the one reported before.
    """

    value: Any
    moments: list[Moment]


class Past(NamedTuple):
    """What is known of an environment; of one whose worker is lost, another one needs it.

    Attributes:
        moment: the moment that it is in; None before the first answer.
        attributes: what was set from outside, by name.
    """

    moment: Moment | None
    attributes: dict[str, Any]


class Worker:
    """Some of the environments; they step in threads.

    Args:
        make: returns the environment of a number.
        numbers: numbers of the environments.
        threads: number of threads.
        pasts: what is known of each of them.
    """

    def __init__(
        self,
        make: Callable[[int], gym.Env],
        numbers: Sequence[int],
        threads: int,
        pasts: Sequence[Past],
    ):
        self.envs = [make(number) for number in numbers]
        for env, past in zip(self.envs, pasts, strict=True):
            for name, value in past.attributes.items():
                setattr(env, name, value)
        self.stepping = SteppingThreads(self.envs, threads)
        self.reported: list[Design | None] = [None] * len(numbers)  # the best designs
        moments = [past.moment for past in pasts]
        played = [moment for moment in moments if moment is not None and moment.state["generator"]]
        if len(played) == len(numbers):
            self.restore(played)
            self.reported = [moment.best for moment in played]

    def answer(self, question: Question) -> Answer:
        """Call the method that a question names."""
        value = getattr(self, question.method)(*question.arguments)
        moments = [moment_of(env) for env in self.envs]
        news = [
            moment._replace(best=None) if moment.best is reported else moment
            for moment, reported in zip(moments, self.reported, strict=True)
        ]
        self.reported = [moment.best for moment in moments]
        return Answer(value, news)

    def reset(self, seeds: Sequence[int | None]) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Start an episode everywhere: observations and infos."""
        pairs = [env.reset(seed=seed) for env, seed in zip(self.envs, seeds, strict=True)]
        return np.stack([observation for observation, _ in pairs]), [info for _, info in pairs]

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, Any, Any]:
        """Observations, rewards, dones, infos of a step, and the infos of resets after it."""
        observations, rewards, dones, infos, resets = zip(*self.stepping.step(actions), strict=True)
        kinds = np.array(rewards, np.float32), np.array(dones, bool)
        return np.stack(observations), *kinds, list(infos), list(resets)

    def restore(self, moments: Sequence[Moment]) -> tuple[Any, Any]:
        """What playing the episodes again gave, and the action masks after it."""
        calls = [partial(restore, *each) for each in zip(self.envs, moments, strict=True)]
        replayed = self.stepping.threads.run(calls)
        return replayed, [env.get_wrapper_attr("action_masks")() for env in self.envs]

    # Of the environments at some places:

    def get_attr(self, name: str, places: Sequence[int]) -> list[Any]:
        """An attribute of each."""
        return [self.envs[place].get_wrapper_attr(name) for place in places]

    def set_attr(self, name: str, value: Any, places: Sequence[int]) -> list[None]:
        """Set an attribute of each, where Stable-Baselines3 sets it."""
        for place in places:
            setattr(self.envs[place], name, value)
        return [None] * len(places)

    def env_method(
        self, name: str, arguments: tuple[Any, ...], named: dict[str, Any], places: Sequence[int]
    ) -> list[Any]:
        """The result of a method of each."""
        return [self.envs[place].get_wrapper_attr(name)(*arguments, **named) for place in places]

    def env_is_wrapped(self, kind: type[gym.Wrapper], places: Sequence[int]) -> list[bool]:
        """Whether each is in a wrapper of a class."""
        return [_is_wrapped(self.envs[place], kind) for place in places]


def _is_wrapped(env: gym.Env, kind: type[gym.Wrapper]) -> bool:
    while isinstance(env, gym.Wrapper):
        if isinstance(env, kind):
            return True
        env = env.env
    return False
