"""Folders for results: one process works on a folder, and a crash leaves nothing in the way."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from rlnas.errors import InputError
from rlnas.files.atomic import PARTIAL, make_folder, remove_abandoned, sync_folder

LOCK = ".lock"
"""Name of the lock file in a folder that a process is working on, or was."""


def holds_nothing(folder: Path) -> bool:
    """Whether a folder contains at most files that a crash may have left."""
    return all(
        path.name == LOCK or (path.name.startswith(".") and path.name.endswith(PARTIAL))
        for path in folder.iterdir()
    )


def new_folder(path: str | Path) -> Path:
    """Create a folder for results.

    Raises:
        InputError: If the folder exists and is not empty, or cannot be created or written to.
    """
    path = Path(path)
    with _as_input_error(path):
        make_folder(path)
        check_free(path)
        remove_abandoned(path)
        with tempfile.TemporaryFile(dir=path):
            pass
    return path


@contextmanager
def result_folder(path: str | Path) -> Iterator[Path]:
    """Context manager of a folder to write results to, which becomes `path` at the end.

    Until the block has ended without an error, the results are in a hidden folder beside `path`,
    which is then renamed. If `path` is an empty folder, which may be somebody's working directory
    or a mounted disk, the hidden folder is in it, and its files are moved up one by one.

    Raises:
        InputError: If `path` exists and is not an empty folder, another process is writing to it,
            or it cannot be written to.
    """
    path = Path(path)
    check_free(path)
    inside = path.is_dir()
    work = path / PARTIAL if inside else path.with_name(f".{path.name}{PARTIAL}")
    results = work / "results"
    try:
        with _lock(work, path):
            try:
                check_free(path)  # now that no other process can finish
                shutil.rmtree(results, ignore_errors=True)  # of a crash
                with _as_input_error(path):
                    results.mkdir()
                yield results
                with _as_input_error(path):
                    _publish(results, path, inside)
            finally:
                # The lock too, while it is held: whoever has opened it finds that it is gone, or
                # the results at `path`.
                shutil.rmtree(work, ignore_errors=True)
    finally:
        with suppress(OSError):  # it is gone, but on Windows, where an open lock stays until now
            work.rmdir()


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Keep other processes from working on a folder.

    The lock file is never removed: otherwise a process that had opened it before and one that
    creates it anew could both get the lock. A crash leaves the file, but releases the lock.

    Args:
        folder: The folder; it is created if it does not exist.

    Raises:
        InputError: If another process is working on the folder, or it cannot be written to.
    """
    with _lock(Path(folder), Path(folder)):
        yield


@contextmanager
def _lock(place: Path, folder: Path) -> Iterator[None]:
    """Hold the lock in `place`, which is created if it does not exist, to work on `folder`."""
    lock = FileLock(place / LOCK)
    with _as_input_error(folder):
        make_folder(place)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                f"another process is working on {folder}: wait until it ends"
            ) from None
    try:
        yield
    finally:
        lock.release()


def check_free(path: Path) -> None:
    """Raise `InputError` if there is anything but an empty folder at a path."""
    with _as_input_error(path):
        if path.is_dir():
            if not holds_nothing(path):
                raise InputError(f"{path} exists and is not empty: choose another folder")
        elif os.path.lexists(path):
            raise InputError(f"cannot write to {path}: it is no folder, choose another")


def _publish(results: Path, path: Path, inside: bool) -> None:
    sync_folder(results)
    if inside:
        remove_abandoned(path)
        for result in sorted(results.iterdir()):
            result.replace(path / result.name)
        sync_folder(path)
    else:
        results.replace(path)
        sync_folder(path.parent)


@contextmanager
def _as_input_error(path: Path) -> Iterator[None]:
    """Turn an `OSError` into an `InputError`."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write to {path}: {error.strerror}; choose another folder"
        ) from error
