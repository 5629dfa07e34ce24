"""Writing files so that a crash leaves the old file or the new one, never half of one."""

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rlnas.errors import InputError

LOCK = ".lock"
"""File in a folder that a process is working on."""


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


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically."""
    replace_file(path, (json.dumps(value, indent=2) + "\n").encode())


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises:
        InputError: the file is missing or is not JSON.
    """
    path = Path(path)
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged: {error}") from error


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
