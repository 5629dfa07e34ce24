"""Writing so that a crash leaves the old or the new, never half of one; reading files of strangers.

What is not finished has a hidden name that ends in `PARTIAL`, and is locked by the process that is
at it. The system takes the lock of a process that dies, so that the next one can tell what was left
behind, and removes it.
"""

import errno
import glob
import json
import math
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from rlnas.errors import InputError

if sys.platform != "win32":
    import fcntl

LOCK = ".lock"
"""File in a folder that a process is working on, or was."""

PARTIAL = ".partial"
"""End of the hidden names of files and folders that are being written."""

_NO_SYNC = (errno.EACCES, errno.EBADF, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
"""What file systems say that cannot sync a folder."""

MAX_DEPTH = 64
"""Lists and objects within one another in a JSON file."""


def replace_file(path: str | Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then rename it onto `path`.

    Afterwards it is on the disk, and survives a power cut.

    Raises:
        InputError: the folder cannot be written to.
    """
    path = Path(path)
    try:
        _make_folder(path.parent)
        remove_abandoned(path.parent, f".{glob.escape(path.name)}.*")
        handle, temporary = _temporary(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another folder") from error
    file = os.fdopen(handle, "wb")
    try:
        file.write(content)
        file.flush()
        os.fsync(handle)
        if sys.platform == "win32":  # which renames no file that is open
            file.close()
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:  # also when interrupted
        file.close()
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"cannot write {path}: {error.strerror}") from error
        raise
    file.close()


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


def holds_nothing(folder: Path) -> bool:
    """Whether a folder is empty, but for what a crash may have left in it."""
    return all(
        path.name == LOCK or (path.name.startswith(".") and path.name.endswith(PARTIAL))
        for path in folder.iterdir()
    )


def remove_abandoned(folder: Path, pattern: str = ".*") -> None:
    """Remove temporary files that writers left behind when they died.

    Args:
        folder: where.
        pattern: of their names without `PARTIAL`; by default all.
    """
    for path in folder.glob(f"{pattern}{PARTIAL}"):
        with suppress(OSError):  # its writer lives, another process was faster, or it is a folder
            if sys.platform == "win32":
                path.unlink()  # which fails where it is open
            else:
                with path.open("r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


def new_folder(path: str | Path) -> Path:
    """Make a folder for results.

    Raises:
        InputError: something is there already, or the folder cannot be made or written to.
    """
    path = Path(path)
    with _told(path):
        _make_folder(path)
        _check_free(path)
        remove_abandoned(path)
        with tempfile.TemporaryFile(dir=path):
            pass
    return path


@contextmanager
def result_folder(path: str | Path) -> Iterator[Path]:
    """A folder to write results to, which is `path` once all of them are written.

    Until the block has ended without an error they are in a hidden folder beside `path`, which is
    then renamed. Where `path` is an empty folder, which may be somebody's working directory or a
    mounted disk, the hidden folder is in it, and its files are moved up one by one.

    Raises:
        InputError: something is at `path`, another process is writing to it, or it cannot be
            written to.
    """
    path = Path(path)
    _check_free(path)
    inside = path.is_dir()
    work = path / PARTIAL if inside else path.with_name(f".{path.name}{PARTIAL}")
    results = work / "results"
    try:
        with _lock(work, path):
            try:
                _check_free(path)  # now that no other process can finish
                shutil.rmtree(results, ignore_errors=True)  # of a crash
                with _told(path):
                    results.mkdir()
                yield results
                with _told(path):
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

    The file of the lock stays there: were it removed, a process that had opened it before and one
    that makes it anew could both get the lock. A crash leaves the file, but not the lock.

    Args:
        folder: made if it does not exist.

    Raises:
        InputError: another process is at it, or it cannot be written to.
    """
    with _lock(Path(folder), Path(folder)):
        yield


@contextmanager
def _lock(place: Path, folder: Path) -> Iterator[None]:
    """Hold the lock in `place`, which is made if it does not exist, for work on `folder`."""
    lock = FileLock(place / LOCK)
    with _told(folder):
        _make_folder(place)
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


def _check_free(path: Path) -> None:
    with _told(path):
        if path.is_dir():
            if not holds_nothing(path):
                raise InputError(f"{path} exists and is not empty: choose another folder")
        elif os.path.lexists(path):
            raise InputError(f"cannot write to {path}: it is no folder, choose another")


def _publish(results: Path, path: Path, inside: bool) -> None:
    _sync_folder(results)
    if inside:
        remove_abandoned(path)
        for result in sorted(results.iterdir()):
            result.replace(path / result.name)
        _sync_folder(path)
    else:
        results.replace(path)
        _sync_folder(path.parent)


def _temporary(path: Path) -> tuple[int, Path]:
    """A new file beside `path`, open, and locked until it is closed."""
    while True:
        handle, name = tempfile.mkstemp(PARTIAL, f".{path.name}.", path.parent)
        if sys.platform != "win32":
            with suppress(OSError):  # where the file system has no locks, nobody can take one
                fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else it was taken for abandoned before it was locked
            return handle, Path(name)
        os.close(handle)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, where they do not exist, for good."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in made:
        _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can do that."""
    if sys.platform == "win32":  # which opens no folder as a file
        return
    handle = -1
    try:
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        if handle >= 0:
            os.close(handle)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """An error of the system as one of input."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write to {path}: {error.strerror}; choose another folder"
        ) from error
