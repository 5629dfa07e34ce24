"""Safe reading of files from untrusted sources."""

import os
import stat
from pathlib import Path
from typing import IO

from rlnas.errors import InputError


def open_regular(path: str | Path) -> IO[bytes]:
    """Open a regular file for reading; pipes and devices, which could block, are refused.

    Raises:
        InputError: If the file does not exist, is not a regular file, or cannot be read.
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
    """The content of a regular file.

    Raises:
        InputError: If the file does not exist, is not a regular file, or cannot be read.
    """
    with open_regular(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
