"""`rlnas frontier`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.config import SHIPPED, stem
from rlnas.agents.option_types import IN_HELP, Option


@dataclass(frozen=True)
class Frontier(JobOptions):
    """Test error against active weights: thorough designs for a range of penalties, beside rivals.

    The same command again continues an interrupted experiment.
    """

    dataset: str = "mnist"
    """Name, or .npz file of arrays X and y."""
    out: Option[Path] = None
    """Folder for the tables, the plot and the designs; by default runs/frontier-<dataset>."""
    policy: Annotated[Path, IN_HELP] = SHIPPED
    """Run folder of `rlnas train`; by default the policy that comes with rlnas."""
    penalties: tuple[float, ...] = (
        *(1e-4, 5e-4, 0.001, 0.003, 0.006, 0.01, 0.02, 0.03, 0.05, 0.06),
        *(0.1, 0.12, 0.2, 0.3, 0.6, 1.0, 1.2, 2.0, 4.0),
    )
    """Prices of the reference number of weights, in accuracy."""
    seeds: int = 5
    """Number of designs for each penalty."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Run the experiment, then print the tables."""
        from rlnas.agents.experiments.frontier import frontier
        from rlnas.agents.experiments.frontier_report import write_report

        out = self.out or Path("runs") / f"frontier-{stem(self.dataset)}"
        with self.placed():
            results = frontier(
                self.dataset,
                out,
                self.penalties,
                self.policy,
                seeds=self.seeds,
                jobs=self.jobs,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        print(write_report(results, self.dataset, out))
        print(f"plot and designs in {out}")
