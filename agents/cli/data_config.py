"""The settings of the commands about data sets."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class FetchConfig:
    """Download a data set, verify it, and keep it where rlnas finds it."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Which one: mnist or fashion_mnist."""
    data_dir: Option[Path] = None
    """Folder to keep it in; by default the user's cache."""


@dataclass(frozen=True)
class ListConfig:
    """Name the data sets, and say where each comes from."""

    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""
