"""The process of a worker, and the frames that it is asked and answers in.

`python -m rlnas.agents.distributed.worker_process` reads questions from its standard input, writes
answers to its standard output, and ends with its input. What environments print goes to its
standard error. Pickles come from the process that started this one, and go there.
"""

import os
import pickle  # nosec B403
import signal
import sys
import traceback
from struct import Struct
from typing import IO, Any

import cloudpickle

from rlnas.errors import InputError

_LENGTH = Struct("<Q")


def write(file: IO[bytes], content: bytes) -> None:
    """Write a frame: its length, and its content.

    Raises:
        OSError: nobody reads it any more.
    """
    file.write(_LENGTH.pack(len(content)))
    file.write(content)
    file.flush()


def read(file: IO[bytes]) -> bytes:
    """Read a frame.

    Raises:
        EOFError: nobody writes it any more.
    """
    (length,) = _LENGTH.unpack(_exactly(file, _LENGTH.size))
    return _exactly(file, length)


def _exactly(file: IO[bytes], size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise EOFError
    return content


def main() -> None:
    """Answer questions until there are no more, or nobody reads the answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks decides what Ctrl-C means
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr  # which writes every line at once
    try:
        _serve(questions, answers)
    except (EOFError, OSError):
        os._exit(0)  # nobody is left who could want anything


def _serve(questions: IO[bytes], answers: IO[bytes]) -> None:
    """Make a worker as the first frame says, then answer the others.

    Raises:
        EOFError: there are no more questions.
        OSError: nobody reads the answers.
    """
    from rlnas.agents.distributed.worker import Worker

    worker, failure = None, None
    setup = read(questions)
    try:
        worker = Worker(*pickle.loads(setup))  # nosec B301
    except Exception as error:
        failure = error
    del setup
    while True:
        write(answers, _outcome(worker, failure, read(questions)))


def _outcome(worker: Any, failure: Exception | None, question: bytes) -> bytes:
    """An answer and no exception, or no answer and the exception that it raised instead."""
    try:
        if failure is not None:
            raise failure
        return _pickled((worker.answer(pickle.loads(question)), None))  # nosec B301
    except Exception as error:
        if not isinstance(error, InputError):
            error.add_note(f"in a worker process:\n{traceback.format_exc()}")
        try:
            content = _pickled((None, error))
            # Some exceptions cannot be unpickled, since they take more arguments than they keep.
            pickle.loads(content)  # nosec B301
        except Exception:
            words = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
            return _pickled((None, RuntimeError(words)))
        return content


def _pickled(value: Any) -> bytes:
    try:
        return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # such as an instance of a class of the user's script; this takes longer
        pickled: bytes = cloudpickle.dumps(value)
        return pickled


if __name__ == "__main__":
    main()
