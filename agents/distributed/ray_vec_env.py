"""`RayVecEnv`: live environments in Ray workers, on this machine or on many, as one `VecEnv`.

A worker steps its environments in threads. With every answer it says where each environment is: how
its episode began, and what was done since. When a worker is lost, or does not answer, another one
plays these episodes again, to the same bits, and is asked the same question.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from rlnas.agents.distributed.ray_cluster import cluster
from rlnas.envs.design_env import Design
from rlnas.envs.replay import Moment, ReplayableVecEnv, Replayed
from rlnas.errors import InputError

ATTEMPTS = 5
"""Workers that may be lost, one after the other, over the same question."""

Question = tuple[str, tuple, dict[str, Any]]
"""A method of `_Worker` or of its environments, with what to call it with."""

_log = logging.getLogger(__name__)


class RayVecEnv(VecEnv):
    """Step live environments in Ray workers; the results are those of `ReplayableVecEnv`.

    The environments are spread evenly over the workers; neighbours are together. What `make` holds,
    such as data sets, is in the memory of each machine once.

    Args:
        make: gives the environment of a number, a `ReplayableEnv` around a `DesignEnv`.
        num_envs: how many.
        num_workers: by default one for each machine, with all of its processors.
        address: of a Ray cluster; by default Ray is started on this machine.
        patience: seconds after which a worker that does not answer is replaced; each time it
            happens to the same question, the next one has twice as long.

    Raises:
        InputError: Ray is not installed, there is no cluster at the address, or it is too small.
    """

    def __init__(
        self,
        make: Callable[[int], gym.Env],
        num_envs: int,
        num_workers: int | None = None,
        address: str | None = None,
        patience: float = 600.0,
    ):
        self.patience = patience
        self.num_envs = num_envs  # its environments are asked before `VecEnv` is set up
        self.moments_told: list[Moment | None] = [None] * num_envs
        self.newest: list[dict[str, Any]] = [{} for _ in range(num_envs)]  # infos
        self._stack = ExitStack()
        self.ray = self._stack.enter_context(cluster(address, num_workers))
        try:
            nodes = [node for node in self.ray.nodes() if node["Alive"]]
            machines = [node["Resources"].get("CPU", 0) for node in nodes]
            machines = [int(cpus) for cpus in machines if cpus >= 1]
            count = min(num_workers or len(machines), num_envs)
            on_each = -(-count // max(1, len(machines)))
            if min(machines, default=0) < on_each:
                raise InputError(
                    f"{count} Ray workers cannot be placed: the machines have {machines} "
                    "processors; ask for fewer with --num-workers"
                )
            self.threads = min(machines) // on_each
            self.parts = [part.tolist() for part in np.array_split(np.arange(num_envs), count)]
            self.make = self.ray.put(make)
            self.actor = self.ray.remote(_Worker)
            self.workers = [self._start(k, self.threads) for k in range(count)]
            spaces = self.get_attr("observation_space", 0) + self.get_attr("action_space", 0)
            super().__init__(num_envs, *spaces)
        except BaseException:
            self.close()
            raise

    def reset(self) -> np.ndarray:
        """Start an episode everywhere, with the seeds set before."""
        if any(self._options):
            raise InputError("episodes on Ray take no options: expected none")
        seeds = [[self._seeds[index] for index in part] for part in self.parts]
        answers = self._ask([("reset", (each,), {}) for each in seeds])
        self._reset_seeds()
        for part, (_, infos) in zip(self.parts, answers, strict=True):
            self._keep(part, infos, infos, [False] * len(part))
        return np.concatenate([observations for observations, _ in answers])

    def step_async(self, actions: np.ndarray) -> None:
        """Send the actions of the next step to the workers."""
        self.asked: list[Question] = [
            ("step", (np.asarray(actions)[part],), {}) for part in self.parts
        ]
        self.references = self._send(self.asked)

    def step_wait(self) -> VecEnvStepReturn:
        """Finish the step: observations, rewards, dones, infos; over episodes are reset."""
        answers = self._collect(self.asked, self.references)
        infos: list[dict[str, Any]] = []
        for part, (_, _, dones, own, resets) in zip(self.parts, answers, strict=True):
            infos += own
            self._keep(part, own, resets, dones)
        observations, rewards, dones = (
            np.concatenate([answer[k] for answer in answers]) for k in range(3)
        )
        return observations, rewards, dones, infos

    def moments(self) -> list[Moment]:
        """Where each environment is, as the workers have told."""
        return [moment for moment in self.moments_told if moment is not None]

    def restore(self, moments: Sequence[Moment]) -> list[Replayed]:
        """Bring each environment back to a moment.

        Raises:
            Damaged: they cannot have been there.
        """
        theirs = [[moments[index] for index in part] for part in self.parts]
        answers = self._ask([("restore", (each,), {}) for each in theirs])
        for part, (_, masks) in zip(self.parts, answers, strict=True):
            for index, mask in zip(part, masks, strict=True):
                self.newest[index] = {"action_mask": mask}
        return [each for replayed, _ in answers for each in replayed]

    def close(self) -> None:
        """End the workers, and Ray if it was started here; may be called twice."""
        for worker in self.__dict__.pop("workers", []):
            self.ray.kill(worker)
        self._stack.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the environments; their best designs are known here."""
        if attr_name == "best":
            moments = self.moments()
            return [moments[index].best for index in self._chosen(indices)]
        return self._of("get_attr", indices, attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not possible: a worker that replaces another would not know of it."""
        raise InputError(f"environments on Ray keep their attributes: '{attr_name}' was not set")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """What a method of the environments gives; the action masks are known here."""
        if method_name == "action_masks":
            masks = [self.newest[index]["action_mask"] for index in self._chosen(indices)]
            return [np.asarray(mask).astype(bool) for mask in masks]
        return self._of("env_method", indices, method_name, *method_args, **method_kwargs)

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Whether the environments are in a wrapper of a class."""
        return self._of("env_is_wrapped", indices, wrapper_class)

    def _chosen(self, indices: Any) -> list[int]:
        return [int(index) for index in self._get_indices(indices)]

    def _of(self, method: str, indices: Any, *arguments: Any, **named: Any) -> list[Any]:
        """The results of a method of `ReplayableVecEnv`, for some of the environments."""
        answers = self._ask([(method, arguments, named)] * len(self.parts))
        found = {
            index: value
            for part, values in zip(self.parts, answers, strict=True)
            for index, value in zip(part, values, strict=True)
        }
        return [found[index] for index in self._chosen(indices)]

    def _keep(
        self, part: list[int], infos: list[dict], resets: list[dict], dones: Sequence[bool]
    ) -> None:
        for k, index in enumerate(part):
            self.reset_infos[index] = resets[k]
            self.newest[index] = resets[k] if dones[k] else infos[k]

    # --- questions and answers ---

    def _start(self, number: int, cpus: int) -> Any:
        """A worker for a part of the environments, where they were."""
        part = self.parts[number]
        moments = [self.moments_told[index] for index in part]
        actor = self.actor.options(num_cpus=cpus, scheduling_strategy="SPREAD")
        return actor.remote(self.make, part, self.threads, moments)

    def _ask(self, questions: Sequence[Question]) -> list[Any]:
        return self._collect(questions, self._send(questions))

    def _send(self, questions: Sequence[Question]) -> list[Any]:
        pairs = zip(self.workers, questions, strict=True)
        return [worker.ask.remote(*question) for worker, question in pairs]

    def _collect(self, questions: Sequence[Question], references: list[Any]) -> list[Any]:
        """The answers, in order; where the environments then are is remembered."""
        answers = []
        for number, part in enumerate(self.parts):
            answer, moments = self._answer(number, questions[number], references[number])
            for index, (state, best) in zip(part, moments, strict=True):
                before = self.moments_told[index]
                if best is None and before is not None:
                    best = before.best
                self.moments_told[index] = Moment(state, best)
            answers.append(answer)
        return answers

    def _answer(self, number: int, question: Question, reference: Any) -> Any:
        """What a worker answers; one that is lost or does not answer is replaced."""
        from ray.exceptions import RayError, RayTaskError

        for attempt in range(ATTEMPTS):
            try:
                return self.ray.get(reference, timeout=self.patience * 2**attempt)
            except RayTaskError as error:
                raise error.cause from error
            except RayError as error:  # also where there was no answer in time
                lost = type(error).__name__
            _log.warning(
                "Ray worker %d was lost (%s): another one plays its episodes again", number, lost
            )
            self.ray.kill(self.workers[number])
            # It asks for no processor, so that it starts although a machine is missing.
            self.workers[number] = self._start(number, 0)
            reference = self.workers[number].ask.remote(*question)
        raise InputError(f"{ATTEMPTS} Ray workers were lost over one step, the last one by {lost}")


class _Worker:
    """Some of the environments, in a process of their own."""

    def __init__(
        self,
        make: Callable[[int], gym.Env],
        numbers: Sequence[int],
        threads: int,
        moments: Sequence[Moment | None],
    ):
        torch.set_num_threads(1)
        self.envs = ReplayableVecEnv([partial(make, number) for number in numbers], threads)
        self.told: list[Design | None] = [None] * len(numbers)  # the best designs
        begun = [moment for moment in moments if moment is not None and moment.state["generator"]]
        if len(begun) == len(numbers):
            self.envs.restore(begun)
            self.told = self.envs.get_attr("best")

    def ask(self, method: str, arguments: tuple, named: dict[str, Any]) -> tuple[Any, list[Moment]]:
        """What a method gives, and where each environment is; a best design only if it is new."""
        own = getattr(self, f"_{method}", None) or getattr(self.envs, method)
        answer = own(*arguments, **named)
        moments = self.envs.moments()
        news = [
            moment._replace(best=None) if moment.best is told else moment
            for moment, told in zip(moments, self.told, strict=True)
        ]
        self.told = [moment.best for moment in moments]
        return answer, news

    def _reset(self, seeds: Sequence[int | None]) -> tuple[Any, list[dict]]:
        self.envs._seeds = list(seeds)
        return self.envs.reset(), self.envs.reset_infos

    def _step(self, actions: np.ndarray) -> tuple[Any, ...]:
        self.envs.step_async(actions)
        return *self.envs.step_wait(), self.envs.reset_infos

    def _restore(self, moments: Sequence[Moment]) -> tuple[list[Replayed], list[np.ndarray]]:
        return self.envs.restore(moments), self.envs.env_method("action_masks")
