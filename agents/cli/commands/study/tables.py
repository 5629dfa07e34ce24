"""`rlnas study tables`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.config import SHIPPED
from rlnas.agents.option_types import IN_HELP, Option


@dataclass(frozen=True)
class StudyTables(JobOptions):
    """Compare designs with what practitioners use, over many real tables.

    `rlnas data fetch keel` gets the tables. The same command again continues an interrupted study.
    """

    out: Path
    """Folder for the report, the plot and the results."""
    policy: Annotated[Path, IN_HELP] = SHIPPED
    """Run folder of `rlnas train`; by default the policy that comes with rlnas."""
    split: Literal["development", "validation", "test"] = "development"
    """Which KEEL tables to take. Choose things on the first two, then take the test tables once."""
    tables: Option[tuple[str, ...]] = None
    """Data sets to take instead, such as keel:pima."""
    penalties: tuple[float, ...] = (0.03, 0.1, 0.3)
    """Prices of the reference number of weights, in accuracy."""
    splits: int = 3
    """Number of splits of the rows of each table for training, validation and test."""
    data_dir: Option[Path] = None
    """Folder with data, searched first."""

    def run(self, shown: bool) -> None:
        """Run the study, then print the report."""
        from rlnas.agents.experiments.tables.report import write_report
        from rlnas.agents.experiments.tables.study import study_tables

        with self.placed():
            study = study_tables(
                self.out,
                self.policy,
                self.split,
                self.tables,
                self.penalties,
                splits=self.splits,
                jobs=self.jobs,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        print(write_report(study, self.out))
