"""The settings of benchmarks, studies and comparisons."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from rlnas.agents.config import SHIPPED, SHIPPED_EDIT_SEQUENCE, stem
from rlnas.agents.option_types import IN_HELP, Option
from rlnas.integers import PlainIntegers
from rlnas.tabular.grid import GRID


@dataclass(frozen=True, kw_only=True)
class JobsConfig(PlainIntegers):
    """Where the work of a command is done, which has no influence on the result."""

    jobs: int = -1
    """Workers; -1 for as many as there are processors."""
    workers: Literal["processes", "ray"] = "processes"
    """Processes of this machine, or tasks of Ray, on this machine or many."""
    address: Option[str] = None
    """Of a Ray cluster, whose machines see the same folders; by default Ray is started here."""


@dataclass(frozen=True)
class BuildConfig(JobsConfig):
    """Train every architecture of a grid, and write a table with its data card.

    The same command again goes on where the last one ended.
    """

    dataset: str
    """Name, or .npz file of arrays X and y."""
    out: Path
    """Folder for the table; unfinished work is kept there too."""
    widths: tuple[int, ...] = GRID.widths
    """Neurons a hidden layer may have."""
    densities: tuple[float, ...] = GRID.densities
    """Shares of active weights a hidden layer may have."""
    max_depth: int = GRID.max_depth
    """Hidden layers a network may have."""
    epochs: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    """After how many to measure."""
    seeds: int = 3
    """Trainings of each architecture."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class CardConfig:
    """Write the data card of a table: how it was made, its noise, the best in it."""

    table: str
    """A table of the package (digits, mnist), or the path of another."""
    out: Path
    """Folder for `card.md` and `front.png`."""


@dataclass(frozen=True)
class ScoresConfig(JobsConfig):
    """Measure reference scores of simple strategies and plain learners.

    The same command again goes on where the last one ended.
    """

    out: Path
    """Folder for the table, the plot and the runs."""
    tasks: tuple[str, ...] = ()
    """Which tasks, such as tabular-digits; by default all."""
    seeds: int = 10
    """Runs of each strategy in each task."""


@dataclass(frozen=True)
class EstimatorsConfig(PlainIntegers):
    """How well do cheap estimates rank the architectures of a table?"""

    out: Path
    """Folder for `estimators.md` and `estimators.png`."""
    table: str = "digits"
    """A table of the package (digits, mnist), or the path of another."""
    sample: int = 500
    """Architectures for estimates that are not in the table."""
    seed: int = 0
    """Seed of the sample."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class CapacityConfig(JobsConfig):
    """What the two studies of capacity have in common."""

    out: Path
    """Folder for the data file, the table and the plot."""
    dataset: str = "digits"
    """Name, or .npz file of arrays X and y."""
    seeds: int = 5
    """Trainings of each architecture."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class WidthConfig(CapacityConfig):
    """Is capacity the number of weights? Sparse and dense networks with one hidden layer.

    The same command again goes on where the last one ended.
    """


@dataclass(frozen=True)
class DepthConfig(CapacityConfig):
    """Is capacity the number of weights? Sparse and dense networks with 1 to 4 hidden layers.

    The same command again goes on where the last one ended.
    """


@dataclass(frozen=True)
class CompareConfig(JobsConfig):
    """Compare search strategies on the same task with the same budget.

    The same command again goes on where the last one ended.
    """

    out: Path
    """Folder for the table, the plot and the results."""
    dataset: str = "digits"
    """Name, or .npz file of arrays X and y."""
    table: Option[str] = None
    """Look designs up in this table (digits, mnist, or a path) instead of training them."""
    methods: tuple[str, ...] = ("all",)
    """Which strategies, such as controller and random; or all that can search it."""
    seeds: int = 10
    """Searches of each strategy."""
    budget: int = 100_000
    """Training batches that a search may spend; look-ups in a table."""
    penalty: float = 0.1
    """Price of the reference number of weights, in accuracy."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class TransferConfig(JobsConfig):
    """Design for data that a policy has never seen, in one training run, against fixed schedules.

    The same command again goes on where the last one ended.
    """

    out: Path
    """Folder for the tables, the plot and the results."""
    policies: Annotated[tuple[Path, ...], IN_HELP] = (SHIPPED, SHIPPED_EDIT_SEQUENCE)
    """Run folders: the controller, then its rivals, such as one of `rlnas evolve`; by default the
    controller and the edit sequence that come with rlnas."""
    datasets: tuple[str, ...] = ("mixed_held_out", "mnist", "fashion_mnist")
    """Names, families of names, or .npz files."""
    penalties: tuple[float, ...] = (0.03, 0.1, 0.3)
    """Prices of the reference number of weights, in accuracy."""
    seeds: int = 5
    """Designs for each data set and penalty."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class FrontierConfig(JobsConfig):
    """Test error against active weights: thorough designs for a range of penalties, beside rivals.

    The same command again goes on where the last one ended.
    """

    dataset: str = "mnist"
    """Name, or .npz file of arrays X and y."""
    out: Option[Path] = None
    """Folder for the tables, the plot and the designs; by default runs/frontier-<dataset>."""
    policy: Annotated[Path, IN_HELP] = SHIPPED
    """Run folder of `rlnas train`; by default the controller that comes with rlnas."""
    penalties: tuple[float, ...] = (
        *(1e-4, 5e-4, 0.001, 0.003, 0.006, 0.01, 0.02, 0.03, 0.05, 0.06),
        *(0.1, 0.12, 0.2, 0.3, 0.6, 1.0, 1.2, 2.0, 4.0),
    )
    """Prices of the reference number of weights, in accuracy."""
    seeds: int = 5
    """Designs for each penalty."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    @property
    def folder(self) -> Path:
        """`out` or its default."""
        return self.out or Path("runs") / f"frontier-{stem(self.dataset)}"
