"""`rlnas benchmark card`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlnas.tabular.table import Table


@dataclass(frozen=True)
class BenchmarkCard:
    """Write the data card of a table: how it was made, its noise, the best architectures in it."""

    table: str
    """A table of the package (digits, mnist), or the path of another."""
    out: Path
    """Folder for `card.md` and `front.png`."""

    def run(self, shown: bool) -> None:
        """Write the card and say where it is."""
        from rlnas.tabular.table import Table

        write_card(Table.load(self.table), self.out)


def write_card(table: "Table", folder: Path) -> None:
    """Write the data card and the plot of a table, and say where they are."""
    from rlnas.files.atomic import replace_file
    from rlnas.tabular.card import data_card, plot_table

    replace_file(folder / "card.md", data_card(table).encode())
    replace_file(folder / "front.png", plot_table(table))
    print(f"data card in {folder / 'card.md'}, plot in {folder / 'front.png'}")
