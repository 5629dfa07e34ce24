"""Standard streams that are closed, full, or a pipe nobody reads: the work goes on."""

import os
import sys
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import Any, TextIO


class LastingStreams:
    """Within it, what cannot be printed raises nothing; at its end, lost output is an error.

    Lost output is told in one line on standard error, if there is one. A pipe whose reader left, as
    `head` does, asks for no such line. What is lost of standard error alone is no error.

    Raises:
        SystemExit: with code 1, when the work was done but output was lost.
    """

    def __enter__(self) -> None:
        _open_closed_ones()
        self.output, self.errors = _Stream(sys.stdout), _Stream(sys.stderr)
        self.redirected = ExitStack()
        self.redirected.enter_context(redirect_stdout(self.output))
        self.redirected.enter_context(redirect_stderr(self.errors))

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self.redirected.close()
        self.output.flush()
        lost = self.output.error
        done = error is None or (isinstance(error, SystemExit) and not error.code)
        if lost is not None and done and not isinstance(lost, BrokenPipeError):
            self.errors.write(f"rlnas: cannot write to standard output: {lost.strerror}\n")
        self.errors.flush()
        for stream in (self.output, self.errors):
            stream.let_go()
        if lost is not None and done:
            raise SystemExit(1)


class _Stream:
    """A text stream that keeps its first error, instead of raising it, and then says no more."""

    def __init__(self, stream: TextIO):
        self._stream = stream
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        if self.error is None:
            try:
                self._stream.write(text)
            except OSError as error:
                self.error = error
        return len(text)

    def flush(self) -> None:
        if self.error is None:
            try:
                self._stream.flush()
            except OSError as error:
                self.error = error

    def let_go(self) -> None:
        """After an error, let nothing of what is still in buffers be written when Python ends."""
        if self.error is not None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def _open_closed_ones() -> None:
    """Occupy the numbers of closed standard streams, lest a file be opened in their place.

    From standard input nothing can be read then, to standard output nothing can be written, and
    what is written to standard error is lost.
    """
    for number, flags in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, flags), True)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)
