"""The logs of a run, `progress.csv` and TensorBoard; how far they are, and going back to there."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import CSVOutputFormat, Logger, TensorBoardOutputFormat
from tensorboard.summary.writer.event_file_writer import _AsyncWriterThread

from rlnas.files import replace_file

PROGRESS = "progress.csv"
EVENTS = "tensorboard"


class ResumedCSV(CSVOutputFormat):
    """The rest of a table that is there already."""

    def __init__(self, path: Path):
        self.file = open(path, "r+")  # noqa: SIM115  it is closed by the logger
        self.keys = self.file.readline().rstrip("\n").split(",") if path.stat().st_size else []
        self.file.seek(0, os.SEEK_END)
        self.separator, self.quotechar = ",", '"'


def open_logs(folder: Path, state: dict[str, Any] | None = None) -> Logger:
    """Begin the logs of a run, or go on from a state that `logs_state` gave.

    What was written after that state is lost. The table is kept whole, since it gets new columns;
    files of TensorBoard only grow.
    """
    path = folder / PROGRESS
    if state is None:
        table = CSVOutputFormat(str(path))
    else:
        replace_file(path, state["progress"].encode())
        for events in (folder / EVENTS).iterdir():
            if events.name in state["events"]:
                os.truncate(events, state["events"][events.name])
            else:
                events.unlink()
        table = ResumedCSV(path)
    try:
        return Logger(str(folder), [table, TensorBoardOutputFormat(str(folder / EVENTS))])
    except OSError:
        table.close()
        raise


def logs_state(folder: Path, logger: Logger) -> dict[str, Any]:
    """How far the logs are, JSON values."""
    for output in logger.output_formats:
        if isinstance(output, TensorBoardOutputFormat):
            output.writer.flush()
    return {
        "progress": (folder / PROGRESS).read_text(),
        "events": {path.name: path.stat().st_size for path in (folder / EVENTS).iterdir()},
    }


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
