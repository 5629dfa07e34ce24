"""`rlnas benchmark scores`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.job_options import JobOptions


@dataclass(frozen=True)
class BenchmarkScores(JobOptions):
    """Measure reference scores of simple strategies and plain learners.

    The same command again continues an interrupted measurement.
    """

    out: Path
    """Folder for the table, the plot and the runs."""
    tasks: tuple[str, ...] = ()
    """Tasks to measure, such as tabular-digits; by default all."""
    seeds: int = 10
    """Number of runs of each strategy in each task."""

    def run(self, shown: bool) -> None:
        """Measure, then print the tables."""
        from rlnas.agents.experiments.reference_scores import TASKS, reference_scores

        with self.placed():
            tasks = self.tasks or tuple(TASKS)
            print(reference_scores(self.out, tasks, self.seeds, self.jobs, shown))
