"""`WorkerVecEnv`: live environments in worker processes, here or on many machines."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, Literal, TypeVar

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from rlnas.agents.distributed.processes import plan_of_processes
from rlnas.agents.distributed.ray_cluster import cluster
from rlnas.agents.distributed.ray_workers import plan_on_ray
from rlnas.agents.distributed.worker import Question
from rlnas.agents.distributed.worker_pool import WorkerPool
from rlnas.envs.replay import Moment, Replayed
from rlnas.errors import InputError
from rlnas.validation import check_choice

T = TypeVar("T")
Info = dict[str, Any]


class WorkerVecEnv(VecEnv):
    """Step live environments in worker processes; the results are those of `ThreadedVecEnv`.

    The environments are spread evenly over the workers; neighbours are together. A worker that is
    lost is replaced by one that plays its episodes again, to the same bits.

    Args:
        make: returns the environment of a number, a `ReplayableEnv` around a `DesignEnv`. Each
            process has a copy of what it holds, such as data sets; on Ray, each machine.
        num_envs: number of environments.
        workers: "processes" of this machine, each with one thread, or "ray".
        num_workers: number of workers; by default a process for each processor, or a Ray worker for
            each machine, with all of its processors.
        address: address of a Ray cluster; by default Ray is started on this machine.
        patience: seconds after which a Ray worker that does not answer is replaced; each time it
            happens to the same question, the next one has twice as long.

    Raises:
        InputError: the function cannot be sent to a process; Ray is not installed, there is no
            cluster at the address, or it is too small.
    """

    def __init__(
        self,
        make: Callable[[int], gym.Env],
        num_envs: int,
        workers: Literal["processes", "ray"] = "processes",
        num_workers: int | None = None,
        address: str | None = None,
        patience: float = 600.0,
    ):
        check_choice("workers", workers, ("processes", "ray"))
        with ExitStack() as stack:
            if workers == "ray":
                ray = stack.enter_context(cluster(address, num_workers))
                plan = plan_on_ray(ray, make, num_envs, num_workers, patience)
            else:
                plan = plan_of_processes(make, num_envs, num_workers)
            self.pool = WorkerPool(plan)
            stack.callback(self.pool.close)
            self.current_infos: list[Info] = [{} for _ in range(num_envs)]
            self.num_envs = num_envs
            spaces = (self.get_attr(f"{name}_space", 0)[0] for name in ("observation", "action"))
            super().__init__(num_envs, *spaces)
            self._resources = stack.pop_all()

    def reset(self) -> np.ndarray:
        """Start an episode everywhere, with the seeds set before."""
        if any(self._options):
            raise InputError("episodes in workers take no options: expected none")
        seeds = [[self._seeds[index] for index in part] for part in self.pool.parts]
        answers = self.pool.ask([Question("reset", (each,)) for each in seeds])
        self._reset_seeds()
        for part, (_, infos) in zip(self.pool.parts, answers, strict=True):
            for index, info in zip(part, infos, strict=True):
                self.reset_infos[index] = self.current_infos[index] = info
        return np.concatenate([observations for observations, _ in answers])

    def step_async(self, actions: np.ndarray) -> None:
        """Send the actions of the next step to the workers."""
        actions = np.asarray(actions)
        self.pool.send([Question("step", (actions[part],)) for part in self.pool.parts])

    def step_wait(self) -> VecEnvStepReturn:
        """Finish the step: observations, rewards, dones, infos; over episodes are reset."""
        answers = self.pool.receive()
        infos = [info for answer in answers for info in answer[3]]
        resets = [info for answer in answers for info in answer[4]]
        for index, (info, reset) in enumerate(zip(infos, resets, strict=True)):
            self.current_infos[index] = info if reset is None else reset
            if reset is not None:
                self.reset_infos[index] = reset
        observations, rewards, dones = (
            np.concatenate([answer[k] for answer in answers]) for k in range(3)
        )
        return observations, rewards, dones, infos

    def moments(self) -> list[Moment]:
        """The moment that each environment is in, as the workers have reported it."""
        return self.pool.moments

    def restore(self, moments: Sequence[Moment]) -> list[Replayed]:
        """Bring each environment back to a moment.

        Raises:
            Damaged: they cannot have been there.
        """
        parts = [[moments[index] for index in part] for part in self.pool.parts]
        answers = self.pool.ask([Question("restore", (each,)) for each in parts])
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
        return self._ask("get_attr", (attr_name,), indices)

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the environments."""
        self.pool.remember(attr_name, value, self._numbers(indices))
        self._ask("set_attr", (attr_name, value), indices)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """The results of a method of the environments; the action masks are known here."""
        if method_name == "action_masks":
            masks = [np.asarray(info["action_mask"]) for info in self.current_infos]
            return self._chosen([mask.astype(bool) for mask in masks], indices)
        return self._ask("env_method", (method_name, method_args, method_kwargs), indices)

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Whether the environments are in a wrapper of a class."""
        return self._ask("env_is_wrapped", (wrapper_class,), indices)

    def get_images(self) -> Sequence[np.ndarray | None]:
        """A picture of each environment."""
        return self.env_method("render")

    def _ask(self, method: str, arguments: tuple[Any, ...], indices: Any) -> list[Any]:
        """What a method of the workers returns for some of the environments."""
        numbers = self._numbers(indices)
        chosen = [[number for number in part if number in numbers] for part in self.pool.parts]
        questions = [
            Question(method, (*arguments, [part.index(number) for number in own]))
            for part, own in zip(self.pool.parts, chosen, strict=True)
        ]
        found: dict[int, Any] = {}
        for own, values in zip(chosen, self.pool.ask(questions), strict=True):
            found.update(zip(own, values, strict=True))
        return [found[number] for number in numbers]

    def _chosen(self, values: Sequence[T], indices: Any) -> list[T]:
        """The values of some of the environments."""
        return [values[number] for number in self._numbers(indices)]

    def _numbers(self, indices: Any) -> list[int]:
        """The numbers of some of the environments."""
        return [range(self.num_envs)[index] for index in self._get_indices(indices)]
