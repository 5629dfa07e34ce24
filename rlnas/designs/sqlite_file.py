"""SQLite files with a single table, which may be untrusted.

A file is used only if its whole schema is that table, word for word: no view, trigger or virtual
table is ever run. Reading opens the file read-only, and a query may take no more steps than a file
of this size can need.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from rlnas.errors import InputError
from rlnas.files.reading import open_regular

_ROW_BYTES = 2**16  # largest row; hundreds are usual
_TICK = 10_000  # steps of SQLite between two checks of their number
_STEPS, _STEPS_PER_BYTE = 200_000, 20  # scanning a million designs takes 1 step a byte
_PATIENCE = 60.0  # seconds that a writer waits for readers

_EMPTY = (
    "SELECT 1 FROM pragma_user_version "
    "WHERE user_version = 0 AND NOT EXISTS (SELECT 1 FROM sqlite_master)"
)


@contextmanager
def reading(path: Path, table: str, version: int) -> Iterator[sqlite3.Connection]:
    """Context manager of a connection that reads a consistent state; it writes no other file.

    A `ValueError` raised inside the block is reported as damage.

    Args:
        path: Path of the file.
        table: The `CREATE TABLE` statement that made the table.
        version: Required `user_version`.

    Raises:
        InputError: If the file is damaged, in use, or of another version.
    """
    _check_file(path)
    address = f"{path.absolute().as_uri()}?mode=ro"
    with (
        _as_input_error(path, "{} is damaged"),
        closing(sqlite3.connect(address, uri=True)) as file,
    ):
        _protect(file, path)
        file.execute("BEGIN")  # what is checked is what is read
        _check_table(file, table, version)
        yield file


@contextmanager
def writing(path: Path, table: str, version: int) -> Iterator[sqlite3.Connection]:
    """Context manager of a connection that writes in one transaction.

    Args:
        path: Path of the file; it is created with its table if it does not exist.
        table: The `CREATE TABLE` statement that makes the table.
        version: The `user_version` of the file.

    Raises:
        InputError: If the file is damaged, of another version, or cannot be written to.
    """
    with _as_input_error(path, "cannot write {}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and (path.stat().st_size > 0 or not path.is_file()):
            _check_file(path)
        with closing(sqlite3.connect(path, timeout=_PATIENCE)) as file:
            _protect(file, path)
            with file:  # one transaction
                if file.execute(_EMPTY).fetchone() is not None:
                    file.execute(table)
                    file.execute(f"PRAGMA user_version = {version}")
                _check_table(file, table, version)
                file.set_progress_handler(None, 0)  # as many rows as there are
                yield file


def _check_file(path: Path) -> None:
    """Raise `InputError` for a file that SQLite should not even open."""
    with open_regular(path) as file:
        header = file.read(20)
    if header[:16] != b"SQLite format 3\0" or header[18:] != b"\1\1":  # no write-ahead log
        raise InputError(f"{path} is damaged: it is no database of designs")
    for end in ("-journal", "-wal", "-shm"):
        beside = Path(f"{path}{end}")
        if beside.exists() and not beside.is_file():
            raise InputError(f"{path} is damaged: {beside} is a pipe or a device")


def _protect(file: sqlite3.Connection, path: Path) -> None:
    """Make SQLite distrust the file, create no temporary file, and stop in the end."""
    most = _STEPS + _STEPS_PER_BYTE * path.stat().st_size
    ticks = iter(range(most // _TICK))
    file.set_progress_handler(lambda: next(ticks, None) is None, _TICK)
    file.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _ROW_BYTES)
    for setting in ("trusted_schema = OFF", "cell_size_check = ON", "temp_store = MEMORY"):
        file.execute(f"PRAGMA {setting}")


def _check_table(file: sqlite3.Connection, table: str, version: int) -> None:
    """Check that the file has the table and nothing else.

    Raises:
        InputError: If it was written by another version of rlnas.
        ValueError: If it holds anything else.
    """
    (there,) = file.execute("PRAGMA user_version").fetchone()
    if there > version:
        raise InputError(
            f"the database has version {there}, this rlnas reads {version}: use the newer one "
            "that wrote it"
        )
    if 0 < there < version:
        raise InputError(f"the database has version {there}, older than {version}: train again")
    found = file.execute("SELECT type, name, sql FROM sqlite_master LIMIT 2").fetchall()
    if found != [("table", table.split()[2], table)]:
        raise ValueError("it holds something else than designs")


@contextmanager
def _as_input_error(path: Path, what: str) -> Iterator[None]:
    """Turn the errors of SQLite and the system into one clear `InputError`."""
    try:
        yield
    except InputError:
        raise
    except (sqlite3.Error, ValueError, OSError) as error:
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_INTERRUPT":
            error = ValueError("a query takes longer than a file of this size can need")
        elif name.startswith("SQLITE_BUSY"):
            raise InputError(f"{path} is in use: try again in a moment") from error
        elif name == "SQLITE_READONLY_ROLLBACK":
            raise InputError(
                f"{path} was left half written when a training was cut short: go on with it, by "
                f"rlnas train --resume {path.parent}"
            ) from error
        raise InputError(f"{what.format(path)}: {error}") from error
