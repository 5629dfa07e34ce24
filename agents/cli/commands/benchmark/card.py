"""`rlnas benchmark card`."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rlnas.tabular.table import Table


@dataclass(frozen=True)
class BenchmarkCard:
    """Write the data card of a table, or of the family: how it was made, its noise, the best."""

    table: str
    """A table of the package (digits, mnist), the path of another, or family."""
    out: Path
    """Folder for `card.md` and, of a table, `front.png`."""

    def run(self, shown: bool) -> None:
        """Write the card and say where it is."""
        from rlnas.family.card import card
        from rlnas.family.family_file import load_family
        from rlnas.files.atomic import replace_file
        from rlnas.tabular.table import Table

        if self.table == "family":
            replace_file(self.out / "card.md", card(load_family()).encode())
            print(f"data card in {self.out / 'card.md'}")
        else:
            write_card(Table.load(self.table), self.out)


def write_card(table: "Table", folder: Path) -> None:
    """Write the data card and the plot of a table, and say where they are."""
    from rlnas.files.atomic import replace_file
    from rlnas.tabular.card import data_card, plot_table

    replace_file(folder / "card.md", data_card(table).encode())
    replace_file(folder / "front.png", plot_table(table))
    print(f"data card in {folder / 'card.md'}, plot in {folder / 'front.png'}")
