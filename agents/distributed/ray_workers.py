"""Ray workers that step environments: where they are placed, and how a lost one is replaced.

A worker steps its environments in threads. With every answer it reports the moment that each of
its environments is in. When a worker is lost, or does not answer, another one plays these episodes
again, to the same bits, and is asked the same question.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.vec_env.base_vec_env import VecEnvObs

from rlnas.envs.episode import Design
from rlnas.envs.replay import Moment, ReplayableVecEnv
from rlnas.errors import InputError

ATTEMPTS = 5
"""Workers that may be lost, one after the other, over the same question."""

Question = Callable[[Any], Any]
"""Calls a method of a `Worker` by its Ray handle; returns the reference to its `Answer`."""

_log = logging.getLogger(__name__)


class Plan(NamedTuple):
    """How environments are spread over workers.

    Attributes:
        parts: numbers of the environments of each worker; neighbours are together.
        threads: threads, and processors, of each worker.
    """

    parts: list[list[int]]
    threads: int


def plan_workers(cpus: Sequence[float], num_envs: int, num_workers: int | None = None) -> Plan:
    """Spread environments evenly over workers, and these over machines.

    Args:
        cpus: processors of each machine; those with less than one are not used.
        num_envs: number of environments.
        num_workers: number of workers; by default one for each machine.

    Raises:
        InputError: the machines have too few processors.
    """
    machines = [int(each) for each in cpus if each >= 1]
    count = min(num_workers or len(machines), num_envs)
    on_each = -(-count // max(1, len(machines)))
    if not machines or min(machines) < on_each:
        raise InputError(
            f"{count} Ray workers cannot be placed: the machines have {machines} "
            "processors; ask for fewer with --num-workers"
        )
    parts = [part.tolist() for part in np.array_split(np.arange(num_envs), count)]
    return Plan(parts, min(machines) // on_each)


class Request(NamedTuple):
    """Questions that were sent, one to each worker, and the references to their answers."""

    questions: Sequence[Question]
    references: list[Any]


class Answer(NamedTuple):
    """What a worker answers.

    Attributes:
        value: result of the method that was called.
        moments: the moment that each of its environments is in; without the best design where that
            is the one reported before.
    """

    value: Any
    moments: list[Moment]


class WorkerPool:
    """Ray workers, of which a lost one is replaced by one that continues its episodes.

    Args:
        ray: the module, connected to a cluster.
        make: returns the environment of a number.
        plan: the workers.
        patience: seconds that the first attempt at a question may take.
    """

    def __init__(self, ray: Any, make: Callable[[int], gym.Env], plan: Plan, patience: float):
        self.ray, self.patience = ray, patience
        self.parts, self.threads = plan
        self.moments: list[Moment | None] = [None] * sum(map(len, self.parts))
        self.make = ray.put(make)
        self.actor = ray.remote(Worker)
        self.workers = [self._start(number, self.threads) for number in range(len(self.parts))]

    def ask(self, questions: Sequence[Question]) -> list[Any]:
        """The results of the questions, one for each worker."""
        return self.receive(self.send(questions))

    def ask_all(self, question: Question) -> list[Any]:
        """The results of the same question to each worker."""
        return self.ask([question] * len(self.parts))

    def send(self, questions: Sequence[Question]) -> Request:
        """Ask each worker a question, and do not wait."""
        pairs = zip(self.workers, questions, strict=True)
        return Request(questions, [question(worker) for worker, question in pairs])

    def receive(self, request: Request) -> list[Any]:
        """Wait for the results, in order, and remember the moments of the environments.

        Raises:
            InputError: too many workers were lost.
        """
        results = []
        for number, part in enumerate(self.parts):
            answer = self._receive_one(number, *(each[number] for each in request))
            for index, (state, best) in zip(part, answer.moments, strict=True):
                before = self.moments[index]
                if best is None and before is not None:
                    best = before.best
                self.moments[index] = Moment(state, best)
            results.append(answer.value)
        return results

    def close(self) -> None:
        """End the workers."""
        for worker in self.workers:
            self.ray.kill(worker)

    def _start(self, number: int, cpus: int) -> Any:
        """A worker for a part of the environments, which continue where they were."""
        part = self.parts[number]
        moments = [self.moments[index] for index in part]
        actor = self.actor.options(num_cpus=cpus, scheduling_strategy="SPREAD")
        return actor.remote(self.make, part, self.threads, moments)

    def _receive_one(self, number: int, question: Question, reference: Any) -> Answer:
        """The answer of a worker; one that is lost or does not answer is replaced."""
        from ray.exceptions import RayError, RayTaskError

        for attempt in range(ATTEMPTS):
            try:
                answer: Answer = self.ray.get(reference, timeout=self.patience * 2**attempt)
                return answer
            except RayTaskError as error:
                raise error.cause from error
            except RayError as error:  # also where there was no answer in time
                cause = type(error).__name__
            _log.warning(
                "Ray worker %d was lost (%s): another one plays its episodes again", number, cause
            )
            self.ray.kill(self.workers[number])
            # It asks for no processor, so that it starts although a machine is missing.
            self.workers[number] = self._start(number, 0)
            reference = question(self.workers[number])
        raise InputError(f"{ATTEMPTS} Ray workers were lost over one step, the last one by {cause}")


class _WorkerVecEnv(ReplayableVecEnv):
    """The environments of a worker, whose seeds are those of the whole `RayVecEnv`."""

    def reset_with(self, seeds: Sequence[int | None]) -> VecEnvObs:
        """Start an episode everywhere, with a seed for each environment."""
        self._seeds = list(seeds)  # `seed` would count up from one seed
        return self.reset()


class Worker:
    """Some of the environments, in a process of their own; its methods return `Answer`s.

    Args:
        make: returns the environment of a number.
        numbers: numbers of the environments.
        threads: threads that they step in.
        moments: where the environments were in a worker that was lost; None for a first one.
    """

    def __init__(
        self,
        make: Callable[[int], gym.Env],
        numbers: Sequence[int],
        threads: int,
        moments: Sequence[Moment | None],
    ):
        torch.set_num_threads(1)
        self.envs = _WorkerVecEnv([partial(make, number) for number in numbers], threads)
        self.reported: list[Design | None] = [None] * len(numbers)  # the best designs
        played = [moment for moment in moments if moment is not None and moment.state["generator"]]
        if len(played) == len(numbers):
            self.envs.restore(played)
            self.reported = self.envs.get_attr("best")

    def reset(self, seeds: Sequence[int | None]) -> Answer:
        """Observations and infos of new episodes."""
        return self._answer((self.envs.reset_with(seeds), self.envs.reset_infos))

    def step(self, actions: np.ndarray) -> Answer:
        """Observations, rewards, dones, infos of a step, and the infos of the last resets."""
        self.envs.step_async(actions)
        return self._answer((*self.envs.step_wait(), self.envs.reset_infos))

    def restore(self, moments: Sequence[Moment]) -> Answer:
        """What playing the episodes again gave, and the action masks after it."""
        return self._answer((self.envs.restore(moments), self.envs.env_method("action_masks")))

    def get_attr(self, name: str) -> Answer:
        """An attribute of each environment."""
        return self._answer(self.envs.get_attr(name))

    def env_method(self, name: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Answer:
        """The result of a method of each environment."""
        return self._answer(self.envs.env_method(name, *arguments, **named))

    def env_is_wrapped(self, wrapper_class: Any) -> Answer:
        """Whether each environment is in a wrapper of a class."""
        return self._answer(self.envs.env_is_wrapped(wrapper_class))

    def _answer(self, value: Any) -> Answer:
        moments = self.envs.moments()
        news = [
            moment._replace(best=None) if moment.best is reported else moment
            for moment, reported in zip(moments, self.reported, strict=True)
        ]
        self.reported = [moment.best for moment in moments]
        return Answer(value, news)
