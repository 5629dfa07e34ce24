"""`rlnas study estimators`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.option_types import Option
from rlnas.validation import PlainIntegers


@dataclass(frozen=True)
class StudyEstimators(PlainIntegers):
    """Measure how well cheap estimates rank the architectures of a table."""

    out: Path
    """Folder for `estimators.md` and `estimators.png`."""
    table: str = "digits"
    """A table of the package (digits, mnist), or the path of another."""
    sample: int = 500
    """Number of architectures for estimates that are not in the table."""
    seed: int = 0
    """Seed of the sample."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Run the study, then print the table."""
        from rlnas.agents.experiments.estimators import estimator_study

        print(
            estimator_study(
                self.out,
                self.table,
                sample=self.sample,
                seed=self.seed,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        )
