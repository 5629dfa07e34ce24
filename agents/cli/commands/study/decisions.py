"""`rlnas study decisions`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class StudyDecisions(JobOptions):
    """Do decisions matter in episodes with a budget of training cost?

    Rules and a fixed sequence are chosen on some tasks, and judged on others beside random actions,
    a search in hindsight for each task, and trained policies. `rlnas data fetch keel` gets the
    tables. The same command again continues an interrupted study.
    """

    out: Path
    """Folder for the report, the plot and the results."""
    policies: tuple[Path, ...] = ()
    """Run folders of `rlnas train --budget`, judged beside the rules."""
    seeds: int = 2
    """Number of episodes of each data set and budget."""
    data_dir: Option[Path] = None
    """Folder with data, searched first."""

    def run(self, shown: bool) -> None:
        """Run the study, then print the report."""
        from rlnas.agents.experiments.decisions.report import write_report
        from rlnas.agents.experiments.decisions.study import study_decisions

        with self.placed():
            results, chosen = study_decisions(
                self.out,
                self.policies,
                seeds=self.seeds,
                jobs=self.jobs,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        print(write_report(results, chosen, self.out))
