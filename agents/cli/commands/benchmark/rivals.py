"""`rlnas benchmark rivals`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.family_option import FamilyOption, Split
from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class BenchmarkRivals(FamilyOption, JobOptions):
    """Measure the rivals of a policy that do not learn on training tasks, by the protocol.

    The same command again continues unfinished work.
    """

    out: Path
    """Folder for the results, one file each, and their table, rivals.md."""
    fitted: Option[Path] = None
    """File of `rlnas benchmark fit-rivals`; by default the one that comes with rlnas."""
    split: Split = "validation"
    """Tasks to measure on."""
    seed: int = 0
    """Seed of what is random."""

    def run(self, shown: bool) -> None:
        """Measure, and print the table."""
        from rlnas.agents.benchmark.protocol import Protocol
        from rlnas.agents.benchmark.rivals.fitted import load_fitted
        from rlnas.agents.benchmark.rivals.measuring import measure_rivals
        from rlnas.agents.config import check_seed

        check_seed(self.seed)
        family, fitted = self.tables(), load_fitted(self.fitted)
        protocol = Protocol(self.split)
        with self.placed():
            print(
                measure_rivals(
                    family, fitted, self.out, protocol, self.seed, self.jobs, progress_bar=shown
                )
            )
