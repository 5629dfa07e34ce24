"""`rlnas study limits`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class StudyLimits(JobOptions):
    """Compare searches within a time, and within bytes, with tuned models over many real tables.

    `rlnas data fetch keel` and `rlnas data fetch uci` get the tables. The same command again
    continues an interrupted study.
    """

    out: Path
    """Folder for the report and the results."""
    split: Literal["development", "validation", "test"] = "development"
    """Which KEEL tables to take. Choose things on the first two, then take the test tables once."""
    tables: Option[tuple[str, ...]] = None
    """Data sets to take instead, such as keel:pima."""
    time: str = "60s"
    """Time of a search, which has one worker."""
    trials: Option[int] = None
    """Number of trials of a search instead of a time."""
    metric: Literal["accuracy", "balanced_accuracy", "r2"] = "accuracy"
    """What everything is judged by: accuracy on the KEEL tables of a split, balanced accuracy with
    balanced class weights on the imbalanced ones of them, or R² on the UCI tables of numbers."""
    max_bytes: Option[int] = None
    """Most bytes of flash; each search is made with that limit as well."""
    format: Literal["c", "c-int8", "c-int"] = "c-int8"
    """Format of C code that this is about."""
    splits: int = 3
    """Number of splits of the rows of each table for training, validation and test."""
    data_dir: Option[Path] = None
    """Folder with data, searched first."""

    def run(self, shown: bool) -> None:
        """Run the study, then print the report."""
        from rlnas.agents.experiments.tables.limits import study_limits
        from rlnas.agents.experiments.tables.limits_report import write_report

        with self.placed():
            study = study_limits(
                self.out,
                self.split,
                self.tables,
                time=self.time,
                trials=self.trials,
                metric=self.metric,
                max_bytes=self.max_bytes,
                format=self.format,
                splits=self.splits,
                jobs=self.jobs,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        print(write_report(study, self.out))
