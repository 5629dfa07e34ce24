"""`read_frame`: a table from a file of any known format, or from an object."""

import os
from pathlib import Path
from typing import Any

from rlnas.errors import InputError
from rlnas.frames.frame import Frame
from rlnas.frames.objects import read_object
from rlnas.frames.parquet import read_parquet
from rlnas.frames.text_files import read_text

_TEXT = (".csv", ".tsv", ".txt", ".data", ".dat")
_PACKED = tuple(f"{suffix}.gz" for suffix in _TEXT)
_PARQUET = (".parquet", ".pq")


def is_table_path(text: str) -> bool:
    """Whether the name of a file ends as those do that `read_frame` reads."""
    return text.lower().endswith((*_TEXT, *_PACKED, *_PARQUET))


def read_frame(source: Any) -> Frame:
    """Read a table of named columns.

    Args:
        source: Path of a text file, see `rlnas.frames.text_files.read_text`, or of a Parquet
            file; the suffix tells which. Or an object, see `rlnas.frames.objects.read_object`. Or
            a `Frame`, which is returned unchanged.

    Raises:
        InputError: If the source is no table, or cannot be read.
    """
    if isinstance(source, Frame):
        return source
    if not isinstance(source, str | os.PathLike):
        return read_object(source)
    text = os.fspath(source)
    path = Path(os.path.expanduser(text))
    if not is_table_path(text):
        suffixes = ", ".join((*_TEXT, *_PARQUET))
        raise InputError(f"{path} is no table by its name: expected it to end in {suffixes}")
    return read_parquet(path) if text.lower().endswith(_PARQUET) else read_text(path)
