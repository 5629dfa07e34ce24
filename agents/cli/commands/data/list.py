"""`rlnas data list`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class DataList:
    """Name the data sets, and say where each comes from."""

    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Print a line for each data set."""
        from rlnas.data.datasets import locations

        for name, place in locations(self.data_dir).items():
            print(f"{name:<15} {place}")
