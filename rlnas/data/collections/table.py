"""What is known of a published table without its file."""

import csv
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from rlnas.files.reading import sha256_of


@dataclass(frozen=True, kw_only=True)
class Table:
    """A published table.

    Attributes:
        name: Its name in its collection.
        rows: Number of samples.
        features: Number of columns before the target.
        sha256: SHA-256 of its CSV file, in hexadecimal.
    """

    name: str
    rows: int
    features: int
    sha256: str

    @property
    def file_name(self) -> str:
        """The name of its CSV file."""
        return f"{self.name}.csv"

    def is_in(self, path: Path) -> bool:
        """Whether a file has the published content.

        Raises:
            InputError: If the file does not exist, is not a regular file, or cannot be read.
        """
        return sha256_of(path) == self.sha256


T = TypeVar("T", bound=Table)


def listed(path: Path, kind: type[T]) -> dict[str, T]:
    """The tables that a TSV file lists, by name, in the order of the file.

    Args:
        path: The file; its columns are the fields of `kind`, texts or whole numbers.
        kind: The class of the tables.
    """
    numbers = {field.name for field in fields(kind) if field.type is int}

    def table(row: dict[str, str]) -> T:
        values: dict[str, Any] = {k: int(v) if k in numbers else v for k, v in row.items()}
        return kind(**values)

    with open(path, newline="", encoding="ascii") as file:
        return {row["name"]: table(row) for row in csv.DictReader(file, delimiter="\t")}
