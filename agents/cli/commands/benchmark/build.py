"""`rlnas benchmark build`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.commands.benchmark.card import write_card
from rlnas.agents.cli.job_options import JobOptions
from rlnas.agents.option_types import Option
from rlnas.tabular.grid import GRID, Grid


@dataclass(frozen=True)
class BenchmarkBuild(JobOptions):
    """Train every architecture of a grid, and write a table with its data card.

    The same command again continues an unfinished table.
    """

    dataset: str
    """Name, or .npz file of arrays X and y."""
    out: Path
    """Folder for the table; unfinished work is kept there too."""
    widths: tuple[int, ...] = GRID.widths
    """Numbers of neurons that a hidden layer may have."""
    densities: tuple[float, ...] = GRID.densities
    """Shares of active weights that a hidden layer may have."""
    max_depth: int = GRID.max_depth
    """Largest number of hidden layers."""
    epochs: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    """Numbers of epochs after which results are measured."""
    seeds: int = 3
    """Number of trainings of each architecture."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Build the table, write its card, and say where they are."""
        from rlnas.tabular.builder import build_table

        with self.placed():
            table = build_table(
                self.dataset,
                self.out,
                grid=Grid(self.widths, self.densities, self.max_depth),
                epochs=self.epochs,
                n_seeds=self.seeds,
                n_jobs=self.jobs,
                data_dir=self.data_dir,
                progress_bar=shown,
            )
        print(f"table in {self.out / 'table.npz'}")
        write_card(table, self.out)
