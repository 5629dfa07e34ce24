"""The log files of a run, `progress.csv` and TensorBoard, which a resume cuts to a checkpoint."""

import csv
import io
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from stable_baselines3.common.logger import KVWriter, Logger, filter_excluded_keys
from tensorboard.summary.writer.event_file_writer import _AsyncWriterThread

from rlnas.agents.training.state import Section, check_empty, split
from rlnas.agents.training.watching.events import PATTERN, EventFile
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.typed import Damaged, mapping, whole

PROGRESS = "progress.csv"

BESIDE = "eval"
"""Folder of the runs that TensorBoard shows beside a training, each in a folder of its own."""

Row = Mapping[str, str]


class Table(KVWriter):
    """A CSV file with a row for each update, its columns in alphabetical order.

    The one of Stable-Baselines3 takes new columns from a set, whose order is another in every
    process, and writes them in place, where a crash would leave half of the file.

    Args:
        path: the file, which is overwritten.
        rows: the first rows.
    """

    def __init__(self, path: Path, rows: Sequence[Row] = ()):
        self.path = path
        self._begin(rows)

    def write(self, key_values: Any, key_excluded: Any, step: int = 0) -> None:
        """Add a row; a new column is empty in all rows before."""
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

    def _writer(self, file: TextIO) -> "csv.DictWriter[str]":  # quoted before Python 3.12
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


class LogFiles:
    """The log files of a run, to which a logger writes.

    `load_state_dict` checks the files and changes nothing; `open` then removes what was written
    after the state was saved.

    Args:
        folder: the run folder.
        logger: a logger without outputs.
    """

    def __init__(self, folder: Path, logger: Logger):
        self.folder, self.logger = folder, logger
        self.rows: Sequence[Row] = ()  # of `progress.csv`
        self.sizes: Mapping[str, int] = {}  # bytes of each file of TensorBoard
        self.beside: dict[str, EventFile] = {}

    def open(self) -> None:
        """Let the logger write behind the rows and bytes of the loaded state, if there is one."""
        self.table = Table(self.folder / PROGRESS, self.rows)
        self.logger.output_formats.append(self.table)
        for path in self._event_files():
            name = self._name(path)
            if name in self.sizes:
                os.truncate(path, self.sizes[name])
            else:
                path.unlink()
        self.events = EventFile(self.folder)
        self.logger.output_formats.append(self.events)

    def close(self) -> None:
        """Close the files."""
        self.logger.close()
        for events in self.beside.values():
            events.close()

    def add(self, values: Mapping[str, float], step: int) -> None:
        """Write values of a step at once, to all outputs but `progress.csv`, which has updates."""
        for output in self.logger.output_formats:
            if output is not self.table:
                output.write(dict(values), dict.fromkeys(values, ()), step)

    def add_beside(self, name: str, values: Mapping[str, float], step: int) -> None:
        """Write values of a step to a run of another name that TensorBoard shows beside this one.

        Args:
            name: name in words.
            values: values by their tags.
            step: the step.
        """
        if name not in self.beside:
            self.beside[name] = EventFile(self.folder / BESIDE / name.replace(" ", "_"))
        self.beside[name].write(dict(values), dict.fromkeys(values, ()), step)

    def add_text(self, name: str, text: str) -> None:
        """Show a text, as Markdown, in TensorBoard."""
        self.events.writer.add_text(name, text, 0)

    def state_dict(self) -> Section:
        """Number of rows and of bytes; up to there the files are on the disk, come what may."""
        self.events.writer.flush()  # those beside are, after every value
        paths = self._event_files()
        for path in (self.table.path, *paths):
            with path.open("r+b") as file:
                os.fsync(file.fileno())
        sizes = {self._name(path): path.stat().st_size for path in paths}
        return {"rows": self.table.count, "sizes": sizes}

    def load_state_dict(self, state: Section) -> None:
        """Continue behind the rows and bytes of a state.

        Files that have been removed since are begun anew.

        Raises:
            Damaged: the files are shorter than when the state was saved.
            InputError: `progress.csv` cannot be read.
        """
        arrays, (count, sizes) = split(state, "rows", "sizes")
        check_empty(arrays)
        self.sizes = {name: whole(size) for name, size in mapping(sizes).items()}
        for path in self._event_files():
            if path.stat().st_size < self.sizes.get(self._name(path), 0):
                raise Damaged(f"{path} is shorter than it says")
        whole(count)
        path = self.folder / PROGRESS
        self.rows = read_rows(path)[:count] if path.exists() else ()
        # A row has None for what it lacks, and under None what it has too much.
        short = path.exists() and len(self.rows) < count
        if short or any(None in (*row, *row.values()) for row in self.rows):
            raise Damaged(f"{path} has not the {count} rows that it says")

    def _event_files(self) -> list[Path]:
        return [*self.folder.glob(PATTERN), *self.folder.glob(f"{BESIDE}/*/{PATTERN}")]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


@contextmanager
def quiet_writers() -> Iterator[None]:
    """Within the block, TensorBoard's threads print no traceback when they cannot write.

    The next call of their writer raises the same error.
    """
    before = threading.excepthook

    def hook(failure: threading.ExceptHookArgs) -> None:
        if not (
            isinstance(failure.thread, _AsyncWriterThread)
            and isinstance(failure.exc_value, OSError)
        ):
            before(failure)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before
