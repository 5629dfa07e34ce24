"""Writing files so that a crash leaves the old or the new one; reading files of strangers."""

import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from rlnas.errors import InputError

LOCK = ".lock"
"""File in a folder that a process is working on."""

MAX_DEPTH = 64
"""Lists and objects within one another in a JSON file."""


def replace_file(path: str | Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then rename it onto `path`.

    Raises:
        InputError: the folder cannot be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another folder") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:  # also when interrupted
        os.unlink(temporary)
        if isinstance(error, OSError):
            raise InputError(f"cannot write {path}: {error.strerror}") from error
        raise


def open_regular(path: str | Path) -> IO[bytes]:
    """Open a file for reading, and no pipe, device or folder, which could hang or never end.

    Raises:
        InputError: it is not there, is something else, or cannot be read.
    """

    def at_once(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe would wait for a writer

    try:
        file = open(path, "rb", opener=at_once)  # noqa: SIM115  the caller closes it
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # such as a null character in the name
        raise InputError(f"cannot read {str(path)!r}: {error}") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError(f"{path} is a pipe or a device: expected a file, save the content in one")
    return file


def read_bytes(path: str | Path) -> bytes:
    """The content of a file.

    Raises:
        InputError: as for `open_regular`.
    """
    with open_regular(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically.

    Raises:
        InputError: the folder cannot be written to, or the value holds what `parse_json` refuses.
    """
    text = json.dumps(value, indent=2)
    try:
        _check_plain(value)
    except ValueError as error:
        raise InputError(f"cannot write {path}: {error}") from error
    replace_file(path, (text + "\n").encode())


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is missing or is not JSON that `parse_json` takes.
    """
    content = read_bytes(path)
    try:
        return parse_json(content)
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}") from error


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text, in which every number is finite and every text can be written.

    Raises:
        ValueError: the text is not JSON, it is nested deeper than `MAX_DEPTH`, a number is not
            finite or an integer too large for a float, or a text holds half a surrogate
            pair or a null character.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _check_plain(value)
    return value


def _check_plain(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError(f"the text {value[:40]!a} is not Unicode") from None
            if "\0" in value:
                raise ValueError(f"the text {value[:40]!r} has a null character")
        case int() | float():
            try:
                finite = math.isfinite(value)
            except OverflowError:
                finite = False
            if not finite:
                raise ValueError("a number is not finite, or too large")
        case dict():
            for key, each in value.items():
                _check_plain(key, depth + 1)
                _check_plain(each, depth + 1)
        case list() | tuple():
            for each in value:
                _check_plain(each, depth + 1)


def new_folder(path: str | Path) -> Path:
    """Make a folder for results.

    Raises:
        InputError: something is there already, or the folder cannot be made or written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise InputError(f"{path} exists and is not empty: choose another folder")
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(f"cannot write to {path}: {error.strerror}") from error
    return path


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Keep other processes from working on a folder; a crash leaves no lock behind.

    Args:
        folder: made if it does not exist.

    Raises:
        InputError: another process is at it, or it cannot be written to.
    """
    path = Path(folder) / LOCK
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"another process is working on {folder}: wait until it ends") from None
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}") from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        lock.release()
