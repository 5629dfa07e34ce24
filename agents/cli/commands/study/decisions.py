"""`rlnas study decisions`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option
from rlnas.family.tasks import Split


@dataclass(frozen=True)
class StudyDecisions(JobOptions):
    """What are policies worth in episodes with a budget, against rivals that could win?

    Rules, portfolios of rules and fixed sequences are chosen on training tasks of the benchmark,
    and play the same episodes as the policies, on tasks that none of them knows. `rlnas data fetch
    keel` gets the tables for it, `rlnas data fetch uci` more for the test. The same command again
    continues an interrupted study.
    """

    out: Path
    """Folder for the report, the plot and the results."""
    policies: tuple[Path, ...] = ()
    """Run folders of `rlnas train --budget`, such as several seeds; their mean is reported."""
    blind: tuple[Path, ...] = ()
    """The same of policies trained with `--features blind`, which see nothing."""
    split: Split = "validation"
    """Tasks to play; those of the test are for what is finished."""
    seeds: int = 2
    """Number of episodes of each task, budget and price."""
    data_dir: Option[Path] = None
    """Folder with data, searched first."""

    def run(self, shown: bool) -> None:
        """Run the study, then print the report."""
        from rlnas.agents.experiments.decisions.report import write_report
        from rlnas.agents.experiments.decisions.study import study_decisions

        with self.placed():
            found = study_decisions(
                self.out,
                self.policies,
                self.blind,
                split=self.split,
                seeds=self.seeds,
                jobs=self.jobs,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        print(write_report(found, self.out))
