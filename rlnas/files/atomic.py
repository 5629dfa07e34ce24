"""Atomic writing: a crash leaves the old file or the new one, never half of one.

Unfinished files have a hidden name that ends in `PARTIAL`, and are locked by the process that
writes them. The system releases the lock of a process that dies, so that the next process can tell
which files were left behind, and removes them.
"""

import errno
import glob
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from rlnas.errors import InputError

if sys.platform != "win32":
    import fcntl

PARTIAL = ".partial"
"""End of the hidden names of files and folders that are being written."""

_NO_SYNC = (errno.EACCES, errno.EBADF, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
"""Errors of file systems that cannot sync a folder."""


def replace_file(path: str | Path, content: bytes) -> None:
    """Write `content` to a temporary file beside `path`, then rename it to `path`.

    Afterwards the content is on the disk, and survives a power cut.

    Args:
        path: Path of the file; its folder is created if it does not exist.
        content: Content of the file.

    Raises:
        InputError: If the file cannot be written.
    """
    path = Path(path)
    try:
        make_folder(path.parent)
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
        sync_folder(path.parent)
    except BaseException as error:  # also when interrupted
        file.close()
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise InputError(f"cannot write {path}: {error.strerror}") from error
        raise
    file.close()


def check_writable(path: Path) -> None:
    """Raise `InputError` if `replace_file` could not write a file, before work is done in vain."""
    folder = next(each for each in path.absolute().parents if each.exists())
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another file") from error


def remove_abandoned(folder: Path, pattern: str = ".*") -> None:
    """Remove temporary files that writers left behind when they died.

    Args:
        folder: Folder of the files.
        pattern: Glob pattern of their names without `PARTIAL`; by default all are removed.
    """
    for path in folder.glob(f"{pattern}{PARTIAL}"):
        with suppress(OSError):  # its writer lives, another process was faster, or it is a folder
            if sys.platform == "win32":
                path.unlink()  # which fails where it is open
            else:
                with path.open("r+b") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()


def make_folder(folder: Path) -> None:
    """Create a folder and its missing parents, and sync their names to the disk."""
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in made:
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Sync the names in a folder to the disk, if the system can do that."""
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


def _temporary(path: Path) -> tuple[int, Path]:
    """Create a file beside `path`, open, and locked until it is closed; its handle and path."""
    while True:
        handle, name = tempfile.mkstemp(PARTIAL, f".{path.name}.", path.parent)
        if sys.platform != "win32":
            with suppress(OSError):  # where the file system has no locks, nobody can take one
                fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:  # else it was taken for abandoned before it was locked
            return handle, Path(name)
        os.close(handle)
