"""Ray: a connection to a cluster, and a joblib backend whose tasks run on it."""

import logging
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import joblib
from joblib.parallel import ParallelBackendBase

from rlnas.errors import InputError

RETRIES = 8
"""Of a task whose worker or machine is lost, before the command gives up."""


@contextmanager
def cluster(address: str | None, cpus: int | None = None) -> Iterator[Any]:
    """Be connected to Ray; gives the module. A connection that is there already is used.

    Args:
        address: of a cluster; None starts one on this machine, which ends with the block.
        cpus: processors that the one on this machine is to offer at least.

    Raises:
        InputError: Ray is not installed, or there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # no warning about GPUs
    os.environ.setdefault("RAY_worker_niceness", "0")  # else they wait for all else that runs here
    try:
        import ray
    except ModuleNotFoundError as error:
        raise InputError("Ray is not installed: pip install 'rlnas[ray]'") from error

    if ray.is_initialized():
        yield ray
        return
    arguments: dict[str, Any] = {"address": address}
    if address is not None:
        _reach(address)
    else:
        here = max(os.cpu_count() or 1, cpus or 1)
        arguments = {"address": "local", "num_cpus": here, "include_dashboard": False}
    try:
        ray.init(**arguments, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, ValueError, RuntimeError) as error:
        line = str(error).splitlines()[0]
        if "AuthToken" in str(error.__cause__):
            line = "it asks for a token; set RAY_AUTH_MODE=token, with its ~/.ray/auth_token here"
        raise InputError(f"no Ray cluster at {address}: {line}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raise `InputError` if nothing answers at an address; Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host:
        return  # "auto": Ray itself knows where
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(f"no Ray cluster at {address}: {error}") from error


@contextmanager
def ray_jobs(address: str | None) -> Iterator[None]:
    """Let `joblib.Parallel` run its tasks on Ray; a task whose machine is lost runs on another.

    Ray's own backend (`ray.util.joblib`) is a pool of actors that ends with the first one lost,
    and gives results only once all are there.

    Args:
        address: as for `cluster`.

    Raises:
        InputError: as for `cluster`.
    """
    joblib.register_parallel_backend("rlnas-ray", _RayTasks)
    with cluster(address), joblib.parallel_config("rlnas-ray"):
        yield


class _RayTasks(ParallelBackendBase):
    """Each batch of joblib is a Ray task."""

    supports_retrieve_callback = True

    def effective_n_jobs(self, n_jobs: int) -> int:
        """How many tasks are under way at the same time."""
        import ray

        return max(1, int(ray.cluster_resources().get("CPU", 1))) if n_jobs < 0 else n_jobs

    def configure(self, n_jobs: int = 1, parallel: Any = None, **arguments: Any) -> int:
        """Get ready for a call of `Parallel`."""
        import ray

        self.parallel = parallel
        self.task = ray.remote(num_cpus=1, max_retries=RETRIES)(_call)
        self.references: set[Any] = set()
        return self.effective_n_jobs(n_jobs)

    def submit(
        self, func: Callable[[], Any], callback: Callable[[Future[Any]], Any]
    ) -> Future[Any]:
        """Start a batch; the callback is called once it has ended."""
        reference = self.task.remote(func)
        self.references.add(reference)
        future: Future[Any] = reference.future()
        future.add_done_callback(lambda _: self.references.discard(reference))
        future.add_done_callback(callback)
        return future

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        """What a batch has given; its exception is raised as if it were raised here."""
        from ray.exceptions import RayTaskError

        try:
            return out.result()
        except RayTaskError as error:
            raise error.cause from error

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Cancel what is under way, after an exception."""
        import ray

        for reference in list(self.references):
            ray.cancel(reference, force=True)


def _call(function: Callable[[], Any]) -> Any:
    return function()
