"""`rlnas study width` and `rlnas study depth`."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class _StudyCapacity(JobOptions):
    study: ClassVar[Literal["width", "depth"]]

    out: Path
    """Folder for the data file, the table and the plot."""
    dataset: str = "digits"
    """Name, or .npz file of arrays X and y."""
    seeds: int = 5
    """Number of trainings of each architecture."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Run the study, then print the table."""
        from rlnas.agents.experiments.capacity import capacity_study

        with self.placed():
            text = capacity_study(
                self.study,
                self.out,
                self.dataset,
                seeds=self.seeds,
                jobs=self.jobs,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        print(text)


@dataclass(frozen=True)
class StudyWidth(_StudyCapacity):
    """Is capacity the number of weights? Sparse and dense networks with one hidden layer.

    The same command again continues an interrupted study.
    """

    study = "width"


@dataclass(frozen=True)
class StudyDepth(_StudyCapacity):
    """Is capacity the number of weights? Sparse and dense networks with 1 to 4 hidden layers.

    The same command again continues an interrupted study.
    """

    study = "depth"
