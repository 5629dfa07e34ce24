"""Ctrl-C: the first one requests an orderly stop, the second one interrupts at once."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts(message: str) -> Iterator[Callable[[], bool]]:
    """Print a message at the first Ctrl-C; raise `KeyboardInterrupt` at the second.

    Args:
        message: printed to standard error.

    Yields:
        A function that returns whether Ctrl-C was pressed. Outside the main thread, where Python
        handles no signals, it always returns False.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    pressed = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        print(f"\n{message}", file=sys.stderr)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
