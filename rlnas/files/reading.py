"""Safe reading of files from untrusted sources."""

import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path

from rlnas.errors import InputError


def open_regular(path: str | Path) -> BufferedReader:
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


def sha256_of(path: str | Path) -> str:
    """The SHA-256 of a regular file in hexadecimal, in bounded memory.

    Raises:
        InputError: If the file does not exist, is not a regular file, or cannot be read.
    """
    with open_regular(path) as file:
        try:
            return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
