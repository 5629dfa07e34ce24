"""Options of commands whose work is divided into jobs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from rlnas.agents.config import check_belongs
from rlnas.agents.option_types import Option
from rlnas.validation import PlainIntegers, check_jobs


@dataclass(frozen=True, kw_only=True)
class JobOptions(PlainIntegers):
    """Where jobs run, which has no influence on the results."""

    jobs: int = -1
    """Number of workers; -1 for one per processor."""
    workers: Literal["processes", "ray"] = "processes"
    """Processes on this machine, or Ray tasks on this machine or many."""
    address: Option[str] = None
    """Address of a Ray cluster whose machines see the same folders; by default Ray is started on
    this machine."""

    @contextmanager
    def placed(self) -> Iterator[None]:
        """Let the jobs of the block run where the options say.

        Raises:
            InputError: There can be no such number of workers, an address is given without Ray, or
                the cluster cannot be reached.
        """
        check_jobs(self.jobs)
        check_belongs(self, "address", "ray")
        if self.workers == "ray":
            from rlnas.agents.distributed.ray_cluster import ray_jobs

            with ray_jobs(self.address):
                yield
        else:
            yield
