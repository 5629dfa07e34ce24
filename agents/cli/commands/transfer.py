"""`rlnas transfer`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option
from rlnas.agents.table_settings import TableSettings


@dataclass(frozen=True)
class Transfer(TableSettings, JobOptions):
    """Design for data that a policy has never seen, against sparse trainings and fixed sequences.

    The same command again continues an interrupted experiment.
    """

    out: Path
    """Folder for the tables, the plot and the results."""
    policies: Option[tuple[Path, ...]] = None
    """Run folders: the policy, then its rivals, such as one of `rlnas evolve`; by default the
    policy and the edit sequence that come with rlnas, with --budget the policy for episodes with a
    budget."""
    datasets: tuple[str, ...] = ("mixed_held_out", "mnist", "fashion_mnist")
    """Tables (.csv, .tsv, .parquet), names, families of names, or .npz files."""
    penalties: tuple[float, ...] = (0.03, 0.1, 0.3)
    """Prices of the reference number of weights, in accuracy."""
    budget: Option[float] = None
    """Budget of a design in units of training cost, for policies that were trained with a budget (1
    pays for an episode of a dense network of 76 neurons); methods are then judged by the anytime
    score."""
    seeds: int = 5
    """Number of designs for each data set and penalty."""

    def run(self, shown: bool) -> None:
        """Run the experiment, then print the tables."""
        from rlnas.agents.experiments.transfer import transfer
        from rlnas.agents.experiments.transfer_report import write_report

        with self.placed():
            results = transfer(
                self.out,
                self.policies,
                self.datasets,
                self.penalties,
                budget=self.budget,
                seeds=self.seeds,
                jobs=self.jobs,
                data_dir=self.data_dir,
                table=self.options,
                progress_bar=shown,
            )
        print(write_report(results, self.out))
