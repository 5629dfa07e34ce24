"""The settings of the commands that design, or do something with designs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rlnas.agents.config import SHIPPED, stem
from rlnas.agents.option_types import IN_HELP, Option
from rlnas.validation import PlainIntegers


@dataclass(frozen=True)
class DesignConfig(PlainIntegers):
    """Design a network with a trained policy, train it to the end, and test it once."""

    policy: Annotated[Path, IN_HELP] = SHIPPED
    """Run folder of `rlnas train`; by default the controller that comes with rlnas."""
    dataset: Option[str] = None
    """Name, or .npz file of arrays X and y; by default the first that the policy was trained on."""
    out: Option[Path] = None
    """Folder for the design; by default designs/<dataset>-<seed>."""
    seed: int = 0
    """Seed of the episode and of the final training."""
    penalty: Option[float] = None
    """Price of the reference number of weights; by default the one of the training, or the middle
    of its range. A higher price asks for fewer weights, but one episode is one noisy search, and
    may end with more all the same (docs/price.md)."""
    thorough: bool = False
    """Start from 300 dense neurons, make 40 edits, train for an epoch after each: better designs in
    some ten times the time."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def folder_for(self, dataset: str) -> Path:
        """`out` or its default.

        Args:
            dataset: name of the data set that is designed for.
        """
        name = stem(dataset if self.dataset is None else self.dataset)
        return self.out or Path("designs") / f"{name}-{self.seed}"


@dataclass(frozen=True)
class PlayConfig(PlainIntegers):
    """Design a network by hand, step by step, then see what the controller does."""

    dataset: str = "digits"
    """Name, or .npz file of arrays X and y."""
    penalty: Option[float] = None
    """Price of the reference number of weights; by default as in `rlnas design`."""
    seed: int = 0
    """Seed of the episode."""
    policy: Annotated[Path, IN_HELP] = SHIPPED
    """Run folder of `rlnas train`; by default the controller that comes with rlnas."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class AssessConfig(PlainIntegers):
    """Compare a trained policy with random legal actions over fresh episodes."""

    policy: Annotated[Path, IN_HELP] = SHIPPED
    """Run folder of `rlnas train`; by default the controller that comes with rlnas."""
    dataset: Option[str] = None
    """Name, or .npz file of arrays X and y; by default what the policy was trained on."""
    episodes: int = 10
    """Episodes of each policy, on the same seeds."""
    seed: int = 10_000
    """Seed of the first episode; training uses seeds near its own, far from this one."""
    penalty: Option[float] = None
    """Price of the reference number of weights; by default as in the training."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class EvaluateConfig:
    """Test a design: on the held-out samples of its own data, or on all samples of other data."""

    design: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DESIGN")]
    """Folder made by `rlnas design`."""
    dataset: Option[str] = None
    """Name, or .npz file of arrays X and y; by default the data that it was made with."""
    json: bool = False
    """Print one JSON object."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class ExportConfig:
    """Write a design in a form that runs elsewhere, on features as the data set has them."""

    design: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DESIGN")]
    """Folder made by `rlnas design`."""
    format: Literal["c", "c-int8", "npz", "onnx", "safetensors", "torch"]
    """C99 code with float32 or int8 weights, sparse arrays (docs/export.md), ONNX, or a program of
    torch.export."""
    name: Option[str] = None
    """What files and C symbols are called, so that several networks can be in one program; by
    default after the data set."""
    out: Option[Path] = None
    """Folder for it; by default the format's name in that of the design."""
    dataset: Option[str] = None
    """Name, or .npz file of arrays X and y; by default what it was designed for."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    @property
    def folder(self) -> Path:
        """`out` or its default."""
        return self.out or self.design / self.format


@dataclass(frozen=True)
class DesignsConfig(PlainIntegers):
    """List the best designs that a training has seen."""

    run_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_DIR")]
    """Run folder of `rlnas train`; one that is still being written works too."""
    max_weights: Option[int] = None
    """Only designs of at most so many active weights."""
    dataset: Option[str] = None
    """Only designs for this data set."""
    limit: int = 10
    """How many at the most."""
    front: bool = False
    """List the Pareto front of accuracy against weights instead, smallest first."""
    save: Option[tuple[int, Path]] = None
    """Write the design of this row of the list, counted from 1, to this folder, instead of listing
    them; `rlnas evaluate` and `rlnas export` take it."""
    json: bool = False
    """Print one JSON list of everything known of each, at full precision."""


@dataclass(frozen=True)
class ReportConfig:
    """Write one HTML page about a run or a design; a run may still be in progress."""

    run_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_DIR")]
    """Folder made by `rlnas train` or `rlnas design`."""
    out: Option[Path] = None
    """The file; by default report.html in that folder."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""
