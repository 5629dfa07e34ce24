"""Progress bars: tqdm on a terminal, elsewhere a plain line every few seconds."""

import sys
from typing import Any, TextIO

from tqdm import tqdm

SECONDS = 10.0
"""Time between two lines when there is no terminal; shorter work prints no line."""

MULTIPLY_ADDS: dict[str, Any] = {"unit": "multiply-adds", "unit_scale": True}
"""Options of a bar that counts multiply-adds."""

_LINE = "{desc}: {percentage:.0f}% {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"


def progress(shown: bool = True, **options: Any) -> tqdm:
    """A progress bar on standard error, with the time left.

    Its postfix is best set with `refresh=False`: the next update shows it.

    Args:
        shown: Whether to print anything.
        **options: Options of tqdm, such as `total`, `unit` and `desc`.
    """
    if not shown or sys.stderr is None:
        return tqdm(disable=True, **options)
    if on_terminal():
        return tqdm(dynamic_ncols=True, **options)
    lines: Any = _Lines(sys.stderr)
    plain = {"mininterval": SECONDS, "delay": SECONDS, "miniters": 1, "bar_format": _LINE}
    return tqdm(file=lines, **plain, **options)


def on_terminal() -> bool:
    """Whether standard error is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


class _Lines:
    """File that turns the output of tqdm, which begins with a carriage return, into lines.

    Args:
        stream: Where the lines are written.
    """

    def __init__(self, stream: TextIO):
        self.stream = stream

    def write(self, text: str) -> None:
        """Write the text as a line, unless it is blank."""
        if text := text.strip():
            self.stream.write(f"{text}\n")

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()
