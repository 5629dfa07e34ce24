"""`rlnas data list`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class DataList:
    """Name the data sets, and say where each comes from."""

    data_dir: Option[Path] = None
    """Folder with data sets, searched first."""
    keel: bool = False
    """Name the KEEL tables instead, on this computer or not, with their sizes and splits."""
    uci: bool = False
    """Name the UCI tables instead, on this computer or not, with their sizes."""

    def run(self, shown: bool) -> None:
        """Print a line for each data set."""
        if self.keel or self.uci:
            if self.keel:
                _print_keel()
            if self.uci:
                _print_uci()
            return
        from rlnas.data.loading import locations

        for name, place in locations(self.data_dir).items():
            print(f"{name:<15} {place}")


def _print_keel() -> None:
    from rlnas.data.collections.catalogue import KEEL
    from rlnas.data.collections.keel import TABLES, split_of

    print(f"{'table':<37} {'rows':>6} {'features':>8} {'classes':>7} split")
    for name, table in TABLES.items():
        sizes = f"{table.rows:>6} {table.features:>8} {table.classes:>7}"
        print(f"{KEEL.prefix + name:<37} {sizes} {split_of(name)}")


def _print_uci() -> None:
    from rlnas.data.collections.catalogue import UCI

    print(f"{'table':<15} {'rows':>6} {'features':>8}")
    for name, table in UCI.tables.items():
        print(f"{UCI.prefix + name:<15} {table.rows:>6} {table.features:>8}")
