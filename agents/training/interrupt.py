"""Ctrl-C: the first is remembered, the second is obeyed at once."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def interrupts(message: str) -> Iterator[Callable[[], bool]]:
    """Within it, the first Ctrl-C is only noted, and a message printed; the second interrupts.

    Yields:
        A function that tells whether there was one. In other threads than the main one, to which
        Python gives no signals, it never says so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    asked = False

    def handle(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        print(f"\n{message}", file=sys.stderr)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
