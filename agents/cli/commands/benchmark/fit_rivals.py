"""`rlnas benchmark fit-rivals`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option
from rlnas.validation import check_suffix


@dataclass(frozen=True)
class BenchmarkFitRivals(JobOptions):
    """Choose the rules, sequences and portfolios that are rivals of a policy, on training tasks.

    For each penalty and budget of the protocol the best are searched for, in ten minutes of one
    core.
    """

    out: Path
    """JSON file of what was chosen."""
    family: Option[Path] = None
    """File of a family, made by `rlnas benchmark build-family`; by default the one that comes with
    rlnas."""
    seed: int = 0
    """Seed of the searches."""

    def run(self, shown: bool) -> None:
        """Choose, and say where it is."""
        from rlnas.agents.benchmark.rivals.fitted import write_fitted
        from rlnas.agents.benchmark.rivals.fitting import fit_rivals
        from rlnas.agents.config import check_seed
        from rlnas.family.family_file import load_family

        check_seed(self.seed)
        check_suffix("--out", self.out, ".json")
        with self.placed():
            fitted = fit_rivals(
                load_family(self.family), seed=self.seed, n_jobs=self.jobs, progress_bar=shown
            )
        write_fitted(self.out, fitted)
        print(f"rivals fitted on {fitted.tasks} tasks in {self.out}")
