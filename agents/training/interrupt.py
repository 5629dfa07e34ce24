"""Ctrl-C: the first one requests an orderly stop, further ones interrupt at once."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Paused(KeyboardInterrupt):
    """A training was stopped by Ctrl-C; the message says how to go on."""


@contextmanager
def interrupts() -> Iterator[Callable[[], int]]:
    """Print a message at the first Ctrl-C; let further ones do what they did before.

    Within another such block, both count the same presses.

    Yields:
        A function that returns how often Ctrl-C was pressed. More than once means at once: an
        exception that is raised where Python runs a destructor is lost. Outside the main thread,
        where Python handles no signals, it always returns 0.

    Raises:
        KeyboardInterrupt: at the second Ctrl-C, also where it became another error.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    before = signal.getsignal(signal.SIGINT)
    presses = before if isinstance(before, _Presses) else _Presses(before)
    signal.signal(signal.SIGINT, presses)
    try:
        yield lambda: presses.count
    except Exception as error:
        if presses.count > 1:  # compilers that lose the interrupt fail with another error later
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)


class _Presses:
    """A handler of Ctrl-C that counts.

    Args:
        before: what `signal.getsignal` returned, for all presses but the first.
    """

    def __init__(self, before: Any):
        self.before = before if callable(before) else signal.default_int_handler
        self.count = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            self.before(number, frame)
        else:
            told = "finishing this rollout; Ctrl-C again to leave at once"
            print(f"\n{told}", file=sys.stderr)
