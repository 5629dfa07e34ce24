"""`rlnas benchmark build-family`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.family_option import Split
from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class BenchmarkBuildFamily(JobOptions):
    """Train every architecture on every task of the family, and write their tables.

    The same command again continues unfinished work: about four hours of one core in all. The
    tables of KEEL and UCI have to be there: `rlnas data fetch keel` and `rlnas data fetch uci`.
    """

    out: Path
    """Folder for the tables; unfinished work is kept there too."""
    split: Option[Split] = None
    """Only the tasks of this split."""
    tasks: tuple[str, ...] = ()
    """Only these tasks."""
    seeds: int = 5
    """Number of trainings of each architecture."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Build the tables, and say where they are."""
        from rlnas.errors import InputError
        from rlnas.family.builder import build_family
        from rlnas.family.tasks import SPLITS, task_named, tasks

        if self.tasks and self.split:
            raise InputError("--tasks and --split: give one of them")
        chosen = [task_named(name) for name in self.tasks] or [
            task for split in SPLITS if self.split in (None, split) for task in tasks(split)
        ]
        with self.placed():
            family = build_family(
                self.out,
                chosen,
                n_seeds=self.seeds,
                n_jobs=self.jobs,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        size = family.path.stat().st_size / 1e6
        print(f"{len(family.tasks)} tasks in {family.path}, {size:.1f} MB")
