"""The logs of a run, `progress.csv` and TensorBoard; how far they are, and going back to there."""

import csv
import io
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from stable_baselines3.common.logger import (
    KVWriter,
    Logger,
    TensorBoardOutputFormat,
    filter_excluded_keys,
)
from tensorboard.summary.writer.event_file_writer import _AsyncWriterThread

from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.typed import Damaged, fields, mapping, whole

PROGRESS = "progress.csv"
EVENTS = "tensorboard"

_PATTERN = "events.out.tfevents.*"  # TensorBoard's names
Row = Mapping[str, str]


class Table(KVWriter):
    """A CSV file with a row for each update, its columns in alphabetical order.

    The one of Stable-Baselines3 takes new columns from a set, whose order is another in every
    process, and writes them in place, where a crash would leave half of the file.

    Args:
        path: of the file, which is written anew.
        rows: that it begins with.
    """

    def __init__(self, path: Path, rows: Sequence[Row] = ()):
        self.path = path
        self._begin(rows)

    def write(self, key_values: Any, key_excluded: Any, step: int = 0) -> None:
        """Add a row; where it has a new column, that is empty in all rows before."""
        values = filter_excluded_keys(key_values, key_excluded, "csv")
        row = {name: str(value) for name, value in values.items()}
        if row.keys() <= set(self.columns):
            self.writer.writerow(row)
            self.file.flush()
            self.count += 1
        else:
            self.file.close()
            self._begin([*read_rows(self.path), row])

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def _begin(self, rows: Sequence[Row]) -> None:
        self.columns = sorted({name for row in rows for name in row})
        self.count = len(rows)
        text = io.StringIO()
        if rows:
            writer = self._writer(text)
            writer.writeheader()
            writer.writerows(rows)
        replace_file(self.path, text.getvalue().encode())
        self.file = self.path.open("a", encoding="utf-8", newline="")
        self.writer = self._writer(self.file)

    def _writer(self, file: TextIO) -> csv.DictWriter:
        return csv.DictWriter(file, self.columns, restval="", lineterminator="\n")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a `Table`.

    Raises:
        InputError: the file cannot be read, or is no table.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path} is damaged: {error}; remove it to go on without it") from error


class Kept(NamedTuple):
    """What of the logs is kept when a training goes on.

    Attributes:
        rows: of `progress.csv`.
        sizes: bytes of each file of TensorBoard; others are removed.
        next_picture: timestep at which pictures are due.
    """

    rows: Sequence[Row] = ()
    sizes: Mapping[str, int] = {}
    next_picture: int = 0


def logs_state(folder: Path, logger: Logger, next_picture: int) -> dict[str, Any]:
    """How far the logs are, JSON values; up to there they are on the disk, come what may.

    Args:
        folder: of the run.
        logger: of `open_logs`.
        next_picture: timestep at which pictures are due.
    """
    table, events = logger.output_formats
    assert isinstance(table, Table)
    assert isinstance(events, TensorBoardOutputFormat)
    events.writer.flush()
    paths = list((folder / EVENTS).glob(_PATTERN))
    for path in (table.path, *paths):
        with path.open("r+b") as file:
            os.fsync(file.fileno())
    sizes = {path.name: path.stat().st_size for path in paths}
    return {"rows": table.count, "sizes": sizes, "next_picture": next_picture}


def kept_logs(folder: Path, state: Any) -> Kept:
    """What of the logs was there when `logs_state` gave a state; nothing is changed yet.

    A file that is not there any more, which its owner has removed, is done without.

    Raises:
        Damaged: the logs cannot have had the state: they are shorter.
        InputError: `progress.csv` cannot be read.
    """
    count, sizes, next_picture = fields(state, "rows", "sizes", "next_picture")
    sizes = {name: whole(size) for name, size in mapping(sizes).items()}
    for path in (folder / EVENTS).glob(_PATTERN):
        if path.stat().st_size < sizes.get(path.name, 0):
            raise Damaged(f"{path} is shorter than it says")
    kept = Kept([], sizes, whole(next_picture))
    whole(count)
    if not (folder / PROGRESS).exists():
        return kept
    rows = read_rows(folder / PROGRESS)[:count]
    # A row has None for what it lacks, and under None what it has too much.
    if len(rows) < count or any(None in (*row, *row.values()) for row in rows):
        raise Damaged(f"{folder / PROGRESS} has not the {count} rows that it says")
    return kept._replace(rows=rows)


def open_logs(logger: Logger, folder: Path, kept: Kept) -> None:
    """Let a logger write to the logs of a run, behind what is kept of them; the rest is lost."""
    logger.output_formats = [Table(folder / PROGRESS, kept.rows)]
    for path in (folder / EVENTS).glob(_PATTERN):
        if path.name in kept.sizes:
            os.truncate(path, kept.sizes[path.name])
        else:
            path.unlink()
    logger.output_formats.append(TensorBoardOutputFormat(str(folder / EVENTS)))


@contextmanager
def quiet_writers() -> Iterator[None]:
    """Within it, TensorBoard's threads print nothing when they cannot write.

    The next call of their writer raises their error, which is then told once.
    """
    before = threading.excepthook

    def tell(failure: threading.ExceptHookArgs) -> None:
        if not (
            isinstance(failure.thread, _AsyncWriterThread)
            and isinstance(failure.exc_value, OSError)
        ):
            before(failure)

    threading.excepthook = tell
    try:
        yield
    finally:
        threading.excepthook = before
