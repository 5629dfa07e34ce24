"""The collections of tables: which one a name such as keel:vowel is from, and finding its file.

On this computer, the files of a collection are in a folder of its name below one of
`rlnas.data.fetching.places.roots`.
"""

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rlnas.data.collections import keel, uci
from rlnas.data.collections.table import Table
from rlnas.data.fetching.places import roots
from rlnas.errors import InputError
from rlnas.objective import Task


@dataclass(frozen=True, eq=False)
class Collection:
    """A collection of published tables.

    Attributes:
        name: Its name for `rlnas.data.fetching.download.fetch`, and that of its folder below a data
            root.
        title: Its name in messages.
        tables: Every table by its name in the collection.
        target: The column that is to be learned, of all tables.
        task: What `target` is.
    """

    name: str
    title: str
    tables: Mapping[str, Table]
    target: str
    task: Task

    @property
    def prefix(self) -> str:
        """What the name of a table begins with where data sets of any kind are named."""
        return f"{self.name}:"

    @property
    def sources(self) -> list[str]:
        """The names of the tables, with `prefix`."""
        return [self.prefix + name for name in self.tables]

    def find_folder(self, data_dir: str | os.PathLike[str] | None = None) -> Path:
        """The first folder on this computer with the files of all tables, which are not verified.

        Args:
            data_dir: The data root to search first.

        Raises:
            InputError: If no folder has all files.
        """
        for folder in self.folders(data_dir):
            if all((folder / table.file_name).is_file() for table in self.tables.values()):
                return folder
        raise InputError(self.absent(f"the {self.title} collection", data_dir))

    def folders(self, data_dir: str | os.PathLike[str] | None = None) -> list[Path]:
        """The folders that may hold its files, in the order of the search."""
        return [root / self.name for root in roots(data_dir)]

    def absent(self, what: str, data_dir: str | os.PathLike[str] | None) -> str:
        """Message that something is not on this computer, and what to do."""
        looked = ", ".join(map(str, self.folders(data_dir)))
        return (
            f"{what} is not on this computer: run `rlnas data fetch {self.name}`, or set "
            f"RLNAS_DATA_DIR to a folder with {self.name}/ in it; looked in {looked}"
        )


KEEL = Collection("keel", "KEEL", keel.TABLES, keel.TARGET, "classification")
UCI = Collection("uci", "UCI", uci.TABLES, uci.TARGET, "regression")

COLLECTIONS = {each.name: each for each in (KEEL, UCI)}
"""Every collection by its name."""


def collection_of(source: object) -> Collection | None:
    """The collection that a source of data is from by its prefix, whether or not it has it."""
    if not isinstance(source, str):
        return None
    return next((each for each in COLLECTIONS.values() if source.startswith(each.prefix)), None)


def similar(text: str, others: Iterable[str] = ()) -> str:
    """What an unknown name was perhaps meant to be, for the end of a message.

    Args:
        text: The name; its prefix does not count, so that a table is found in any collection.
        others: Names that are suggested as well as those of all tables.

    Returns:
        A question in brackets; nothing if no name is similar.
    """
    named: dict[str, list[str]] = {}
    for name in (*others, *(name for each in COLLECTIONS.values() for name in each.sources)):
        named.setdefault(_plain(name), []).append(name)
    close = difflib.get_close_matches(_plain(text), named, n=1)
    return f" (did you mean {' or '.join(named[close[0]])}?)" if close else ""


def _plain(name: str) -> str:
    return name.rpartition(":")[2].lower().replace("-", "_")


def find(source: str, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The verified CSV file of a table on this computer.

    Args:
        source: Name of a table, with the prefix of a collection.
        data_dir: The data root to search first.

    Raises:
        InputError: If there is no such table, where similar names are suggested; or its file is
            absent, or is not the published one.
    """
    collection = collection_of(source)
    if collection is None:
        names = " or ".join(f"{each.prefix}NAME" for each in COLLECTIONS.values())
        raise InputError(f"{source!r} names no table of a collection: expected {names}")
    table = collection.tables.get(source.removeprefix(collection.prefix))
    if table is None:
        raise InputError(
            f"unknown {collection.title} table {source!r}{similar(source)}: `rlnas data list "
            f"--{collection.name}` names all"
        )
    paths = [folder / table.file_name for folder in collection.folders(data_dir)]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise InputError(collection.absent(source, data_dir))
    if not table.is_in(path):
        raise InputError(
            f"{path} is damaged or was changed, its SHA-256 differs: delete it, then run "
            f"`rlnas data fetch {collection.name}`"
        )
    return path
