"""`rlnas data fetch`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class DataFetch:
    """Download a data set, verify it, and keep it where rlnas finds it."""

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """What to download: mnist, fashion_mnist, usps, or a collection of tables: keel (143), uci."""
    data_dir: Option[Path] = None
    """Folder to keep it in; by default the user's cache."""

    def run(self, shown: bool) -> None:
        """Download the data set and say where it is."""
        from rlnas.data.fetching.download import fetch

        print(f"in {fetch(self.name, self.data_dir, shown)}")
