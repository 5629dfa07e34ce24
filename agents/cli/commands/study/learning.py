"""`rlnas study learning`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class StudyLearning(JobOptions):
    """Do PPO and MaskablePPO learn in episodes with a budget of training cost?

    Both are trained with their default settings on digits, on the family "mixed" and on real
    tables (`rlnas data fetch keel` gets them), and compared with the best of many rules and with
    random actions. The same command again continues an interrupted study.
    """

    out: Path
    """Folder for the report, the plot and the results."""
    seeds: int = 5
    """Number of trainings of each algorithm on each kind of data."""
    total_timesteps: int = 20_000
    """Number of steps of each training."""
    data_dir: Option[Path] = None
    """Folder with data, searched first."""

    def run(self, shown: bool) -> None:
        """Run the study, then print the table."""
        from rlnas.agents.experiments.decisions.learning import study_learning
        from rlnas.agents.experiments.decisions.learning_report import write_report

        with self.placed():
            results = study_learning(
                self.out,
                seeds=self.seeds,
                total_timesteps=self.total_timesteps,
                jobs=self.jobs,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        print(write_report(results, self.out))
