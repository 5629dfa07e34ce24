"""Workers on Ray: on which machines they are, and how one is asked."""

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym

from rlnas.agents.distributed.worker import Answer, Past, Question, Worker
from rlnas.agents.distributed.worker_pool import Lost, Plan, even_parts
from rlnas.errors import InputError


def plan_on_ray(
    ray: Any,
    make: Callable[[int], gym.Env],
    num_envs: int,
    num_workers: int | None,
    patience: float,
) -> Plan:
    """Environments on the machines of a Ray cluster.

    Args:
        ray: the module, connected to a cluster.
        make: returns the environment of a number.
        num_envs: number of environments.
        num_workers: number of workers; by default one for each machine, with all its processors.
        patience: seconds after which a worker that does not answer counts as lost; with each one
            that is lost over the same question, the next one has twice as long.

    Raises:
        InputError: the machines have too few processors.
    """
    machines = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
    parts, threads = spread(machines, num_envs, num_workers)
    actor, kept = ray.remote(Worker), ray.put(make)

    def start(part: list[int], pasts: list[Past], again: bool) -> RayWorker:
        # One in the place of another asks for no processor, so that it starts although a machine
        # is missing.
        cpus = 0 if again else threads
        placed = actor.options(num_cpus=cpus, scheduling_strategy="SPREAD")
        return RayWorker(ray, placed.remote(kept, part, threads, pasts), patience)

    return Plan(parts, start, "Ray worker")


def spread(
    cpus: Sequence[float], num_envs: int, num_workers: int | None = None
) -> tuple[list[list[int]], int]:
    """Spread environments evenly over workers, and these over machines.

    Args:
        cpus: processors of each machine; those with less than one are not used.
        num_envs: number of environments.
        num_workers: number of workers; by default one for each machine.

    Returns:
        The numbers of the environments of each worker, and the threads, and processors, of each.

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
    return even_parts(num_envs, count), min(machines) // on_each


class RayWorker:
    """A worker that is a Ray actor.

    Args:
        ray: the module.
        actor: handle of the actor.
        patience: see `plan_on_ray`.
    """

    def __init__(self, ray: Any, actor: Any, patience: float):
        self.ray, self.actor, self.patience = ray, actor, patience

    def ask(self, question: Question) -> None:
        """Send a question, and do not wait."""
        self.reference = self.actor.answer.remote(question)

    def answer(self, attempt: int) -> Answer:
        """Wait for the answer; see `RemoteWorker`."""
        from ray.exceptions import RayError, RayTaskError

        try:
            answer: Answer = self.ray.get(self.reference, timeout=self.patience * 2**attempt)
        except RayTaskError as error:
            raise error.cause from error
        except RayError as error:  # also where there was no answer in time
            raise Lost(type(error).__name__) from error
        return answer

    def end(self) -> None:
        """End the actor."""
        self.ray.kill(self.actor)
