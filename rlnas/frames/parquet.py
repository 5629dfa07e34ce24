"""Tables in Parquet files, read by polars or PyArrow, whichever is installed."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from rlnas.errors import InputError
from rlnas.files.reading import open_regular
from rlnas.frames.frame import Frame
from rlnas.frames.objects import read_object

_READERS = {"polars": ("polars", "read_parquet"), "pyarrow": ("pyarrow.parquet", "read_table")}
"""The function that reads a file, by library."""


def read_parquet(path: str | Path) -> Frame:
    """Read a table from a Parquet file.

    `rlnas.frames.values.typed` says what values become.

    Args:
        path: Path of the file.

    Raises:
        InputError: If the file cannot be read or is damaged, neither polars nor PyArrow is
            installed, the table is empty, or a value cannot be used.
    """
    path = Path(path)
    with open_regular(path) as file:
        reader = _reader(path)
        try:
            table = reader(file)
        except BaseException as error:  # each library raises many kinds
            # Where Rust code fails an assertion, polars raises what is no Exception.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            reason = " ".join(str(error).split())[:100] or type(error).__name__
            raise InputError(f"{path} is damaged or no Parquet file: {reason}") from error
    return read_object(table, path.stem)


def _reader(path: Path) -> Callable[[IO[bytes]], Any]:
    """The function that reads Parquet files."""
    for library, (module, function) in _READERS.items():
        if find_spec(library):
            reader: Callable[[IO[bytes]], Any] = getattr(import_module(module), function)
            return reader
    raise InputError(
        f"reading {path} needs polars: pip install 'rlnas[parquet]', or save it as CSV"
    )
