"""`rlnas data describe`."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from rlnas.agents.table_settings import TableSettings


@dataclass(frozen=True)
class DataDescribe(TableSettings):
    """Say what is understood of each column of a table, without designing anything."""

    dataset: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TABLE")]
    """Table: .csv, .tsv, .parquet, keel:NAME or uci:NAME."""

    def run(self, shown: bool) -> None:
        """Print a line for each column."""
        from rlnas.agents.cli.printing import print_columns
        from rlnas.data.loading import load_dataset
        from rlnas.errors import InputError

        data = load_dataset(self.dataset, data_dir=self.data_dir, **self.about_table())
        if data.preprocessing.encoding is None:
            raise InputError(f"{self.dataset} is no table of columns: give a .csv, for example")
        print_columns(data)
