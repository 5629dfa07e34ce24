"""Workers in processes of this machine: how they are started, asked and ended."""

import os
import pickle  # nosec B403
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import cloudpickle
import gymnasium as gym
import joblib

from rlnas.agents.distributed import worker_process
from rlnas.agents.distributed.worker import Answer, Past, Question
from rlnas.agents.distributed.worker_pool import Lost, Plan, even_parts
from rlnas.errors import InputError

_ONE_THREAD = dict.fromkeys(
    ("MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
)


def plan_of_processes(
    make: Callable[[int], gym.Env], num_envs: int, num_workers: int | None
) -> Plan:
    """Environments in processes, each with one thread.

    Args:
        make: returns the environment of a number; each process gets a copy.
        num_envs: number of environments.
        num_workers: number of processes; by default one for each processor.

    Raises:
        InputError: the function cannot be sent to another process.
    """
    try:
        made = cloudpickle.dumps(make)
    except Exception as error:  # of whatever kind that which cannot be pickled raises
        raise InputError(
            f"the environments cannot be sent to other processes ({error}): step them in threads"
        ) from error

    def start(part: list[int], pasts: list[Past], again: bool) -> ProcessWorker:
        return ProcessWorker(pickle.dumps((_Pickled(made), part, 1, pasts)))

    count = min(num_workers or joblib.cpu_count(), num_envs)
    return Plan(even_parts(num_envs, count), start, "worker process")


class _Pickled:
    """Bytes that are unpickled to what was pickled before."""

    def __init__(self, content: bytes):
        self.content = content

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.loads, (self.content,)


class ProcessWorker:
    """A worker that is a process, which ends with this one.

    Ctrl-C does not reach it, since its process group is another.

    Args:
        setup: the pickled arguments of `Worker`; it gets them with the first question, so that many
            processes start at the same time.
    """

    def __init__(self, setup: bytes):
        self.setup = setup
        path = os.pathsep.join(each or os.getcwd() for each in sys.path)
        # our own module, and no shell
        self.process = subprocess.Popen(  # nosec B603
            [sys.executable, "-P", "-m", worker_process.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
            process_group=None if sys.platform == "win32" else 0,
        )

    def ask(self, question: Question) -> None:
        """Send a question, and do not wait; that the process has ended shows by its answer."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            if self.setup:
                worker_process.write(self.process.stdin, self.setup)
                self.setup = b""
            worker_process.write(self.process.stdin, pickle.dumps(question))

    def answer(self, attempt: int) -> Answer:
        """Wait for the answer; see `RemoteWorker`."""
        assert self.process.stdout is not None
        try:
            frame = worker_process.read(self.process.stdout)
        except EOFError:
            raise Lost(f"exit code {self.process.wait()}") from None
        answer: Answer
        answer, error = pickle.loads(frame)  # nosec B301
        if error is not None:
            raise error
        return answer

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdout.close()
        with suppress(BrokenPipeError):  # of what was still to be written
            self.process.stdin.close()
