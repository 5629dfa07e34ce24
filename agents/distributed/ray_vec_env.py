"""`RayVecEnv`: live environments in Ray workers, on this machine or on many, as one `VecEnv`."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, TypeVar

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from rlnas.agents.distributed.ray_cluster import cluster
from rlnas.agents.distributed.ray_workers import Question, WorkerPool, plan_workers
from rlnas.envs.replay import Moment, Replayed
from rlnas.errors import InputError

T = TypeVar("T")
Info = dict[str, Any]


class RayVecEnv(VecEnv):
    """Step live environments in Ray workers; the results are those of `ReplayableVecEnv`.

    The environments are spread evenly over the workers; neighbours are together. What `make` holds,
    such as data sets, is in the memory of each machine once.

    Args:
        make: returns the environment of a number, a `ReplayableEnv` around a `DesignEnv`.
        num_envs: number of environments.
        num_workers: number of workers; by default one for each machine, with all of its processors.
        address: address of a Ray cluster; by default Ray is started on this machine.
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
        with ExitStack() as stack:
            ray = stack.enter_context(cluster(address, num_workers))
            machines = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
            plan = plan_workers(machines, num_envs, num_workers)
            self.pool = WorkerPool(ray, make, plan, patience)
            stack.callback(self.pool.close)
            observation = self.pool.ask_all(_get_attr("observation_space"))[0][0]
            action = self.pool.ask_all(_get_attr("action_space"))[0][0]
            self.current_infos: list[Info] = [{} for _ in range(num_envs)]
            super().__init__(num_envs, observation, action)
            self._resources = stack.pop_all()

    def reset(self) -> np.ndarray:
        """Start an episode everywhere, with the seeds set before."""
        if any(self._options):
            raise InputError("episodes on Ray take no options: expected none")
        seeds = [[self._seeds[index] for index in part] for part in self.pool.parts]
        answers = self.pool.ask([_reset(each) for each in seeds])
        self._reset_seeds()
        for part, (_, infos) in zip(self.pool.parts, answers, strict=True):
            self._keep(part, infos, infos, [False] * len(part))
        return np.concatenate([observations for observations, _ in answers])

    def step_async(self, actions: np.ndarray) -> None:
        """Send the actions of the next step to the workers."""
        actions = np.asarray(actions)
        self._step = self.pool.send([_step(actions[part]) for part in self.pool.parts])

    def step_wait(self) -> VecEnvStepReturn:
        """Finish the step: observations, rewards, dones, infos; over episodes are reset."""
        answers = self.pool.receive(self._step)
        infos: list[Info] = []
        for part, (_, _, dones, own, resets) in zip(self.pool.parts, answers, strict=True):
            infos += own
            self._keep(part, own, resets, dones)
        observations, rewards, dones = (
            np.concatenate([answer[k] for answer in answers]) for k in range(3)
        )
        return observations, rewards, dones, infos

    def moments(self) -> list[Moment]:
        """The moment that each environment is in, as the workers have reported it."""
        return [moment for moment in self.pool.moments if moment is not None]

    def restore(self, moments: Sequence[Moment]) -> list[Replayed]:
        """Bring each environment back to a moment.

        Raises:
            Damaged: they cannot have been there.
        """
        answers = self.pool.ask(
            [_restore([moments[index] for index in part]) for part in self.pool.parts]
        )
        for part, (_, masks) in zip(self.pool.parts, answers, strict=True):
            for index, mask in zip(part, masks, strict=True):
                self.current_infos[index] = {"action_mask": mask}
        return [each for replayed, _ in answers for each in replayed]

    def close(self) -> None:
        """End the workers, and Ray if it was started here; may be called twice."""
        self._resources.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the environments; their best designs are known here."""
        if attr_name == "best":
            return self._chosen([moment.best for moment in self.moments()], indices)
        return self._ask_all(_get_attr(attr_name), indices)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Not possible: a worker that replaces another would not know of it."""
        raise InputError(f"environments on Ray keep their attributes: '{attr_name}' was not set")

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """The results of a method of the environments; the action masks are known here."""
        if method_name == "action_masks":
            masks = [np.asarray(info["action_mask"]) for info in self.current_infos]
            return self._chosen([mask.astype(bool) for mask in masks], indices)
        return self._ask_all(
            lambda worker: worker.env_method.remote(method_name, method_args, method_kwargs),
            indices,
        )

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Whether the environments are in a wrapper of a class."""
        return self._ask_all(lambda worker: worker.env_is_wrapped.remote(wrapper_class), indices)

    def _ask_all(self, question: Question, indices: Any) -> list[Any]:
        """The results of all workers for some of the environments."""
        answers = self.pool.ask_all(question)
        return self._chosen([value for answer in answers for value in answer], indices)

    def _chosen(self, values: Sequence[T], indices: Any) -> list[T]:
        """The values of some of the environments."""
        return [values[int(index)] for index in self._get_indices(indices)]

    def _keep(
        self, part: list[int], infos: list[Info], resets: list[Info], dones: Sequence[bool]
    ) -> None:
        for k, index in enumerate(part):
            self.reset_infos[index] = resets[k]
            self.current_infos[index] = resets[k] if dones[k] else infos[k]


def _get_attr(name: str) -> Question:
    return lambda worker: worker.get_attr.remote(name)


def _reset(seeds: Sequence[int | None]) -> Question:
    return lambda worker: worker.reset.remote(seeds)


def _step(actions: np.ndarray) -> Question:
    return lambda worker: worker.step.remote(actions)


def _restore(moments: Sequence[Moment]) -> Question:
    return lambda worker: worker.restore.remote(moments)
