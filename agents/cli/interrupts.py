"""Whether Ctrl-C was pressed, also where the interrupt was lost."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def noted_interrupts() -> Iterator[list[int]]:
    """A list that is not empty after an interrupt.

    Libraries that call Python from compiled code, as compilers do, lose the exception of an
    interrupt, and fail with another one later.
    """
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    try:
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        if usual:
            signal.signal(signal.SIGINT, note)
    except ValueError:  # in another thread than the first one, which gets all signals
        usual = False
    try:
        yield noted
    finally:
        if usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)
