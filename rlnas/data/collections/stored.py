"""The files of a collection in a folder: which are missing, what is in one, writing them."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from rlnas.data.collections.table import T, Table
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.progress import progress


def missing(tables: Mapping[str, T], folder: Path) -> list[T]:
    """The tables whose files are absent or damaged."""

    def is_there(table: T) -> bool:
        path = folder / table.file_name
        return path.is_file() and table.is_in(path)

    return [table for table in tables.values() if not is_there(table)]


def encoded(table: Table, target: str, rows: Iterable[Sequence[bytes]]) -> bytes:
    """The CSV file of a table: a header, then every value as it was published.

    Args:
        table: The table.
        target: Name of the last column; the others are ``x1``, ``x2`` and so on.
        rows: The values of each row.

    Raises:
        InputError: If the result is not the published table.
    """
    header = [*(f"x{k + 1}".encode() for k in range(table.features)), target.encode()]
    made = b"".join(b",".join(row) + b"\n" for row in [header, *rows])
    if hashlib.sha256(made).hexdigest() != table.sha256:
        raise InputError(f"what was downloaded as {table.name} is not the published table")
    return made


def write(
    tables: Sequence[T], content_of: Callable[[T], bytes], folder: Path, progress_bar: bool
) -> None:
    """Write the file of each table, which appears at once and whole.

    An interruption thus leaves finished files and the rest for the next time.

    Args:
        tables: The tables.
        content_of: Makes the content of the file of a table.
        folder: An existing folder.
        progress_bar: Whether to show progress.

    Raises:
        InputError: If a file cannot be written, or its content cannot be made.
    """
    with progress(progress_bar, total=len(tables), unit="table") as bar:
        for table in tables:
            replace_file(folder / table.file_name, content_of(table))
            bar.update()
