"""The settings of the commands about data sets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class FetchConfig:
    """Download a data set, verify it, and keep it where rlnas finds it."""

    name: Annotated[Literal["mnist", "fashion_mnist"], tyro.conf.Positional]
    """Which one."""
    data_dir: Path | None = None
    """Folder to keep it in; by default the user's cache."""


@dataclass(frozen=True)
class ListConfig:
    """Name the data sets, and say where each comes from."""

    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class DataConfig:
    """Name data sets, download one."""

    command: (
        Annotated[ListConfig, tyro.conf.subcommand("list")]
        | Annotated[FetchConfig, tyro.conf.subcommand("fetch")]
    )
