"""`rlnas benchmark first-score`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.family_option import FamilyOption
from rlnas.agents.cli.job_options import JobOptions


@dataclass(frozen=True)
class BenchmarkFirstScore(FamilyOption, JobOptions):
    """Score random actions, a fixed sequence and PPO, which learns first, on validation tasks.

    It takes one and a half minutes on two cores, one of them for PPO. The same command again
    continues unfinished work. The test tasks are not touched.
    """

    out: Path = Path("runs/first-score")
    """Folder for the results, the policy, a table and a plot."""
    steps: int = 2_000_000
    """Number of steps of PPO: 15,000 to 30,000 a second on one processor."""
    seed: int = 0
    """Seed of everything random."""

    def run(self, shown: bool) -> None:
        """Measure, print the scores, and say how to go on."""
        from rlnas.agents.benchmark.first_score import first_score
        from rlnas.agents.benchmark.report import comparison
        from rlnas.agents.config import check_seed

        check_seed(self.seed)
        with self.placed():
            results = first_score(
                self.out,
                self.tables(),
                self.steps,
                self.seed,
                n_jobs=self.jobs,
                progress_bar=shown,
            )
        print(comparison(results))
        print(f"\nresults in {self.out}, plot in {self.out / 'scores.png'}")
        print(
            "a policy of your own: rlnas benchmark evaluate --policy python:MODULE:NAME "
            f"--split validation --out {self.out / 'mine.json'}"
        )
