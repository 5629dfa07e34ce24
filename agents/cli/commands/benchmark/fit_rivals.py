"""`rlnas benchmark fit-rivals`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.family_option import FamilyOption
from rlnas.agents.cli.job_options import JobOptions
from rlnas.validation import check_suffix


@dataclass(frozen=True)
class BenchmarkFitRivals(FamilyOption, JobOptions):
    """Choose the rules, sequences and portfolios that are rivals of a policy, on training tasks.

    For each penalty and budget of the protocol the best are searched for, in ten minutes of one
    core.
    """

    out: Path
    """JSON file of what was chosen."""
    seed: int = 0
    """Seed of the searches."""

    def run(self, shown: bool) -> None:
        """Choose, and say where it is."""
        from rlnas.agents.benchmark.rivals.fitted import write_fitted
        from rlnas.agents.benchmark.rivals.fitting import fit_rivals
        from rlnas.agents.config import check_seed

        check_seed(self.seed)
        check_suffix("--out", self.out, ".json")
        with self.placed():
            fitted = fit_rivals(self.tables(), seed=self.seed, n_jobs=self.jobs, progress_bar=shown)
        write_fitted(self.out, fitted)
        print(f"rivals fitted on {fitted.tasks} tasks in {self.out}")
