"""What rlnas logs, as lines on standard error: warnings, and what takes its time."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def log_lines() -> Iterator[None]:
    """Print messages of rlnas from the level INFO on; without it, from WARNING on."""
    log, handler = logging.getLogger("rlnas"), _Lines()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


class _Lines(logging.Handler):
    """Prints above progress bars."""

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        tqdm.write(self.format(record), file=sys.stderr)
